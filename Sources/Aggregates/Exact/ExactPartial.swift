/// The stored form of an exact sum, of a chunk's values say: one header word, then the limbs that are not zero at the ends.
///
///     header   bits 0..<8    the position of the first limb
///              bits 8..<16   the number of limbs
///              bit 16        whether the sum is negative
///     limb…    little-endian order, the first and the last not zero
///
/// It depends on the sum alone, not on how it came about. Ordinary values need two or three limbs for the sum and three
/// or four for the squares.
public enum ExactPartial {
    /// The most words that a partial of either kind takes.
    public static let wordsMax = 1 + 67

    fileprivate static func header(low: Int, count: Int, isNegative: Bool) -> UInt64 {
        UInt64(low) | UInt64(count) << 8 | (isNegative ? 1 << 16 : 0)
    }

    /// The parts of the header at `offset`; nil where no partial of a number of `limbs` limbs can be.
    @inline(__always)
    fileprivate static func parse(
        _ words: Span<UInt64>, at offset: Int, limbs: Int
    ) -> (low: Int, isNegative: Bool, limbs: Range<Int>)? {
        guard offset >= 0, offset < words.count else { return nil }
        let header = words[offset]
        let low = Int(truncatingIfNeeded: header & 0xFF)
        let count = Int(truncatingIfNeeded: header >> 8 & 0xFF)
        guard header >> 17 == 0, low + count <= limbs, offset + 1 + count <= words.count else { return nil }
        return (low, header >> 16 == 1, offset + 1..<offset + 1 + count)
    }
}

extension ExactDoubleSum {
    /// Appends the sum's stored form.
    public func appendPartial(to words: inout [UInt64]) {
        let sum = net() as ExactMagnitude<34>
        if sum.isZero { return words.append(0) }
        let limbs = sum.limbs.span
        var first = 0
        while limbs[first] == 0 { first += 1 }
        words.append(ExactPartial.header(low: sum.base + first, count: sum.count - first, isNegative: sum.isNegative))
        for i in first..<sum.count { words.append(limbs[i]) }
    }

    /// Adds the sum whose stored form begins at `offset`. The offset past it; nil, and nothing is added, if it is none.
    @inline(__always)
    public mutating func merge(_ words: Span<UInt64>, at offset: Int = 0) -> Int? {
        guard let partial = ExactPartial.parse(words, at: offset, limbs: ExactDoubleSum.limbCount) else { return nil }
        add(words.extracting(partial.limbs), at: partial.low, isNegative: partial.isNegative)
        return partial.limbs.upperBound
    }
}

extension ExactDoubleSquareSum {
    /// Appends the sum's stored form.
    public func appendPartial(to words: inout [UInt64]) {
        let limbs = limbs.span
        var (low, high) = (low, high)
        while high >= low, limbs[high] == 0 { high -= 1 }
        if high < low { return words.append(0) }
        while limbs[low] == 0 { low += 1 }
        words.append(ExactPartial.header(low: low, count: high - low + 1, isNegative: false))
        for i in low...high { words.append(limbs[i]) }
    }

    /// Adds the sum whose stored form begins at `offset`. The offset past it; nil, and nothing is added, if it is none.
    @inline(__always)
    public mutating func merge(_ words: Span<UInt64>, at offset: Int = 0) -> Int? {
        guard let partial = ExactPartial.parse(words, at: offset, limbs: ExactDoubleSquareSum.limbCount), !partial.isNegative
        else { return nil }
        add(words.extracting(partial.limbs), at: partial.low)
        return partial.limbs.upperBound
    }
}
