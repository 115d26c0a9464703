/// Values from exact states, each rounded once, to the nearest double, ties to even.
///
/// A decimal's state counts units of `10^-scale`; int64 has scale 0. The results are right for every sum, sum of squares and
/// count that at most `Int64.max` values have.
public enum Exact {
    /// `unscaled / 10^scale`. Requires: `0 <= scale <= 18`.
    @inlinable @inline(__always)
    public static func double(_ unscaled: Int128, scale: Int) -> Double {
        mean(sum: unscaled, count: 1, scale: scale)
    }

    /// `sum / count / 10^scale`. Requires: `count > 0`, `0 <= scale <= 18`.
    public static func mean(sum: Int128, count: Int64, scale: Int) -> Double {
        precondition(count > 0, "the mean of no values")
        let power = powerOfTen(scale)
        let (denominator, overflow) = UInt64(count).multipliedReportingOverflow(by: power)
        // A quotient of two integers that are exact as doubles is rounded once.
        let short = Int64(truncatingIfNeeded: sum)
        if Int128(short) == sum, short.magnitude <= 1 << 53, denominator <= 1 << 53, !overflow {
            return Double(short) / Double(Int64(truncatingIfNeeded: denominator))
        }
        if sum == 0 { return 0 }
        let magnitude =
            overflow
            ? longMean(sum.magnitude, UInt64(count), power)
            : quotient(sum.magnitude, by: denominator).rounded()!
        return sum < 0 ? -magnitude : magnitude
    }

    /// `(count * squares - sum^2) / (count * m) / 10^(2 * scale)`, where `m` is `count`, or `count - 1` for a sample. nil
    /// for no values, and for a sample of one. Requires: `count`, `sum` and `squares` are of the same values;
    /// `0 <= scale <= 18`.
    public static func variance(count: Int64, sum: Int128, squares: SquareSum, scale: Int, sample: Bool) -> Double? {
        guard count > (sample ? 1 : 0) else { return nil }
        guard let denominator = denominator(count: count, scale: scale, sample: sample),
            let numerator = numerator(count: count, sum: sum, squares: squares)
        else {
            guard let variance = longVariance(count: count, sum: sum, squares: squares, scale: scale, sample: sample)
            else { return 0 }
            return variance.rounded()
        }
        if numerator <= 1 << 53, denominator <= 1 << 53 {
            return Double(Int64(truncatingIfNeeded: numerator)) / Double(Int64(truncatingIfNeeded: denominator))
        }
        return numerator == 0 ? 0 : quotient(numerator, by: denominator).rounded()
    }

    /// The square root of the exact variance; nil and required as there.
    public static func standardDeviation(count: Int64, sum: Int128, squares: SquareSum, scale: Int, sample: Bool) -> Double? {
        guard count > (sample ? 1 : 0) else { return nil }
        guard let denominator = denominator(count: count, scale: scale, sample: sample),
            let numerator = numerator(count: count, sum: sum, squares: squares)
        else {
            guard let variance = longVariance(count: count, sum: sum, squares: squares, scale: scale, sample: sample)
            else { return 0 }
            return variance.squareRootRounded()
        }
        if numerator == 0 { return 0 }
        return nearRoot(numerator, over: denominator) ?? exactRoot(numerator, over: denominator)
    }
}

// MARK: - Numbers of ordinary size

@inline(__always)
func powerOfTen(_ exponent: Int) -> UInt64 { powersOfTen[exponent] }

private let powersOfTen: InlineArray<19, UInt64> = [
    1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000,
    100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000,
    10_000_000_000_000_000, 100_000_000_000_000_000, 1_000_000_000_000_000_000,
]

/// The variance's denominator, where one word holds it.
@inline(__always)
private func denominator(count: Int64, scale: Int, sample: Bool) -> UInt64? {
    let n = UInt64(count)
    let power = powerOfTen(scale)
    if n >> 32 != 0 || scale > 9 { return nil }
    let (product, overflow) = (n &* (sample ? n &- 1 : n)).multipliedReportingOverflow(by: power &* power)
    return overflow ? nil : product
}

/// The variance's numerator, where two words hold its terms.
@inline(__always)
private func numerator(count: Int64, sum: Int128, squares: SquareSum) -> UInt128? {
    let short = Int64(truncatingIfNeeded: sum)
    if Int128(short) != sum || squares.high != 0 || squares.low >> 96 != 0 || count >> 32 != 0 { return nil }
    let square = SquareSum.square(of: short)
    // The Cauchy-Schwarz inequality keeps it from being negative.
    return squares.low &* UInt128(UInt64(count)) - square
}

@inline(never)
private func exactRoot(_ dividend: UInt128, over divisor: UInt64) -> Double? {
    longQuotient(dividend, by: divisor).squareRootRounded()
}

// MARK: - Numbers of any size

@inline(never)
private func longMean(_ sum: UInt128, _ count: UInt64, _ power: UInt64) -> Double {
    let limbs: InlineArray<2, UInt64> = [UInt64(truncatingIfNeeded: sum), UInt64(truncatingIfNeeded: sum >> 64)]
    var divisor = Divisor()
    divisor.multiply(by: count)
    divisor.multiply(by: power)
    let magnitude = limbs.span.extracting(first: limbs[1] == 0 ? 1 : 2)
    return longQuotient(magnitude, exponent: 0, by: divisor).rounded()!
}

/// nil where the variance is zero.
@inline(never)
private func longVariance(count: Int64, sum: Int128, squares: SquareSum, scale: Int, sample: Bool) -> LeadingBits? {
    let n = UInt64(count)
    let power = powerOfTen(scale)
    var limbs: InlineArray<4, UInt64> = [0, 0, 0, 0]
    // count * squares
    var carry: UInt64 = 0
    for i in 0..<3 {
        let limb = i == 2 ? squares.high : UInt64(truncatingIfNeeded: squares.low >> UInt128(64 * i))
        let product = n.multipliedFullWidth(by: limb)
        let (low, overflow) = product.low.addingReportingOverflow(carry)
        limbs[i] = low
        carry = product.high &+ (overflow ? 1 : 0)
    }
    limbs[3] = carry
    // less sum^2
    let square = sum.magnitude.multipliedFullWidth(by: sum.magnitude)
    var borrow = false
    for i in 0..<4 {
        let half = i < 2 ? square.low : square.high
        let limb = UInt64(truncatingIfNeeded: half >> UInt128(64 * (i & 1)))
        let (first, borrowed) = limbs[i].subtractingReportingOverflow(limb)
        let (second, borrowedAgain) = first.subtractingReportingOverflow(borrow ? 1 : 0)
        limbs[i] = second
        borrow = borrowed || borrowedAgain
    }
    precondition(!borrow, "the count, the sum and the squares are not of the same values")
    var length = 4
    while length > 0, limbs[length - 1] == 0 { length -= 1 }
    if length == 0 { return nil }
    var divisor = Divisor()
    divisor.multiply(by: n)
    divisor.multiply(by: sample ? n - 1 : n)
    divisor.multiply(by: power)
    divisor.multiply(by: power)
    return longQuotient(limbs.span.extracting(first: length), exponent: 0, by: divisor)
}
