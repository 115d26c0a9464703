extension ExactDoubleSum {
    /// The sum, rounded once to the nearest double, ties to even; a zero is +0. nil where that would be infinite.
    public func rounded() -> Double? { quotient(by: 1) }

    /// The sum divided by `count`, rounded once; nil for no values. Requires: `count` is the number of values.
    public func mean(count: Int64) -> Double? {
        count > 0 ? quotient(by: UInt64(count)) : nil
    }

    private func quotient(by count: UInt64) -> Double? {
        high - low < 4
            ? quotient(of: net() as ExactMagnitude<4>, by: count) : quotient(of: net() as ExactMagnitude<34>, by: count)
    }

    @inline(__always)
    private func quotient<let capacity: Int>(of sum: ExactMagnitude<capacity>, by count: UInt64) -> Double? {
        if sum.isZero { return 0 }
        var divisor = Divisor()
        divisor.multiply(by: count)
        let magnitude = longQuotient(
            sum.limbs.span.extracting(first: sum.count), exponent: ExactDoubleSum.exponent + 64 * sum.base, by: divisor
        ).rounded()
        guard let magnitude, magnitude != 0 else { return magnitude }
        return sum.isNegative ? -magnitude : magnitude
    }
}

extension Exact {
    /// `(count * squares - sum^2) / (count * m)`, rounded once, where `m` is `count`, or `count - 1` for a sample. nil for no
    /// values, for a sample of one, and where it would be infinite. Requires: all three are of the same values.
    public static func variance(
        count: Int64, sum: borrowing ExactDoubleSum, squares: borrowing ExactDoubleSquareSum, sample: Bool
    ) -> Double? {
        guard count > (sample ? 1 : 0) else { return nil }
        guard let variance = leadingBits(count: count, sum: sum, squares: squares, sample: sample) else { return 0 }
        return variance.rounded()
    }

    /// The square root of the exact variance, rounded once; nil and required as there.
    public static func standardDeviation(
        count: Int64, sum: borrowing ExactDoubleSum, squares: borrowing ExactDoubleSquareSum, sample: Bool
    ) -> Double? {
        guard count > (sample ? 1 : 0) else { return nil }
        guard let variance = leadingBits(count: count, sum: sum, squares: squares, sample: sample) else { return 0 }
        return variance.squareRootRounded()
    }

    /// Of the variance; nil where it is zero.
    @inline(__always)
    private static func leadingBits(
        count: Int64, sum: borrowing ExactDoubleSum, squares: borrowing ExactDoubleSquareSum, sample: Bool
    ) -> LeadingBits? {
        if squares.high < squares.low { return nil }
        if sum.high - sum.low < 4, squares.high + 1 - min(squares.low, 2 * sum.low) < 8 {
            return leadingBits(UInt64(count), net: sum.net() as ExactMagnitude<4>, squares, sample, ExactMagnitude<8>.self)
        }
        return longLeadingBits(UInt64(count), sum, squares, sample)
    }

    @inline(never)
    private static func longLeadingBits(
        _ count: UInt64, _ sum: borrowing ExactDoubleSum, _ squares: borrowing ExactDoubleSquareSum, _ sample: Bool
    ) -> LeadingBits? {
        leadingBits(count, net: sum.net() as ExactMagnitude<34>, squares, sample, ExactMagnitude<68>.self)
    }

    @inline(__always)
    private static func leadingBits<let narrow: Int, let wide: Int>(
        _ count: UInt64, net sum: ExactMagnitude<narrow>, _ squares: borrowing ExactDoubleSquareSum, _ sample: Bool,
        _: ExactMagnitude<wide>.Type
    ) -> LeadingBits? {
        var numerator = squares.multiplied(by: count, base: min(squares.low, 2 * sum.base)) as ExactMagnitude<wide>
        if numerator.isZero { return nil }
        numerator.subtractSquare(of: sum)
        if numerator.isZero { return nil }
        var divisor = Divisor()
        divisor.multiply(by: count)
        divisor.multiply(by: sample ? count - 1 : count)
        return longQuotient(
            numerator.limbs.span.extracting(first: numerator.count),
            exponent: ExactDoubleSquareSum.exponent + 64 * numerator.base, by: divisor)
    }
}

extension ExactDoubleSquareSum {
    /// Requires: `base <= low` and `capacity > high + 1 - base`.
    @inline(__always)
    fileprivate func multiplied<let capacity: Int>(by factor: UInt64, base: Int) -> ExactMagnitude<capacity> {
        var result = ExactMagnitude<capacity>(base: base)
        let words = limbs.span
        var carry: UInt64 = 0
        for i in low...high {
            let product = words[i].multipliedFullWidth(by: factor)
            let (limb, overflow) = product.low.addingReportingOverflow(carry)
            result.limbs[i - base] = limb
            carry = product.high &+ (overflow ? 1 : 0)
        }
        result.limbs[high + 1 - base] = carry
        result.trim(high + 2 - base)
        return result
    }
}
