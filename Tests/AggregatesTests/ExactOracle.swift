/// A natural number as 32-bit digits, little-endian, without zeros at the top. Slow and plain: the tests' oracle.
struct Natural: Equatable {
    var digits: [UInt32] = []

    init(_ value: UInt128) {
        var rest = value
        while rest != 0 {
            digits.append(UInt32(truncatingIfNeeded: rest))
            rest >>= 32
        }
    }

    var isZero: Bool { digits.isEmpty }

    var bitWidth: Int { digits.isEmpty ? 0 : digits.count * 32 - digits[digits.count - 1].leadingZeroBitCount }

    func bit(_ index: Int) -> UInt32 { index / 32 < digits.count ? digits[index / 32] >> UInt32(index % 32) & 1 : 0 }

    mutating func trim() {
        while digits.last == 0 { digits.removeLast() }
    }

    static func + (a: Natural, b: Natural) -> Natural {
        var sum = Natural(0)
        var carry: UInt64 = 0
        for i in 0..<max(a.digits.count, b.digits.count) + 1 {
            carry += UInt64(i < a.digits.count ? a.digits[i] : 0) + UInt64(i < b.digits.count ? b.digits[i] : 0)
            sum.digits.append(UInt32(truncatingIfNeeded: carry))
            carry >>= 32
        }
        sum.trim()
        return sum
    }

    /// Requires: `a >= b`.
    static func - (a: Natural, b: Natural) -> Natural {
        var difference = Natural(0)
        var borrow: Int64 = 0
        for i in 0..<a.digits.count {
            borrow += Int64(a.digits[i]) - Int64(i < b.digits.count ? b.digits[i] : 0)
            difference.digits.append(UInt32(truncatingIfNeeded: borrow))
            borrow >>= 32
        }
        precondition(borrow == 0)
        difference.trim()
        return difference
    }

    static func * (a: Natural, b: Natural) -> Natural {
        var product = Natural(0)
        product.digits = Array(repeating: 0, count: a.digits.count + b.digits.count)
        for i in a.digits.indices {
            var carry: UInt64 = 0
            for j in b.digits.indices {
                carry += UInt64(product.digits[i + j]) + UInt64(a.digits[i]) * UInt64(b.digits[j])
                product.digits[i + j] = UInt32(truncatingIfNeeded: carry)
                carry >>= 32
            }
            product.digits[i + b.digits.count] = UInt32(carry)
        }
        product.trim()
        return product
    }

    static func << (a: Natural, shift: Int) -> Natural {
        var power = Natural(1 << UInt128(shift % 32))
        power.digits.insert(contentsOf: Array(repeating: 0, count: shift / 32), at: 0)
        return a * power
    }

    static func < (a: Natural, b: Natural) -> Bool {
        if a.digits.count != b.digits.count { return a.digits.count < b.digits.count }
        for i in a.digits.indices.reversed() where a.digits[i] != b.digits[i] { return a.digits[i] < b.digits[i] }
        return false
    }
}

/// `numerator / denominator * 2^exponent`, with a sign.
struct Rational {
    var numerator: Natural
    var denominator = Natural(1)
    var exponent = 0
    var isNegative = false

    /// The double nearest to the number, or to its square root, found by bisection over the doubles' bit patterns: the
    /// comparisons are of whole numbers. nil where it is infinite.
    func nearest(root: Bool = false) -> Double? {
        if numerator.isZero { return 0 }
        var low: UInt64 = 0
        var high: UInt64 = 0x7FF0_0000_0000_0000
        // The greatest double that is not above the number.
        while high - low > 1 {
            let middle = (low + high) / 2
            if isBelow(pattern: middle, half: false, root: root) { high = middle } else { low = middle }
        }
        // Then the middle between it and the next; where it lies there, the even one.
        let up: Bool
        if isBelow(pattern: low, half: true, root: root) {
            up = false
        } else {
            up = low & 1 == 1 || isAbove(pattern: low, root: root)
        }
        let result = Double(bitPattern: low + (up ? 1 : 0))
        if !result.isFinite { return nil }
        return isNegative && result != 0 ? -result : result
    }

    private func isBelow(pattern: UInt64, half: Bool, root: Bool) -> Bool {
        let (mine, other) = scaled(pattern: pattern, half: half, root: root)
        return mine < other
    }

    private func isAbove(pattern: UInt64, root: Bool) -> Bool {
        let (mine, other) = scaled(pattern: pattern, half: true, root: root)
        return other < mine
    }

    /// This number, and the double (with half a unit more) or its square, times the same positive number.
    private func scaled(pattern: UInt64, half: Bool, root: Bool) -> (Natural, Natural) {
        let field = Int(pattern >> 52)
        let fraction = pattern & 0xF_FFFF_FFFF_FFFF
        let significand = 2 * (field == 0 ? fraction : fraction | 1 << 52) + (half ? 1 : 0)
        var other = Natural(UInt128(significand))
        var power = max(field, 1) - 1076
        if root {
            other = other * other
            power *= 2
        }
        let shift = power - exponent
        let product = other * denominator
        return shift < 0 ? (numerator << -shift, product) : (numerator, product << shift)
    }
}

/// xorshift64*, so that a printed seed gives the same run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
