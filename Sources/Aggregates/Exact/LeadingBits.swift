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
        // An even exponent, and 127 or 128 bits of radicand, give a root of 64 bits.
        var shift = bits.leadingZeroBitCount
        shift -= (exponent - shift) & 1
        let radicand: UInt128
        var isInexact = isInexact
        if shift >= 0 {
            radicand = bits << UInt128(shift)
        } else {
            radicand = bits >> 1
            isInexact = isInexact || bits & 1 != 0
        }
        let root = integerSquareRoot(radicand)
        let square = root.multipliedFullWidth(by: root)
        isInexact = isInexact || radicand != UInt128(square.high) << 64 | UInt128(square.low)
        let lead = root.leadingZeroBitCount
        return nearestDouble(root << UInt64(lead), exponent: (exponent - shift) / 2 - lead, isInexact: isInexact)
    }
}

/// The double nearest to `significand * 2^exponent`, or to a number less than one unit above it where `isInexact`; ties
/// go to the even one. nil where it would be infinite. Requires: the significand's top bit is set.
@inline(__always)
func nearestDouble(_ significand: UInt64, exponent: Int, isInexact: Bool) -> Double? {
    let biased = exponent + 63 + 1022
    if biased > 0 && biased < 2045 {
        let kept = significand >> 11
        let rest = significand & 0x7FF
        let up: UInt64 = rest > 0x400 || (rest == 0x400 && (isInexact || kept & 1 == 1)) ? 1 : 0
        // The implicit bit adds the one by which `biased` is short, and so does a carry out of the significand.
        return Double(bitPattern: UInt64(biased) << 52 &+ kept &+ up)
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

/// The integer part of the square root. Requires: `radicand >= 2^125`.
@inline(__always)
private func integerSquareRoot(_ radicand: UInt128) -> UInt64 {
    // The estimate is off by less than 2^12 in 2^62.5 and more; one Newton step brings that below 2^-38, so the integer
    // below is off by one at most.
    let high = UInt64(truncatingIfNeeded: radicand >> 64)
    // Converting a signed number is one instruction; the bit this drops is far below the estimate's precision.
    let estimate = Double(Int64(truncatingIfNeeded: high >> 1)).squareRoot() * 0x1.6a09e667f3bcdp+32
    let half = estimate * 0.5
    var root: UInt64 = half < 0x1p63 ? UInt64(truncatingIfNeeded: Int64(half)) << 1 : .max
    let excess = Int128(truncatingIfNeeded: radicand &- square(root))
    let step = Double(Int64(truncatingIfNeeded: excess >> 16)) * 0x1p15 / estimate
    let (moved, overflow) = root.addingReportingOverflow(UInt64(truncatingIfNeeded: max(0, Int64(step))))
    root = overflow ? .max : moved
    if step < 0 { root &-= UInt64(truncatingIfNeeded: 1 &- Int64(step)) }
    let rest = Int128(truncatingIfNeeded: radicand &- square(root))
    if rest < 0 {
        root &-= 1
    } else if rest > Int128(root) * 2 {
        root &+= 1
    }
    return root
}

@inline(__always)
private func square(_ value: UInt64) -> UInt128 {
    let square = value.multipliedFullWidth(by: value)
    return UInt128(square.high) << 64 | UInt128(square.low)
}
