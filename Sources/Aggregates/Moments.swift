/// The exact state of `count sum avg min max var stddev` over a column of integers (decimals are integers at their scale).
///
/// Lift is `add`, combine is `merge`; both are commutative and associative, so no order of arrival and no shape of a log
/// shows in a value. `lower` makes it a value, `Lowering` a block of them.
@frozen
public struct Moments: Sendable, BitwiseCopyable, Equatable {
    public var sum: Int128
    public var squares: SquareSum
    public var count: Int64
    public var min: Int64
    public var max: Int64

    /// The state of no value at all.
    @inlinable
    public init() {
        sum = 0
        squares = SquareSum()
        count = 0
        min = .max
        max = .min
    }

    @inlinable @inline(__always)
    public mutating func add(_ value: Int64) {
        sum &+= Int128(value)
        squares.add(value)
        count &+= 1
        if value < min { min = value }
        if value > max { max = value }
    }

    @inlinable @inline(__always)
    public mutating func merge(_ other: Moments) {
        sum &+= other.sum
        squares += other.squares
        count &+= other.count
        if other.min < min { min = other.min }
        if other.max > max { max = other.max }
    }
}
