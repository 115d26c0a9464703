/// The entries of a column chunk's dictionary, as words.
struct StoredDictionary {
    private var entries: ColumnValues
    private let form: StoredForm
    /// Where the batch has each text, by its word there; -1 while it has not.
    private var places: [Int64] = []
    /// The entries that it has.
    private var used: [Int] = []

    /// Requires: a dictionary page of the column.
    init(_ header: PageHeader, _ bytes: ByteReader, _ form: StoredForm, _ type: ColumnType) throws(CorruptBytes) {
        // A damaged count would ask for memory: every entry takes its bytes of the page, a text at least those of its length.
        let countMax = form == .boolean ? bytes.left * 8 : bytes.left / (form.width ?? 4)
        // PLAIN, or its older name PLAIN_DICTIONARY.
        guard header.encoding == Encoding.plain.rawValue || header.encoding == Encoding.plainDictionary.rawValue,
            0...countMax ~= header.valueCount
        else { throw CorruptBytes("a dictionary of encoding \(header.encoding) with \(header.valueCount) entries") }
        self.form = form
        entries = ColumnValues(type, nullable: false)
        entries.grow(by: header.valueCount)
        var decoder = ValueDecoder.plain(values: bytes, form)
        var scratch: [UInt8] = []
        try entries.withRows(from: 0) { (rows, text) throws(CorruptBytes) in
            try decoder.next(header.valueCount, form, into: rows, text: &text, scratch: &scratch)
        }
        if form == .text { places = Array(repeating: -1, count: header.valueCount) }
    }

    /// A batch without any texts begins.
    mutating func forgetPlaces() {
        for entry in used { places[entry] = -1 }
        used.removeAll(keepingCapacity: true)
    }

    /// Writes the entries of the next `count` indices.
    mutating func look(
        up indices: inout HybridDecoder, count: Int, into rows: RowMemory, text: inout [UInt8]
    ) throws(CorruptBytes) {
        var failure: CorruptBytes?
        unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Bounds.indicesAtATime) { buffer in
            guard let buffer = buffer.baseAddress else { return }
            do throws(CorruptBytes) {
                var done = 0
                while done < count {
                    let length = min(Bounds.indicesAtATime, count - done)
                    try unsafe indices.next(length, into: buffer)
                    var greatest: UInt32 = 0
                    for i in 0..<length { greatest = unsafe max(greatest, buffer[i]) }
                    guard Int(greatest) < entries.count else { throw CorruptBytes("an index beyond the dictionary") }
                    if form == .text {
                        try unsafe place(buffer, length, into: rows.advanced(by: done), text: &text)
                    } else {
                        unsafe gather(buffer, length, into: rows.advanced(by: done))
                    }
                    done += length
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// Requires: all indices are those of entries.
    private func gather(_ indices: UnsafePointer<UInt32>, _ count: Int, into rows: RowMemory) {
        unsafe entries.words.withUnsafeBufferPointer { words in
            for i in 0..<count { unsafe rows.words[i] = words[Int(indices[i])] }
        }
        guard let high = unsafe rows.high else { return }
        unsafe entries.high.withUnsafeBufferPointer { words in
            for i in 0..<count { unsafe high[i] = words[Int(indices[i])] }
        }
    }

    /// A text that comes again within a batch is there once.
    private mutating func place(
        _ indices: UnsafePointer<UInt32>, _ count: Int, into rows: RowMemory, text: inout [UInt8]
    ) throws(CorruptBytes) {
        for i in 0..<count {
            let entry = unsafe Int(indices[i])
            var word = places[entry]
            if word < 0 {
                let length = textLength(entries.words[entry])
                guard text.count + length < Bounds.textOfBatchMax else { throw .tooMuchText }
                word = textWord(text.count, length)
                let start = textOffset(entries.words[entry])
                unsafe entries.text.withUnsafeBytes { bytes in
                    guard let base = bytes.baseAddress else { return }
                    unsafe text.append(base + start, count: length)
                }
                places[entry] = word
                used.append(entry)
            }
            unsafe rows.words[i] = word
        }
    }
}
