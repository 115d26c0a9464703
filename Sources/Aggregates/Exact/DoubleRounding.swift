extension ExactDoubleSum {
    /// The sum, rounded once to the nearest double, ties to even; a zero is +0. nil where that would be infinite.
    public func rounded() -> Double? { quotient(by: 1) }

    /// The sum divided by `count`, rounded once; nil for no values. Requires: `count` is the number of values.
    public func mean(count: Int64) -> Double? {
        count > 0 ? quotient(by: UInt64(count)) : nil
    }

    private func quotient(by count: UInt64) -> Double? {
        let sum = net()
        if sum.isZero { return 0 }
        var divisor = Divisor()
        divisor.multiply(by: count)
        let magnitude = longQuotient(
            sum.limbs.span.extracting(sum.low...sum.high), exponent: ExactDoubleSum.exponent + 64 * sum.low, by: divisor
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
    private static func leadingBits(
        count: Int64, sum: borrowing ExactDoubleSum, squares: borrowing ExactDoubleSquareSum, sample: Bool
    ) -> LeadingBits? {
        let n = UInt64(count)
        var numerator = squares.multiplied(by: n)
        if numerator.isZero { return nil }
        numerator.subtractSquare(of: sum.net())
        if numerator.isZero { return nil }
        var divisor = Divisor()
        divisor.multiply(by: n)
        divisor.multiply(by: sample ? n - 1 : n)
        return longQuotient(
            numerator.limbs.span.extracting(numerator.low...numerator.high),
            exponent: ExactDoubleSquareSum.exponent + 64 * numerator.low, by: divisor)
    }
}

extension ExactDoubleSquareSum {
    fileprivate func multiplied(by factor: UInt64) -> ExactMagnitude {
        var result = ExactMagnitude()
        if high < low { return result }
        var carry: UInt64 = 0
        for i in low...high {
            let product = limbs[i].multipliedFullWidth(by: factor)
            let (limb, overflow) = product.low.addingReportingOverflow(carry)
            result.limbs[i] = limb
            carry = product.high &+ (overflow ? 1 : 0)
        }
        result.limbs[high + 1] = carry
        result.trim(low: low, high: high + 1)
        return result
    }
}

extension ExactMagnitude {
    /// Requires: the square is not greater, and limb 2i of this number counts the square of what limb i of `root` does.
    fileprivate mutating func subtractSquare(of root: ExactMagnitude) {
        if root.isZero { return }
        precondition(2 * root.high <= high, "the count, the sum and the squares are not of the same values")
        var isBorrowed = false
        for i in root.low...root.high where root.limbs[i] != 0 {
            var carry: UInt64 = 0
            for j in root.low...root.high {
                let product = root.limbs[i].multipliedFullWidth(by: root.limbs[j])
                let (addend, overflow) = product.low.addingReportingOverflow(carry)
                let (limb, borrowed) = limbs[i + j].subtractingReportingOverflow(addend)
                limbs[i + j] = limb
                carry = product.high &+ (overflow ? 1 : 0) &+ (borrowed ? 1 : 0)
            }
            var k = i + root.high + 1
            while carry != 0, k <= high {
                let (limb, borrowed) = limbs[k].subtractingReportingOverflow(carry)
                limbs[k] = limb
                carry = borrowed ? 1 : 0
                k += 1
            }
            isBorrowed = isBorrowed || carry != 0
        }
        precondition(!isBorrowed, "the count, the sum and the squares are not of the same values")
        trim(low: min(low, 2 * root.low), high: high)
    }
}
