/// Division of exact magnitudes by the small factors of a denominator, cut to the bits that one correct rounding needs.
///
/// Dropping low bits at any step is harmless as long as it is remembered: with floor division,
/// `((x / a) / b) = x / (a * b)`, for `a` a power of two too.

/// The leading bits of `dividend / divisor`, for a mean or a variance. Requires: both are positive.
@inline(__always)
func quotient(_ dividend: UInt128, by divisor: UInt64) -> LeadingBits {
    // The quotient gets 63 or 64 bits: aligned, the dividend's upper half is less than 2^63, the divisor is not.
    let shift = dividend.leadingZeroBitCount
    let divisorShift = divisor.leadingZeroBitCount
    let aligned = dividend << UInt128(shift)
    let (bits, remainder) = divide(aligned >> 1, by: divisor << UInt64(divisorShift))
    return LeadingBits(
        bits: UInt128(bits), exponent: divisorShift - shift + 1,
        isInexact: remainder | UInt64(truncatingIfNeeded: aligned & 1) != 0)
}

/// 127 or 128 leading bits of `dividend / divisor`, for a square root. Requires: both are positive.
@inline(__always)
func longQuotient(_ dividend: UInt128, by divisor: UInt64) -> LeadingBits {
    let shift = dividend.leadingZeroBitCount
    return longQuotient(dividend << UInt128(shift), 0, exponent: -64 - shift, by: divisor, isInexact: false)
}

/// 127 or 128 leading bits of `(high * 2^64 + low) * 2^exponent / divisor`. Requires: the top bit of `high` is set.
@inline(__always)
private func longQuotient(
    _ high: UInt128, _ low: UInt64, exponent: Int, by divisor: UInt64, isInexact: Bool
) -> LeadingBits {
    let shift = divisor.leadingZeroBitCount
    let aligned = divisor << UInt64(shift)
    let (first, rest) = divide(high >> 1, by: aligned)
    let below = UInt64(truncatingIfNeeded: high) << 63 | low >> 1
    let (second, remainder) = divide(UInt128(rest) << 64 | UInt128(below), by: aligned)
    return LeadingBits(
        bits: UInt128(first) << 64 | UInt128(second), exponent: exponent + 1 + shift,
        isInexact: isInexact || (remainder | low & 1) != 0)
}

/// Requires: the quotient is less than 2^64.
@inline(__always)
private func divide(_ dividend: UInt128, by divisor: UInt64) -> (quotient: UInt64, remainder: UInt64) {
    // One call for the quotient; the standard library's `dividingFullWidth` may make a second for the remainder.
    let quotient = UInt64(truncatingIfNeeded: dividend / UInt128(divisor))
    return (quotient, UInt64(truncatingIfNeeded: dividend) &- quotient &* divisor)
}

/// A product of positive factors kept in as few words as greedy multiplication needs.
struct Divisor {
    private(set) var words: InlineArray<4, UInt64> = [1, 1, 1, 1]
    private(set) var count = 1

    /// Requires: not more than four factors in all.
    @inline(__always)
    mutating func multiply(by factor: UInt64) {
        let (product, overflow) = words[count - 1].multipliedReportingOverflow(by: factor)
        if overflow {
            words[count] = factor
            count += 1
        } else {
            words[count - 1] = product
        }
    }
}

/// At least 128 leading bits of `magnitude * 2^exponent / divisor`, or all where there are fewer and no remainder.
/// `magnitude` is little-endian. Requires: its last limb is not zero.
@inline(__always)
func longQuotient(_ magnitude: Span<UInt64>, exponent: Int, by divisor: Divisor) -> LeadingBits {
    if divisor.count > 1 { return stepwiseQuotient(magnitude, exponent: exponent, by: divisor) }
    let top = magnitude.count - 1
    let shift = UInt64(magnitude[top].leadingZeroBitCount)
    let words = (
        magnitude[top], top > 0 ? magnitude[top - 1] : 0, top > 1 ? magnitude[top - 2] : 0, top > 2 ? magnitude[top - 3] : 0
    )
    let high = UInt128(words.0 << shift | words.1 >> (64 - shift)) << 64 | UInt128(words.1 << shift | words.2 >> (64 - shift))
    var isInexact = words.3 << shift != 0
    if top > 3 {
        for i in 0..<top - 3 where magnitude[i] != 0 { isInexact = true }
    }
    return longQuotient(
        high, words.2 << shift | words.3 >> (64 - shift), exponent: exponent + 64 * (top - 2) - Int(shift), by: divisor.words[0],
        isInexact: isInexact)
}

/// `longQuotient`, one word of the divisor after the other.
@inline(never)
private func stepwiseQuotient(_ magnitude: Span<UInt64>, exponent: Int, by divisor: Divisor) -> LeadingBits {
    // Each word of the divisor takes 64 bits at most; two limbs of quotient must remain.
    let count = divisor.count + 2
    var limbs: InlineArray<6, UInt64> = [0, 0, 0, 0, 0, 0]
    let top = magnitude.count - 1
    let shift = UInt64(magnitude[top].leadingZeroBitCount)
    var isInexact = false
    for i in 0..<count where i <= top {
        let below = i < top ? magnitude[top - i - 1] : 0
        limbs[count - 1 - i] = magnitude[top - i] << shift | below >> (64 - shift)
    }
    if top >= count {
        isInexact = magnitude[top - count] << shift != 0
        for i in 0..<top - count where magnitude[i] != 0 { isInexact = true }
    }
    for word in 0..<divisor.count {
        let factor = divisor.words[word]
        if factor == 1 { continue }
        var remainder: UInt64 = 0
        for i in stride(from: count - 1, through: 0, by: -1) {
            let (quotient, rest) = divide(UInt128(remainder) << 64 | UInt128(limbs[i]), by: factor)
            limbs[i] = quotient
            remainder = rest
        }
        isInexact = isInexact || remainder != 0
    }
    var last = count - 1
    while limbs[last] == 0 { last -= 1 }
    let lead = UInt64(limbs[last].leadingZeroBitCount)
    let next = limbs[last - 1]
    let third = last >= 2 ? limbs[last - 2] : 0
    let high = limbs[last] << lead | next >> (64 - lead)
    let low = next << lead | third >> (64 - lead)
    isInexact = isInexact || third << lead != 0
    for i in 0..<max(0, last - 2) where limbs[i] != 0 { isInexact = true }
    let lowest = exponent + 64 * (magnitude.count - count) - Int(shift)
    return LeadingBits(
        bits: UInt128(high) << 64 | UInt128(low), exponent: lowest + 64 * (last - 1) - Int(lead), isInexact: isInexact)
}
