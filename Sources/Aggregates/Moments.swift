public import Records

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

extension Moments {
    /// Adds the words `[from, to)` whose bit is set in `valid`; at most 64 words make up a chunk, bit i stands for word i.
    @inlinable
    public mutating func add(_ words: Lane<Int64>, valid: UInt64, from: Int, to: Int, needs: Needs) {
        guard from < to else { return }
        let mask = valid & bitRange(from, to)
        let length = to &- from
        guard mask.nonzeroBitCount == length else {
            var rest = mask
            while rest != 0 {
                add(words[rest.trailingZeroBitCount])
                rest &= rest &- 1
            }
            return
        }
        // While no magnitude is above 2^28, the sum of 64 squares is at most 2^62: 64-bit arithmetic is exact.
        var total: Int64 = 0
        var squared: Int64 = 0
        var low = min
        var high = max
        // Bits above the 29th of value + 2^28: none where -2^28 <= value < 2^28. A form that vectorises.
        var excess: UInt64 = 0
        if needs.isSubset(of: .sum) {
            for index in from..<to {
                let value = words[index]
                total &+= value
                excess |= UInt64(bitPattern: value &+ 1 << 28) >> 29
            }
        } else {
            for index in from..<to {
                let value = words[index]
                total &+= value
                squared &+= value &* value
                excess |= UInt64(bitPattern: value &+ 1 << 28) >> 29
                low = value < low ? value : low
                high = value > high ? value : high
            }
        }
        guard excess == 0 else {
            for index in from..<to { add(words[index]) }
            return
        }
        sum &+= Int128(total)
        squares.add(partial: UInt64(bitPattern: squared))
        count &+= Int64(length)
        min = low
        max = high
    }
}

/// The bits `[from, to)` of a word, `0 <= from < to <= 64`.
@inlinable @inline(__always)
public func bitRange(_ from: Int, _ to: Int) -> UInt64 {
    (~0 >> UInt64(truncatingIfNeeded: 64 &- (to &- from))) << UInt64(truncatingIfNeeded: from)
}
