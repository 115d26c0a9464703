import Aggregates
import Pipelines
import Records
import Testing

/// DESIGN's example, from the file that ships.
struct ExampleTests {
    static let text = PipelineFiles.read("card_fraud.yaml")
    let plan: Plan

    init() throws { plan = try Plan(parsing: Self.text, file: "card_fraud.yaml") }

    @Test func source() {
        #expect(plan.pipeline == "card_fraud")
        #expect(plan.version == 1)
        #expect(plan.sources.count == 1)
        let source = plan.sources[0]
        #expect(source.name == "transactions")
        #expect(source.topic == "transactions")
        #expect(source.format == .json)
        #expect(source.key == 2)
        #expect(source.eventTime == 1)
        #expect(source.outOfOrderness == .seconds(5))
        #expect(source.idleTimeout == .seconds(30))
        #expect(source.maxAhead == .seconds(3600))
        #expect(
            source.fields == [
                RecordField(name: "transaction_id", type: .int64, optional: false, unit: .rfc3339, stored: false),
                RecordField(name: "event_time", type: .timestamp, optional: false, unit: .milliseconds, stored: true),
                RecordField(name: "customer_id", type: .string, optional: false, unit: .rfc3339, stored: true),
                RecordField(name: "terminal_id", type: .string, optional: false, unit: .rfc3339, stored: true),
                RecordField(name: "amount", type: .decimal(scale: 2), optional: false, unit: .rfc3339, stored: true),
                RecordField(name: "fraud", type: .int64, optional: false, unit: .rfc3339, stored: true),
            ])
    }

    @Test func views() {
        #expect(plan.views.map(\.name) == ["customer_spend", "terminal_risk"])
        let (spend, risk) = (plan.views[0], plan.views[1])
        #expect(spend.entity == [2])
        #expect(spend.isPartitionedByEntity)
        #expect(spend.condition == .comparison(.greater, .field(4, .decimal(scale: 2)), .literal(.int64(0))))
        #expect(spend.snapshots == .final && spend.serveAt == .now && spend.bounds == .openClosed)
        #expect(spend.inputs.map(\.argument) == [.field(4, .decimal(scale: 2)), .field(3, .string)])
        #expect(spend.inputs.map(\.type) == [.decimal(scale: 2), .string])
        #expect(spend.inputs.allSatisfy { $0.condition == nil })
        #expect(spend.retention == .seconds(30 * 86_400))
        #expect(risk.entity == [3])
        #expect(!risk.isPartitionedByEntity)
        #expect(risk.condition == nil)
        #expect(risk.snapshots == .final && risk.serveAt == .now && risk.bounds == .openClosed)
        #expect(risk.inputs.map(\.argument) == [.field(5, .int64)])
        #expect(risk.retention == .seconds(37 * 86_400))
    }

    @Test func values() {
        let day: Int64 = 86_400
        func row(_ v: ValuePlan) -> String {
            "\(v.name) \(v.function.rawValue) \(v.input.map(String.init) ?? "-") \(v.window!.microseconds / 1_000_000) "
                + "\(v.delay.microseconds / 1_000_000) \(v.type)"
        }
        #expect(
            plan.views[0].values.map(row) == [
                "tx_count_1h count - 3600 0 int64", "tx_count_1d count - \(day) 0 int64",
                "tx_count_7d count - \(7 * day) 0 int64", "tx_count_30d count - \(30 * day) 0 int64",
                "amount_avg_1h avg 0 3600 0 double", "amount_avg_1d avg 0 \(day) 0 double",
                "amount_avg_7d avg 0 \(7 * day) 0 double", "amount_avg_30d avg 0 \(30 * day) 0 double",
                "amount_sd_7d stddev_pop 0 \(7 * day) 0 double", "terminals_1d count_distinct 1 \(day) 0 int64",
            ])
        #expect(
            plan.views[1].values.map(row) == [
                "risk_1d avg 0 \(day) \(7 * day) double", "risk_7d avg 0 \(7 * day) \(7 * day) double",
                "risk_30d avg 0 \(30 * day) \(7 * day) double",
            ])
    }

    @Test func report() {
        let lines = plan.report.split(separator: "\n").map(String.init)
        #expect(lines.contains("  event time        event_time (ms)"))
        #expect(lines.contains("    transaction_id  int64          checked, not stored"))
        #expect(lines.contains("  rows       exchanged by the entity's hash"))
        #expect(lines.contains("  value           aggregate                    window  delay  type"))
        #expect(lines.contains("  amount_sd_7d    stddev_pop(amount)           7d      0s     double"))
        #expect(lines.contains("  risk_30d  avg(fraud)  30d     7d     double"))
        #expect(!plan.report.contains("no view reads it"))
    }
}
