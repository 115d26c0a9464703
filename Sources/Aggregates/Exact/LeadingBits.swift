internal import Glibc  // links the C library's sqrt, which `squareRoot()` names for negative operands

/// A positive number cut to its leading bits: `bits * 2^exponent`, plus less than one unit of the last bit where `isInexact`.
/// That is all that one correct rounding needs, to nearest, ties to even.
struct LeadingBits {
    /// Where the number is inexact: all 128 bits significant if its square root is asked for, at least 55 otherwise.
    var bits: UInt128
    var exponent: Int
    var isInexact: Bool

    /// The nearest double; nil where that would be infinite.
    @inline(__always)
    func rounded() -> Double? {
        let shift = bits.leadingZeroBitCount
        let aligned = bits << UInt128(shift)
        return nearestDouble(
            UInt64(truncatingIfNeeded: aligned >> 64), exponent: exponent + 64 - shift,
            isInexact: isInexact || UInt64(truncatingIfNeeded: aligned) != 0)
    }

    /// The double nearest to the number's square root; nil where that would be infinite.
    @inline(__always)
    func squareRootRounded() -> Double? {
        // An even exponent, and 125 or 126 bits of radicand, give a root of 63 bits.
        let shift = bits.leadingZeroBitCount
        let aligned = bits << UInt128(shift)
        let down = 2 + (exponent - shift) & 1
        let radicand = aligned >> UInt128(down)
        let root = integerSquareRoot(radicand)
        let rest = radicand &- square(root) | aligned & 7 & ((1 << UInt128(down)) - 1)
        return nearestDouble(UInt64(root) << 1, exponent: (exponent - shift + down) / 2 - 1, isInexact: isInexact || rest != 0)
    }
}

/// The double nearest to `significand * 2^exponent`, or to a number less than one unit above it where `isInexact`; ties
/// go to the even one. nil where it would be infinite. Requires: the significand's top bit is set.
@inline(__always)
func nearestDouble(_ significand: UInt64, exponent: Int, isInexact: Bool) -> Double? {
    let biased = exponent + 63 + 1022
    if biased > 0 && biased < 2045 {
        let kept = significand >> 11
        // Without branches: the rest of the bits, with one for what was cut off, carries into the kept ones or does not.
        let rest = significand & 0x7FF | (isInexact ? 1 : 0)
        let up = (rest + 0x3FF + (kept & 1)) >> 11
        // The implicit bit adds the one by which `biased` is short, and so does a carry out of the significand.
        return Double(bitPattern: UInt64(truncatingIfNeeded: biased) << 52 &+ kept &+ up)
    }
    return nearestExtremeDouble(significand, exponent: exponent, isInexact: isInexact)
}

/// `nearestDouble` near the ends of the range, where bits of the significand are lost or it overflows.
@inline(never)
private func nearestExtremeDouble(_ significand: UInt64, exponent: Int, isInexact: Bool) -> Double? {
    let biased = exponent + 63 + 1022
    if biased > 2045 { return nil }
    let dropped = 11 + max(0, -biased)
    if dropped > 64 { return 0 }
    let kept = dropped == 64 ? 0 : significand >> UInt64(dropped)
    let rest = significand << UInt64(64 - dropped)
    let half: UInt64 = 1 << 63
    let up: UInt64 = rest > half || (rest == half && (isInexact || kept & 1 == 1)) ? 1 : 0
    let result = Double(bitPattern: UInt64(max(0, biased)) << 52 &+ kept &+ up)
    return result.isFinite ? result : nil
}

/// The integer part of the square root. Requires: `2^124 <= radicand < 2^126`.
@inline(__always)
private func integerSquareRoot(_ radicand: UInt128) -> Int64 {
    // The estimate is off by less than 2^12 in 2^62 and more; one Newton step brings that below 2^-37, and rounding the step
    // down below -1, so the integer is off by one at most.
    let high = Int64(truncatingIfNeeded: radicand >> 64)
    let estimate = min(Double(high).squareRoot() * 0x1p32, 0x1.fffffffffffffp62)
    var root = Int64(estimate)
    let excess = Int128(truncatingIfNeeded: radicand &- square(root))
    let step = Double(Int64(truncatingIfNeeded: excess >> 16)) * 0x1p15 / estimate
    root &+= Int64(step) &- (step < 0 ? 1 : 0)
    let rest = Int128(truncatingIfNeeded: radicand &- square(root))
    // A root one too great may have wrapped to -2^63; subtracting one brings it back.
    return root &+ (rest > Int128(root.magnitude) &* 2 ? 1 : 0) &- (rest < 0 ? 1 : 0)
}

@inline(__always)
private func square(_ value: Int64) -> UInt128 {
    let square = value.magnitude.multipliedFullWidth(by: value.magnitude)
    return UInt128(square.high) << 64 | UInt128(square.low)
}
