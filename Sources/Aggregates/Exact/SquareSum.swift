/// An exact sum of squares of `Int64`s: 192 bits, enough for 2^64 of them.
@frozen
public struct SquareSum: Hashable, BitwiseCopyable, Sendable {
    /// The lower 128 bits.
    public var low: UInt128
    /// The bits from 128 up.
    public var high: UInt64

    public static let zero = SquareSum(low: 0, high: 0)

    @inlinable @inline(__always)
    public init(low: UInt128, high: UInt64) {
        self.low = low
        self.high = high
    }

    @inlinable @inline(__always)
    public mutating func add(_ value: Int64) {
        let square = SquareSum.square(of: value)
        let (sum, carry) = low.addingReportingOverflow(square)
        low = sum
        high &+= carry ? 1 : 0
    }

    /// Takes back a value that was added.
    @inlinable @inline(__always)
    public mutating func subtract(_ value: Int64) {
        let square = SquareSum.square(of: value)
        let (difference, borrow) = low.subtractingReportingOverflow(square)
        low = difference
        high &-= borrow ? 1 : 0
    }

    @inlinable @inline(__always)
    public static func += (sum: inout SquareSum, other: SquareSum) {
        let (low, carry) = sum.low.addingReportingOverflow(other.low)
        sum.low = low
        sum.high = sum.high &+ other.high &+ (carry ? 1 : 0)
    }

    /// Takes back a sum that was added.
    @inlinable @inline(__always)
    public static func -= (sum: inout SquareSum, other: SquareSum) {
        let (low, borrow) = sum.low.subtractingReportingOverflow(other.low)
        sum.low = low
        sum.high = sum.high &- other.high &- (borrow ? 1 : 0)
    }

    @inlinable @inline(__always)
    static func square(of value: Int64) -> UInt128 {
        let magnitude = value.magnitude
        let square = magnitude.multipliedFullWidth(by: magnitude)
        return UInt128(square.high) << 64 | UInt128(square.low)
    }
}
