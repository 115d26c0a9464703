public import Records

/// States of one column and window, a row each, that wait to be lowered together: the numbers of a row one in each lane, where
/// they have less than 64 bits, as nearly all have.
///
/// Whoever made it calls `deallocate`.
@frozen
public struct MomentsBlock: BitwiseCopyable {
    /// What fits in a near cache: with four windows of a column, 25 KiB.
    public static let capacity = 128

    @usableFromInline let counts: Lane<Int64>
    @usableFromInline let sums: Lane<Int64>
    @usableFromInline let squares: Lane<Int64>
    @usableFromInline let least: Lane<Int64>
    @usableFromInline let greatest: Lane<Int64>
    /// 1 where the state is too wide for the lanes and lies in `wide`.
    @usableFromInline let isWide: Lane<UInt8>
    @usableFromInline let wide: Lane<Moments>

    public init() {
        counts = .allocate(MomentsBlock.capacity)
        sums = .allocate(MomentsBlock.capacity)
        squares = .allocate(MomentsBlock.capacity)
        least = .allocate(MomentsBlock.capacity)
        greatest = .allocate(MomentsBlock.capacity)
        isWide = .allocate(MomentsBlock.capacity)
        wide = .allocate(MomentsBlock.capacity)
    }

    public func deallocate() {
        for lane in [counts, sums, squares, least, greatest] { lane.deallocate() }
        isWide.deallocate()
        wide.deallocate()
    }

    /// Sets the state of a row. Requires: `0 <= row < capacity`.
    @inlinable @inline(__always)
    public func put(_ moments: Moments, row: Int) {
        let sum = Int64(truncatingIfNeeded: moments.sum)
        let isShort = Int128(sum) == moments.sum && moments.squares.high == 0 && moments.squares.low >> 63 == 0
        put(
            count: moments.count, sum: sum, squares: Int64(truncatingIfNeeded: moments.squares.low), min: moments.min,
            max: moments.max, row: row)
        if !isShort { putWide(moments, row) }
    }

    /// Sets the state of a row from its numbers; those that no function needs may be anything. Requires: `0 <= row < capacity`,
    /// and `squares >= 0`.
    @inlinable @inline(__always)
    public func put(count: Int64, sum: Int64, squares: Int64, min: Int64, max: Int64, row: Int) {
        counts[row] = count
        sums[row] = sum
        self.squares[row] = squares
        least[row] = min
        greatest[row] = max
        isWide[row] = 0
    }

    @usableFromInline @inline(never)
    func putWide(_ moments: Moments, _ row: Int) {
        wide[row] = moments
        isWide[row] = 1
    }

    /// The state of a row.
    subscript(row: Int) -> Moments {
        if isWide[row] != 0 { return wide[row] }
        var moments = Moments()
        moments.count = counts[row]
        moments.sum = Int128(sums[row])
        moments.squares = SquareSum(low: UInt128(UInt64(bitPattern: squares[row])), high: 0)
        moments.min = least[row]
        moments.max = greatest[row]
        return moments
    }
}
