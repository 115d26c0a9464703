import Pipelines
import Records

/// A field of the traffic's records, as a whole number: texts by the number in them, amounts in cents.
enum TrafficField: String, CaseIterable {
    case transaction = "transaction_id"
    case time = "event_time"
    case customer = "customer_id"
    case terminal = "terminal_id"
    case amount = "amount"
    case fraud = "fraud"

    var type: FieldType {
        switch self {
        case .transaction, .fraud: .int64
        case .time: .timestamp
        case .customer, .terminal: .string
        case .amount: .decimal(scale: 2)
        }
    }

    func value(of event: TrafficEvent) -> Int64 {
        switch self {
        case .transaction: event.transaction
        case .time: event.time * 1_000
        case .customer: Int64(event.customer)
        case .terminal: Int64(event.terminal)
        case .amount: event.amountCents
        case .fraud: event.isFraud ? 1 : 0
        }
    }

    /// As a key of an online read has it.
    func text(_ value: Int64) -> String {
        switch self {
        case .customer: "c-\(value)"
        case .terminal: "t-\(value)"
        case .time: EventTime(microseconds: value).rfc3339()
        case .amount, .transaction, .fraud: "\(value)"
        }
    }

    /// The fields of a pipeline's source, in its order; throws if the traffic does not fit them.
    static func of(_ source: SourcePlan) throws(CommandFailure) -> [TrafficField] {
        var fields: [TrafficField] = []
        for plan in source.fields {
            guard let field = TrafficField(rawValue: plan.name), field.type == plan.type, !plan.optional,
                plan.type != .timestamp || plan.unit == .milliseconds
            else {
                throw .wrong(
                    "freshet: field \(plan.name) of source \(source.name) is not one of the demo's traffic, which has \(all)")
            }
            fields.append(field)
        }
        guard fields.count == allCases.count, fields[source.eventTime] == .time else {
            throw .wrong(
                "freshet: source \(source.name) has to have all fields of the demo's traffic, event_time as its time: \(all)")
        }
        return fields
    }

    private static var all: String {
        allCases.map { "\($0.rawValue): \($0.type)" }.joined(separator: ", ") + ", none of them optional, event_time in ms"
    }
}
