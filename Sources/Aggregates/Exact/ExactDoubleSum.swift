/// An exact sum of finite doubles, whatever their order and magnitude.
///
/// The sum is kept as two numbers, of the positive and of the negative values, each a fixed-point magnitude of 34 limbs
/// that reaches from 2^-1088 to 2^1088: every double lies within it, and so do the sums of 2^63 of them. Carries are
/// settled at once, so that an addition touches two limbs as a rule.
public struct ExactDoubleSum: ~Copyable {
    /// Little-endian: first the positive values' limbs, then the negative ones'.
    var limbs = InlineArray<68, UInt64>(repeating: 0)
    /// Limbs outside `low...high` of either number are zero; `high < low` if all are.
    private(set) var low = ExactDoubleSum.limbCount
    private(set) var high = -1

    static let limbCount = 34
    /// The lowest limb's last bit counts 2^-1088, a whole number of limbs below 1.
    static let exponent = -1088

    public init() {}

    /// Requires: `value` is finite.
    @inline(__always)
    public mutating func add(_ value: Double) {
        let field = Int(truncatingIfNeeded: value.bitPattern >> 52) & 0x7FF
        precondition(field != 0x7FF, "an infinity or NaN has no place in an exact sum")
        let fraction = value.bitPattern & 0xF_FFFF_FFFF_FFFF
        let significand = field == 0 ? fraction : fraction | 1 << 52
        if significand == 0 { return }
        // The last bit of the significand counts 2^(field - 1075); subnormals share the exponent of field 1.
        let position = max(field, 1) + (-1075 - ExactDoubleSum.exponent)
        let index = position >> 6
        let shift = UInt64(truncatingIfNeeded: position & 63)
        low = min(low, index)
        high = max(high, index + 1)
        let at = value < 0 ? index + ExactDoubleSum.limbCount : index
        let (first, carry) = limbs[at].addingReportingOverflow(significand &<< shift)
        limbs[at] = first
        let upper = (significand >> 1) &>> (63 - shift) &+ (carry ? 1 : 0)
        let (second, carryOn) = limbs[at + 1].addingReportingOverflow(upper)
        limbs[at + 1] = second
        if carryOn { high = max(high, limbs.increment(from: at + 2) % ExactDoubleSum.limbCount) }
    }

    /// Back to zero, at a cost that grows with the span of limbs that were touched.
    public mutating func reset() {
        if low <= high {
            for i in low...high {
                limbs[i] = 0
                limbs[i + ExactDoubleSum.limbCount] = 0
            }
        }
        low = ExactDoubleSum.limbCount
        high = -1
    }

    /// The sum of positive and negative values, as a sign and a magnitude. Requires: `capacity > high - low`.
    @inline(__always)
    func net<let capacity: Int>() -> ExactMagnitude<capacity> {
        var result = ExactMagnitude<capacity>(base: low)
        // A span, because a subscript of the array would copy all of it.
        let words = limbs.span
        var top = high
        while top >= low, words[top] == words[top + ExactDoubleSum.limbCount] { top -= 1 }
        if top < low { return result }
        result.isNegative = words[top] < words[top + ExactDoubleSum.limbCount]
        let larger = low + (result.isNegative ? ExactDoubleSum.limbCount : 0)
        let smaller = low + (result.isNegative ? 0 : ExactDoubleSum.limbCount)
        var borrow = false
        for i in 0...top - low {
            let (first, borrowed) = words[larger + i].subtractingReportingOverflow(words[smaller + i])
            let (second, borrowedAgain) = first.subtractingReportingOverflow(borrow ? 1 : 0)
            result.limbs[i] = second
            borrow = borrowed || borrowedAgain
        }
        result.trim(top - low + 1)
        return result
    }

    /// Adds a magnitude with its sign.
    mutating func add(_ words: Span<UInt64>, at index: Int, isNegative: Bool) {
        if words.isEmpty { return }
        let offset = isNegative ? ExactDoubleSum.limbCount : 0
        let end = limbs.add(words, at: index + offset) - offset
        low = min(low, index)
        high = max(high, end - 1)
    }
}
