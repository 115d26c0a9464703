import Records

// The loops over rows that every operation shares: a body from words to a word and whether there is one.
// The word of a null is 0, so a body may be given any row's; it must not trap on it.

/// `out[i] = body(a[i])` where `a` has a value and the body gives one, else null.
@inline(__always)
func forEachRow(_ a: Column, into out: Column, count: Int, _ body: (Int64) -> (word: Int64, hasValue: Bool)) {
    for i in 0..<count {
        let (word, hasValue) = body(a.words[i])
        let valid: UInt8 = a.valid[i] & (hasValue ? 1 : 0)
        out.valid[i] = valid
        out.words[i] = valid == 0 ? 0 : word
    }
}

/// `out[i] = body(a[i], b[i])` where both have a value and the body gives one, else null.
@inline(__always)
func forEachRow(_ a: Column, _ b: Column, into out: Column, count: Int, _ body: (Int64, Int64) -> (word: Int64, hasValue: Bool)) {
    for i in 0..<count {
        let (word, hasValue) = body(a.words[i], b.words[i])
        let valid: UInt8 = a.valid[i] & b.valid[i] & (hasValue ? 1 : 0)
        out.valid[i] = valid
        out.words[i] = valid == 0 ? 0 : word
    }
}

@inline(__always)
func double(_ word: Int64) -> Double { Double(bitPattern: UInt64(bitPattern: word)) }

/// A double's word; there is none for NaN and the infinities.
@inline(__always)
func result(_ x: Double) -> (word: Int64, hasValue: Bool) { (Int64(bitPattern: x.bitPattern), x.isFinite) }

@inline(__always)
func result(_ partial: (partialValue: Int64, overflow: Bool)) -> (word: Int64, hasValue: Bool) {
    (partial.partialValue, !partial.overflow)
}

@inline(__always)
func result(_ wide: Int128) -> (word: Int64, hasValue: Bool) {
    (Int64(truncatingIfNeeded: wide), wide == Int128(Int64(truncatingIfNeeded: wide)))
}

@inline(__always)
func order(_ a: Int64, _ b: Int64) -> Int { a < b ? -1 : a > b ? 1 : 0 }

@inline(__always)
func order(_ a: Double, _ b: Double) -> Int { a < b ? -1 : a > b ? 1 : 0 }
