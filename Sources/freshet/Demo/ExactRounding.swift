/// Quotients and roots of whole numbers, rounded once, by plain long division: the recount's own arithmetic.
enum ExactRounding {
    /// `numerator / denominator`, correctly rounded. Requires: 0 < denominator < 2^64.
    static func quotient(_ numerator: Int128, _ denominator: UInt64) -> Double {
        let (digits, isExact, exponent) = divide(numerator.magnitude, UInt128(denominator), bitsMin: 64, step: 1)
        let value = round(digits, isExact, exponent)
        return numerator < 0 ? -value : value
    }

    /// `sqrt(numerator) / denominator`, correctly rounded. Requires: 0 < denominator < 2^62.
    static func root(_ numerator: UInt128, over denominator: UInt64) -> Double {
        let square = UInt128(denominator) * UInt128(denominator)
        let (digits, isExact, exponent) = divide(numerator, square, bitsMin: 118, step: 2)
        // Bit by bit, the largest number whose square is not larger.
        var root: UInt128 = 0
        var bit = UInt128(1) << 63
        while bit > 0 {
            let larger = root | bit
            if larger * larger <= digits { root = larger }
            bit >>= 1
        }
        return round(root, isExact && root * root == digits, exponent / 2)
    }

    /// The quotient's leading binary digits, whether none follow, and the power of two that they count.
    private static func divide(
        _ numerator: UInt128, _ denominator: UInt128, bitsMin: Int, step: Int
    ) -> (digits: UInt128, isExact: Bool, exponent: Int) {
        var (digits, rest) = numerator.quotientAndRemainder(dividingBy: denominator)
        var exponent = 0
        while numerator > 0 && 128 - digits.leadingZeroBitCount < bitsMin {
            rest <<= UInt128(step)
            digits = digits << UInt128(step) | rest / denominator
            rest %= denominator
            exponent -= step
        }
        return (digits, rest == 0, exponent)
    }

    /// Digits beyond the last one that are not zero count as a one there: it lies below all bits that a double keeps.
    private static func round(_ digits: UInt128, _ isExact: Bool, _ exponent: Int) -> Double {
        Double(sign: .plus, exponent: exponent, significand: Double(isExact ? digits : digits | 1))
    }
}
