/// A finished value: its word as a batch's column holds it, or null.
@frozen
public struct LoweredValue: BitwiseCopyable, Equatable, Sendable {
    public var word: Int64
    public var isValid: Bool

    @inlinable public init(word: Int64) {
        self.word = word
        isValid = true
    }

    @inlinable public init(double: Double?) {
        word = Int64(bitPattern: double?.bitPattern ?? 0)
        isValid = double != nil
    }

    @inlinable public init() {
        word = 0
        isValid = false
    }

    public static let null = LoweredValue()
}

extension Moments {
    /// The value of an aggregate over integers.
    ///
    /// - Parameter scale: the decimals' scale; nil for a column of int64, bool or timestamp.
    @inlinable
    public func lower(_ function: AggregateFunction, scale: Int?) -> LoweredValue {
        switch function {
        case .count:
            return LoweredValue(word: count)
        case .sum:
            if let scale { return LoweredValue(double: Exact.double(sum, scale: scale)) }
            return Int64(exactly: sum).map { LoweredValue(word: $0) } ?? .null
        case .avg:
            return count == 0 ? .null : LoweredValue(double: Exact.mean(sum: sum, count: count, scale: scale ?? 0))
        case .min:
            return count == 0 ? .null : Moments.lower(min, scale: scale)
        case .max:
            return count == 0 ? .null : Moments.lower(max, scale: scale)
        case .varPop:
            return LoweredValue(
                double: Exact.variance(count: count, sum: sum, squares: squares, scale: scale ?? 0, sample: false))
        case .varSamp:
            return LoweredValue(double: Exact.variance(count: count, sum: sum, squares: squares, scale: scale ?? 0, sample: true))
        case .stddevPop:
            return LoweredValue(
                double: Exact.standardDeviation(count: count, sum: sum, squares: squares, scale: scale ?? 0, sample: false))
        case .stddevSamp:
            return LoweredValue(
                double: Exact.standardDeviation(count: count, sum: sum, squares: squares, scale: scale ?? 0, sample: true))
        case .first, .last, .countDistinct:
            preconditionFailure("\(function) is not made of moments")
        }
    }

    /// A single value of an integer column as `min max first last` give it: a decimal becomes the nearest double.
    @inlinable
    public static func lower(_ value: Int64, scale: Int?) -> LoweredValue {
        guard let scale else { return LoweredValue(word: value) }
        return LoweredValue(double: Exact.double(Int128(value), scale: scale))
    }
}
