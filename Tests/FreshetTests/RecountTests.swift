import Engine
import Pipelines
import Records
import Testing

@testable import freshet

@Suite struct RecountTests {
    /// The processor's division and root are correctly rounded too, where their operands are doubles.
    @Test func roundsAsTheProcessorDoes() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = TrafficRandom(seed: seed)
        for _ in 0..<20_000 {
            let a = Int64(random.next() >> (11 + random.next() % 53))
            let b = random.next() >> (11 + random.next() % 52) | 1
            #expect(ExactRounding.quotient(Int128(-a), b) == -(Double(a) / Double(b)), "seed \(seed): \(a) / \(b)")
            #expect(ExactRounding.root(UInt128(a), over: 1) == Double(a).squareRoot(), "seed \(seed): root of \(a)")
        }
        #expect(ExactRounding.root(UInt128(9) << 80, over: 6) == 0x1p39)
        #expect(ExactRounding.quotient(1, 3) == 1.0 / 3)
        #expect(ExactRounding.quotient(Int128(1) << 100, 1) == 0x1p100)
    }

    private static let pipeline = """
        pipeline: p
        version: 1
        sources:
          t:
            topic: t
            format: json
            event_time: {field: event_time, unit: ms}
            out_of_orderness: 5s
            fields:
              transaction_id: int64
              event_time: timestamp
              customer_id: string
              terminal_id: string
              amount: decimal(2)
              fraud: int64
        views:
          v:
            source: t
            entity: [customer_id]
            where: amount > 0.5
            features:
              - {name: n, aggregate: count(), windows: [10s, lifetime]}
              - {name: s, aggregate: sum(amount), windows: [10s]}
              - {name: d, aggregate: stddev_pop(amount), windows: [10s]}
              - {name: x, aggregate: max(fraud), windows: [10s], delay: 1s}
              - {name: e, aggregate: sum(amount + 1), windows: [10s]}
        """

    private static func ledger(_ events: [(second: Int64, cents: Int64)]) -> TrafficLedger {
        let ledger = TrafficLedger(partitions: 1, outOfOrderness: .seconds(5))
        for (second, cents) in events {
            ledger.append(
                TrafficEvent(
                    time: second * 1_000, arrival: second * 1_000, transaction: 0, amountCents: cents, customer: 9, terminal: 1,
                    isFraud: cents == 300, defect: .none), partition: 0)
        }
        return ledger
    }

    @Test func recountsByHand() throws {
        let plan = try Plan(parsing: RecountTests.pipeline, file: "p.yaml")
        let fields = try TrafficField.of(plan.sources[0])
        let recount = try #require(Recount(plan.views[0], fields: fields))
        // The fourth is late, the fifth outside the condition.
        let ledger = RecountTests.ledger([(100, 100), (110, 300), (108, 200), (105, 999), (109, 50)])
        #expect(ledger.counts.rejected == [.late: 1])
        #expect(ledger.watermark == 105_000_000 && ledger.newest == 110_000_000)
        let histories = recount.histories(ledger)
        #expect(histories.count == 1 && recount.text(of: histories[0].key) == ["c-9"])
        let values = plan.views[0].values.indices.map { recount.value($0, of: histories[0], at: 110_000_000) }
        #expect(values == [.int64(2), .int64(3), .double(5), .double(0.5), .int64(0), nil])
        #expect(recount.unknownValues == ["e_10s"])
    }

    /// A wrong value and a row that is missing do not go unnoticed.
    @Test func noticesDifferences() throws {
        let plan = try Plan(parsing: RecountTests.pipeline, file: "p.yaml")
        let fields = try TrafficField.of(plan.sources[0])
        let ledger = RecountTests.ledger([(100, 100), (110, 300), (108, 200)])
        let recount = try #require(Recount(plan.views[0], fields: fields))
        let history = recount.histories(ledger)[0]
        func answer(wrong: Int?) -> (String, [String], EventTime) -> FeatureValues {
            { _, _, time in
                let values = plan.views[0].values.indices.map { index in
                    let right = recount.value(index, of: history, at: time.microseconds) ?? .null
                    return (name: plan.views[0].values[index].name, value: index == wrong ? FeatureValue.double(4.5) : right)
                }
                return FeatureValues(at: time, values: values)
            }
        }
        var check = DemoCheck(plan, fields: fields, ledger)
        try check.checkOnline(seed: 1, stored: false, answer(wrong: nil))
        #expect(check.score.onlineValues == 5 && check.score.differences == 0)
        try check.checkOnline(seed: 1, stored: false, answer(wrong: 2))
        #expect(check.score.onlineValues == 10 && check.score.differences == 1)

        let folder = try DemoFolder(keep: nil)
        defer { folder.remove() }
        var rows = DemoCheck(plan, fields: fields, ledger)
        // The watermark is 105 s, so that one row is due.
        try rows.checkRows(folder, counted: ["v": 1])
        #expect(rows.score.shown == ["v: no row of partition 0 offset 0"])
    }

    @Test func refusesOtherFields() throws {
        let text = RecountTests.pipeline.replacing("amount: decimal(2)", with: "amount: double")
        let plan = try Plan(parsing: text, file: "p.yaml")
        let failure = #expect(throws: CommandFailure.self) { try TrafficField.of(plan.sources[0]) }
        #expect(failure?.status == 1 && failure?.message.contains("field amount of source t") == true)
    }
}
