public import Records

/// The aggregates a pipeline file may name, with SQL's names and meaning: nulls are passed over.
@frozen
public enum AggregateFunction: String, CaseIterable, Hashable, Sendable, BitwiseCopyable {
    case count
    case sum
    case avg
    case min
    case max
    case varPop = "var_pop"
    case varSamp = "var_samp"
    case stddevPop = "stddev_pop"
    case stddevSamp = "stddev_samp"
    case first
    case last
    case countDistinct = "count_distinct"

    /// Whether it may stand without an argument: `count()` counts events.
    public var allowsNoArgument: Bool { self == .count }

    /// The type of the value over an argument of `type` (nil: none), or nil where the argument does not fit.
    public func resultType(of type: FieldType?) -> FieldType? {
        guard let type else { return allowsNoArgument ? .int64 : nil }
        switch self {
        case .count, .countDistinct:
            return .int64
        case .sum:
            switch type {
            case .int64: return .int64
            case .double, .decimal: return .double
            case .string, .bool, .timestamp: return nil
            }
        case .avg, .varPop, .varSamp, .stddevPop, .stddevSamp:
            switch type {
            case .int64, .double, .decimal: return .double
            case .string, .bool, .timestamp: return nil
            }
        case .min, .max, .first, .last:
            switch type {
            case .decimal: return .double
            case .string, .int64, .double, .bool, .timestamp: return type
            }
        }
    }
}
