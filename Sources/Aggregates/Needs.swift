/// What an aggregate needs to know of the events in a window; a column keeps the union of what its aggregates need.
@frozen
public struct Needs: OptionSet, Sendable, BitwiseCopyable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// How many values there are, and their sum.
    public static let sum = Needs(rawValue: 1 << 0)
    public static let squares = Needs(rawValue: 1 << 1)
    public static let extremes = Needs(rawValue: 1 << 2)
    /// The oldest and the newest value, by the order within the entity.
    public static let ends = Needs(rawValue: 1 << 3)
    /// The set of values.
    public static let distinct = Needs(rawValue: 1 << 4)
}

extension AggregateFunction {
    public var needs: Needs {
        switch self {
        case .count: []
        case .sum, .avg: .sum
        case .min, .max: .extremes
        case .varPop, .varSamp, .stddevPop, .stddevSamp: [.sum, .squares]
        case .first, .last: .ends
        case .countDistinct: .distinct
        }
    }
}
