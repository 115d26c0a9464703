/// DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY texts, read piece by piece.
///
///     DELTA_LENGTH_BYTE_ARRAY  lengths (DELTA_BINARY_PACKED), then the bytes of all texts
///     DELTA_BYTE_ARRAY         lengths of the prefixes shared with the text before (DELTA_BINARY_PACKED), then the rest of each
///                              text as DELTA_LENGTH_BYTE_ARRAY
struct TextDecoder {
    private var prefixes: DeltaDecoder?
    private var lengths: DeltaDecoder
    private var bytes: ByteReader
    /// The text before, if prefixes are shared.
    private var last: [UInt8] = []

    init(lengthsBefore values: ByteReader) throws(CorruptBytes) {
        lengths = try DeltaDecoder(values, wraps32: true)
        bytes = try lengths.end()
    }

    init(prefixesBefore values: ByteReader) throws(CorruptBytes) {
        let prefixes = try DeltaDecoder(values, wraps32: true)
        try self.init(lengthsBefore: try prefixes.end())
        self.prefixes = prefixes
    }

    mutating func next(_ count: Int, into rows: RowMemory, text: inout [UInt8]) throws(CorruptBytes) {
        // The lengths are where the words will be.
        let words = unsafe rows.words
        try unsafe lengths.next(count, into: words)
        guard prefixes == nil else { return try nextWithPrefixes(count, into: rows, text: &text) }
        let start = unsafe bytes.pointer
        let first = bytes.position
        let place = text.count
        for i in 0..<count {
            let length = unsafe Int(words[i])
            unsafe words[i] = textWord(place + bytes.position - first, length)
            try bytes.skip(length)
        }
        guard place + bytes.position - first < Bounds.textOfBatchMax else { throw .tooMuchText }
        unsafe text.append(start, count: bytes.position - first)
    }

    private mutating func nextWithPrefixes(_ count: Int, into rows: RowMemory, text: inout [UInt8]) throws(CorruptBytes) {
        let words = unsafe rows.words
        var failure: CorruptBytes?
        unsafe withUnsafeTemporaryAllocation(of: Int64.self, capacity: Bounds.indicesAtATime) { shared in
            guard let shared = shared.baseAddress else { return }
            do throws(CorruptBytes) {
                var done = 0
                while done < count {
                    let length = min(Bounds.indicesAtATime, count - done)
                    try unsafe prefixes?.next(length, into: shared)
                    for i in 0..<length {
                        unsafe words[done + i] = try append(Int(shared[i]), Int(words[done + i]), to: &text)
                    }
                    done += length
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    @inline(__always)
    private mutating func append(_ shared: Int, _ length: Int, to text: inout [UInt8]) throws(CorruptBytes) -> Int64 {
        guard 0...last.count ~= shared else { throw CorruptBytes("a prefix longer than the text before") }
        let rest = try bytes.take(length)
        guard text.count + shared + length < Bounds.textOfBatchMax else { throw .tooMuchText }
        last.removeSubrange(shared...)
        unsafe last.append(rest.pointer, count: length)
        let word = textWord(text.count, shared + length)
        text += last
        return word
    }
}

extension CorruptBytes {
    static let tooMuchText = CorruptBytes("more text than a batch of \(Bounds.rowsOfStep) rows may have")
}

/// The word of a text of a batch.
@inline(__always)
func textWord(_ offset: Int, _ length: Int) -> Int64 {
    Int64(bitPattern: UInt64(truncatingIfNeeded: offset) << 32 | UInt64(truncatingIfNeeded: length) & 0xFFFF_FFFF)
}

extension [UInt8] {
    /// A copy of memory as a whole, where the library's way for raw buffers goes byte by byte.
    @inline(__always)
    mutating func append(_ start: UnsafeRawPointer, count: Int) {
        unsafe append(contentsOf: UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt8.self), count: count))
    }
}

func isASCII(_ bytes: ArraySlice<UInt8>) -> Bool {
    unsafe bytes.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return true }
        var all: UInt64 = 0
        let words = bytes.count / 8
        for i in 0..<words { all |= unsafe base.loadUnaligned(fromByteOffset: i &* 8, as: UInt64.self) }
        for i in words * 8..<bytes.count { all |= unsafe UInt64(base.load(fromByteOffset: i, as: UInt8.self)) }
        return all & 0x8080_8080_8080_8080 == 0
    }
}
