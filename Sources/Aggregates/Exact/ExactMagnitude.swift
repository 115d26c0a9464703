/// An exact number as a sign and limbs of 64 bits, the lowest at position `base` of a larger fixed-point number.
///
/// `capacity` is small for ordinary states, to keep the work on them short, and that of the whole number for others.
struct ExactMagnitude<let capacity: Int> {
    /// Little-endian; zero from `count` up.
    var limbs = InlineArray<capacity, UInt64>(repeating: 0)
    /// The last limb below it is not zero.
    private(set) var count = 0
    let base: Int
    var isNegative = false

    init(base: Int) { self.base = base }

    var isZero: Bool { count == 0 }

    /// Sets `count` to `most` less the zeros at the top.
    @inline(__always)
    mutating func trim(_ most: Int) {
        var count = most
        let words = limbs.span
        while count > 0, words[count - 1] == 0 { count -= 1 }
        self.count = count
    }

    /// Requires: `root * root` is not greater, it fits `capacity`, and `base` is not above twice that of `root`.
    @inline(__always)
    mutating func subtractSquare<let rootCapacity: Int>(of root: ExactMagnitude<rootCapacity>) {
        let offset = 2 * root.base - base
        precondition(
            root.isZero || offset + 2 * root.count - 2 < count, "the count, the sum and the squares are not of the same values")
        var isBorrowed = false
        let factors = root.limbs.span
        for i in 0..<root.count where factors[i] != 0 {
            var carry: UInt64 = 0
            for j in 0..<root.count {
                let product = factors[i].multipliedFullWidth(by: factors[j])
                let (addend, overflow) = product.low.addingReportingOverflow(carry)
                let (limb, borrowed) = limbs[offset + i + j].subtractingReportingOverflow(addend)
                limbs[offset + i + j] = limb
                carry = product.high &+ (overflow ? 1 : 0) &+ (borrowed ? 1 : 0)
            }
            var k = offset + i + root.count
            while carry != 0, k < count {
                let (limb, borrowed) = limbs[k].subtractingReportingOverflow(carry)
                limbs[k] = limb
                carry = borrowed ? 1 : 0
                k += 1
            }
            isBorrowed = isBorrowed || carry != 0
        }
        precondition(!isBorrowed, "the count, the sum and the squares are not of the same values")
        trim(count)
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
