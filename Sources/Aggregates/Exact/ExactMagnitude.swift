/// An exact number as a sign and a run of limbs, `limbs[low...high]`, whose first and last are not zero; none for zero.
struct ExactMagnitude {
    /// Little-endian; the rest are zero.
    var limbs = InlineArray<68, UInt64>(repeating: 0)
    var low = 0
    var high = -1
    var isNegative = false

    var isZero: Bool { high < low }

    /// Sets the run to what lies within `low...high` without the zeros at its ends.
    mutating func trim(low: Int, high: Int) {
        var (low, high) = (low, high)
        while high >= low, limbs[high] == 0 { high -= 1 }
        while low < high, limbs[low] == 0 { low += 1 }
        (self.low, self.high) = high < low ? (0, -1) : (low, high)
    }
}

extension InlineArray where Element == UInt64 {
    /// Adds one to the number whose lowest limb is `index`; the index of the last limb that changed.
    @inline(never)
    mutating func increment(from index: Int) -> Int {
        var i = index
        while true {
            self[i] &+= 1
            if self[i] != 0 { return i }
            i += 1
        }
    }

    /// Adds `words` from limb `index` up; the index past the last limb that changed.
    @inline(__always)
    mutating func add(_ words: Span<UInt64>, at index: Int) -> Int {
        var carry: UInt64 = 0
        for i in 0..<words.count {
            let (first, carried) = self[index + i].addingReportingOverflow(words[i])
            let (second, carriedAgain) = first.addingReportingOverflow(carry)
            self[index + i] = second
            carry = carried || carriedAgain ? 1 : 0
        }
        let end = index + words.count
        return carry == 0 ? end : increment(from: end) + 1
    }
}
