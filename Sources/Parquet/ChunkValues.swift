/// The values of a column chunk without its nulls.
@safe
struct ChunkValues {
    let words: UnsafePointer<Int64>
    let count: Int
    /// The bytes of a text column; nil for all others.
    let text: UnsafePointer<UInt8>?
    /// The upper words of a wide column; nil for all others.
    let high: UnsafePointer<Int64>?

    init(words: UnsafePointer<Int64>, count: Int, text: UnsafePointer<UInt8>?, high: UnsafePointer<Int64>? = nil) {
        unsafe self.high = high
        unsafe self.words = words
        self.count = count
        unsafe self.text = text
    }

    func slice(_ start: Int, count: Int) -> ChunkValues {
        assert(start + count <= self.count)
        return unsafe ChunkValues(words: words + start, count: count, text: text, high: high.map { unsafe $0 + start })
    }

    /// Requires: a wide column.
    func wide(_ index: Int) -> Int128 {
        guard let high = unsafe high else { preconditionFailure("no upper words") }
        return unsafe Int128(high: high[index], low: words[index])
    }
}

extension Int128 {
    /// From the two words of a wide value.
    @inline(__always)
    init(high: Int64, low: Int64) { self = Int128(high) << 64 | Int128(UInt64(bitPattern: low)) }
}

/// The number of rows that are not null. Requires: every byte is 0 or 1.
func validCount(_ valid: UnsafePointer<UInt8>, count: Int) -> Int {
    var total = 0
    var position = 0
    while position < count {
        // 255 ones are what a byte can count, so the inner loop adds bytes in lanes.
        let end = min(position + 255 * 16, count)
        var sums = SIMD16<UInt8>()
        while position + 16 <= end {
            unsafe sums &+= UnsafeRawPointer(valid + position).loadUnaligned(as: SIMD16<UInt8>.self)
            position += 16
        }
        for lane in 0..<16 { total += Int(sums[lane]) }
        while position < end {
            total += unsafe Int(valid[position])
            position += 1
        }
    }
    return total
}

/// Moves the words of valid rows together. Requires: room for one word more than there are.
func compact(
    _ words: UnsafePointer<Int64>, _ valid: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutablePointer<Int64>
) {
    var kept = 0
    for i in 0..<count {
        unsafe target[kept] = words[i]
        kept &+= unsafe Int(valid[i])
    }
}
