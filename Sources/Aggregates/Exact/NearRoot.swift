/// The double nearest to the square root of `dividend / divisor`, where floating point can prove it; nil where the root lies
/// too close to the middle between two doubles, or the numbers are not of ordinary size. Requires: both are positive.
///
/// Ziv's test: an estimate that is off by a few units in the last place, then how far it is off, from an exact residual.
@inline(__always)
func nearRoot(_ dividend: UInt128, over divisor: UInt64) -> Double? {
    if dividend >> 126 != 0 || divisor >> 63 != 0 { return nil }
    // Each conversion, the quotient and the root are off by half a unit at most: four units in all, generously.
    let estimate = (approximation(Int128(truncatingIfNeeded: dividend)) / approximation(divisor)).squareRoot()
    let bits = estimate.bitPattern
    let fraction = Int64(truncatingIfNeeded: bits & 0xF_FFFF_FFFF_FFFF)
    // The root is `(significand + step) * 2^-scale`; near a power of two the unit would change on the way.
    let significand = UInt64(truncatingIfNeeded: fraction | 1 << 52)
    let scale = 1075 - Int(truncatingIfNeeded: bits >> 52)
    if fraction < 8 || fraction > (1 << 52) - 8 || scale < 0 { return nil }
    // Both terms may be wider than 128 bits; their difference has less than 121, so it is right modulo 2^128.
    let square = significand.multipliedFullWidth(by: significand)
    let product = (UInt128(square.high) << 64 | UInt128(square.low)) &* UInt128(divisor)
    let residual = Int128(truncatingIfNeeded: (dividend << UInt128(2 * scale)) &- product)
    let step = approximation(residual) / (2 * Double(Int64(significand)) * approximation(divisor))
    // Off by less than 2^-42: of that, 2^-50 is the square of the step that the derivative leaves out.
    let whole = Int64(step + 16.5) &- 16
    let rest = step - Double(whole)
    if rest < -0.5 + 0x1p-40 || rest > 0.5 - 0x1p-40 { return nil }
    return Double(bitPattern: bits &+ UInt64(bitPattern: whole))
}

/// The double near a number of less than 127 bits: converting an `Int128` takes a hundred times as long.
@inline(__always)
private func approximation(_ value: Int128) -> Double {
    let low = Int64(truncatingIfNeeded: value & 0x7FFF_FFFF_FFFF_FFFF)
    return Double(Int64(truncatingIfNeeded: value >> 63)) * 0x1p63 + Double(low)
}

/// The double near a number of less than 64 bits.
@inline(__always)
private func approximation(_ value: UInt64) -> Double { Double(Int64(truncatingIfNeeded: value)) }
