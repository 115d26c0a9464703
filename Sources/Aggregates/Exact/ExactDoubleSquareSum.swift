/// An exact sum of the squares of finite doubles: `ExactDoubleSum` for what cannot be negative, at twice the width.
///
/// 67 limbs reach from 2^-2176 to 2^2112. The square of a significand has 106 bits, so an addition touches three limbs as a rule.
public struct ExactDoubleSquareSum: ~Copyable {
    /// Little-endian.
    var limbs = InlineArray<68, UInt64>(repeating: 0)
    /// Limbs outside `low...high` are zero; `high < low` if all are.
    private(set) var low = ExactDoubleSquareSum.limbCount
    private(set) var high = -1

    static let limbCount = 67
    /// Twice that of the sum, so that a limb of a square lines up with the limbs whose product it is.
    static let exponent = 2 * ExactDoubleSum.exponent

    public init() {}

    /// Adds `value * value`. Requires: `value` is finite.
    @inline(__always)
    public mutating func addSquare(_ value: Double) {
        let field = Int(truncatingIfNeeded: value.bitPattern >> 52) & 0x7FF
        precondition(field != 0x7FF, "an infinity or NaN has no place in an exact sum")
        let fraction = value.bitPattern & 0xF_FFFF_FFFF_FFFF
        let significand = field == 0 ? fraction : fraction | 1 << 52
        if significand == 0 { return }
        let square = significand.multipliedFullWidth(by: significand)
        let position = 2 * (max(field, 1) - 1075) - ExactDoubleSquareSum.exponent
        let index = position >> 6
        let shift = UInt64(truncatingIfNeeded: position & 63)
        low = min(low, index)
        high = max(high, index + 2)
        let bottom = square.low &<< shift
        let middle = square.high &<< shift | (square.low >> 1) &>> (63 - shift)
        let top = (square.high >> 1) &>> (63 - shift)
        let (first, carry) = limbs[index].addingReportingOverflow(bottom)
        limbs[index] = first
        let (partial, carryOfSum) = limbs[index + 1].addingReportingOverflow(middle)
        let (second, carryOfCarry) = partial.addingReportingOverflow(carry ? 1 : 0)
        limbs[index + 1] = second
        // `top` has at most 42 bits, so the carry fits.
        let (third, carryOn) = limbs[index + 2].addingReportingOverflow(top &+ (carryOfSum || carryOfCarry ? 1 : 0))
        limbs[index + 2] = third
        if carryOn { high = max(high, limbs.increment(from: index + 3)) }
    }

    /// Back to zero, at a cost that grows with the span of limbs that were touched.
    public mutating func reset() {
        if low <= high {
            for i in low...high { limbs[i] = 0 }
        }
        low = ExactDoubleSquareSum.limbCount
        high = -1
    }

    /// Adds a magnitude.
    mutating func add(_ words: Span<UInt64>, at index: Int) {
        if words.isEmpty { return }
        let end = limbs.add(words, at: index)
        low = min(low, index)
        high = max(high, end - 1)
    }
}
