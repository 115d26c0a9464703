import Pipelines
import Records

/// A `where` over the traffic's fields: comparisons of whole numbers and decimals, joined by `and`, `or` and `not`.
indirect enum TrafficCondition {
    case always
    case comparison(Comparison, Number, Number)
    case and(TrafficCondition, TrafficCondition)
    case or(TrafficCondition, TrafficCondition)
    case not(TrafficCondition)

    enum Number {
        case field(TrafficField)
        /// In cents.
        case literal(Int128)
    }

    init() { self = .always }

    /// nil if it is none of these.
    init?(_ expression: Expression?, _ fields: [TrafficField]) {
        switch expression {
        case nil: self = .always
        case .comparison(let comparison, let left, let right)?:
            guard let left = Number(left, fields), let right = Number(right, fields) else { return nil }
            self = .comparison(comparison, left, right)
        case .and(let left, let right)?:
            guard let left = TrafficCondition(left, fields), let right = TrafficCondition(right, fields) else { return nil }
            self = .and(left, right)
        case .or(let left, let right)?:
            guard let left = TrafficCondition(left, fields), let right = TrafficCondition(right, fields) else { return nil }
            self = .or(left, right)
        case .not(let operand)?:
            guard let operand = TrafficCondition(operand, fields) else { return nil }
            self = .not(operand)
        default: return nil
        }
    }

    func holds(for event: TrafficEvent) -> Bool {
        switch self {
        case .always: return true
        case .and(let left, let right): return left.holds(for: event) && right.holds(for: event)
        case .or(let left, let right): return left.holds(for: event) || right.holds(for: event)
        case .not(let operand): return !operand.holds(for: event)
        case .comparison(let comparison, let left, let right):
            let (left, right) = (left.cents(of: event), right.cents(of: event))
            switch comparison {
            case .equal: return left == right
            case .notEqual: return left != right
            case .less: return left < right
            case .lessOrEqual: return left <= right
            case .greater: return left > right
            case .greaterOrEqual: return left >= right
            }
        }
    }
}

extension TrafficCondition.Number {
    fileprivate init?(_ expression: Expression, _ fields: [TrafficField]) {
        switch expression {
        case .field(let position, _):
            let field = fields[position]
            guard field == .amount || field == .fraud || field == .transaction else { return nil }
            self = .field(field)
        case .literal(.int64(let value)): self = .literal(Int128(value) * 100)
        case .literal(.decimal(let value, scale: 1)): self = .literal(Int128(value) * 10)
        case .literal(.decimal(let value, scale: 2)): self = .literal(Int128(value))
        default: return nil
        }
    }

    fileprivate func cents(of event: TrafficEvent) -> Int128 {
        switch self {
        case .literal(let cents): cents
        case .field(.amount): Int128(event.amountCents)
        case .field(let field): Int128(field.value(of: event)) * 100
        }
    }
}
