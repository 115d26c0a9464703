/// Arithmetic between int64, decimals and doubles in which nothing is lost before the one rounding at the end.

/// 10^exponent. Requires: 0...18.
func powerOfTen(_ exponent: Int) -> Int64 {
    var power: Int64 = 1
    for _ in 0..<exponent { power *= 10 }
    return power
}

/// The double nearest to `numerator / denominator`, ties to even. Requires: `0 < denominator`, both below 2^127.
func quotient(_ numerator: UInt128, _ denominator: UInt128) -> Double {
    // Exact as doubles, so IEEE's division rounds once.
    if numerator <= 1 << 53, denominator <= 1 << 53 { return Double(UInt64(numerator)) / Double(UInt64(denominator)) }
    if numerator == 0 { return 0 }
    var (bits, remainder) = numerator.quotientAndRemainder(dividingBy: denominator)
    var exponent = 0
    // At least two bits more than a double has; what is below them all is one sticky bit.
    while bits < 1 << 55 {
        remainder <<= 1
        bits <<= 1
        if remainder >= denominator {
            remainder -= denominator
            bits |= 1
        }
        exponent -= 1
    }
    var isInexact = remainder != 0
    let excess = max(0, 64 - bits.leadingZeroBitCount)
    if excess > 0 {
        isInexact = isInexact || bits & ((1 << UInt128(excess)) - 1) != 0
        bits >>= UInt128(excess)
        exponent += excess
    }
    return Double(sign: .plus, exponent: exponent, significand: Double(UInt64(bits) | (isInexact ? 1 : 0)))
}

/// The double nearest to `unscaled / power`.
func nearestDouble(_ unscaled: Int64, power: Int64) -> Double {
    if power == 1 { return Double(unscaled) }
    // Powers of ten up to 10^22 are exact doubles.
    if unscaled.magnitude <= 1 << 53 { return Double(unscaled) / Double(power) }
    let magnitude = quotient(UInt128(unscaled.magnitude), UInt128(power.magnitude))
    return unscaled < 0 ? -magnitude : magnitude
}

/// The double nearest to `a / b`; an exact zero has no sign. Requires: b is not 0, both within ±2^126.
func nearestQuotient(_ a: Int128, _ b: Int128) -> Double {
    let magnitude = quotient(a.magnitude, b.magnitude)
    return a != 0 && (a < 0) != (b < 0) ? -magnitude : magnitude
}

/// The magnitude of a finite double as `mantissa * 2^-shift`.
private func parts(_ x: Double) -> (mantissa: UInt64, shift: Int) {
    x.exponentBitPattern == 0
        ? (x.significandBitPattern, 1074) : (x.significandBitPattern | 1 << 52, 1075 - Int(x.exponentBitPattern))
}

/// Negative, 0 or positive as `x` is less than, equal to or greater than `unscaled / power`, exactly.
func order(_ x: Double, _ unscaled: Int64, power: Int64) -> Int {
    // An integer of 53 bits is an exact double.
    if power == 1, unscaled.magnitude <= 1 << 53 { return order(x, Double(unscaled)) }
    if x >= 0x1p63 { return 1 }
    if x < -0x1p63 { return -1 }
    let whole = x.rounded(.towardZero)
    // The integer part is settled; what remains to be compared is the fraction, times the power.
    let rest = Int128(unscaled) - Int128(Int64(whole)) * Int128(power)
    let fraction = x - whole
    if fraction == 0 { return rest > 0 ? -1 : rest < 0 ? 1 : 0 }
    let (mantissa, shift) = parts(fraction)
    let product = Int128(mantissa) * Int128(power) * (fraction < 0 ? -1 : 1)
    let floor = product >> Int128(min(shift, 127))
    if floor != rest { return floor < rest ? -1 : 1 }
    return shift < 127 && floor << Int128(shift) == product ? 0 : 1
}

/// `x` to `digits` fraction digits, half away from zero, decided on the exact value. Requires: 0...18 digits.
func rounded(_ x: Double, digits: Int, power: Int64) -> Double {
    if digits == 0 || x.magnitude >= 0x1p52 { return x.rounded(.toNearestOrAwayFromZero) }
    let (mantissa, shift) = parts(x)
    // Below 2^113, so more than 114 places to the right nothing is left.
    if shift > 120 { return Double(signOf: x, magnitudeOf: 0) }
    let count = (UInt128(mantissa) * UInt128(power.magnitude) + 1 << UInt128(shift - 1)) >> UInt128(shift)
    return Double(signOf: x, magnitudeOf: quotient(count, UInt128(power.magnitude)))
}
