/// Values of one column, in memory; words as in `ColumnData`.
public struct ColumnValues: Sendable {
    public let type: ColumnType
    /// One a row; 0 where the row is null.
    public internal(set) var words: [Int64] = []
    /// The upper words of a wide type, one a row; empty for all others.
    public internal(set) var high: [Int64] = []
    /// 1 where the row has a value, 0 where it is null; nil if the column cannot have nulls.
    public internal(set) var valid: [UInt8]?
    /// The bytes of a string column; texts that were equal in the file may share theirs.
    public internal(set) var text: [UInt8] = []

    /// No row yet.
    public init(_ type: ColumnType, nullable: Bool) {
        self.type = type
        valid = nullable ? [] : nil
    }

    public var count: Int { words.count }

    public func isNull(_ row: Int) -> Bool { valid.map { $0[row] == 0 } ?? false }

    /// The bytes of a row's text, which are valid UTF-8. Requires: a string column.
    public func text(_ row: Int) -> ArraySlice<UInt8> {
        let start = textOffset(words[row])
        return text[start..<start + textLength(words[row])]
    }

    /// The unscaled number of a row of a column of any decimal type.
    public func decimal(_ row: Int) -> Int128 {
        type.isWide ? Int128(high: high[row], low: words[row]) : Int128(words[row])
    }

    /// Lends the values to `FileWriter.write`, valid only until `body` returns.
    public func withColumnData<Result, Failure: Error>(
        _ body: (ColumnData) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe words.withUnsafeBufferPointer { (words) throws(Failure) in
            try unsafe high.withUnsafeBufferPointer { (high) throws(Failure) in
                try unsafe (valid ?? []).withUnsafeBufferPointer { (valid) throws(Failure) in
                    try unsafe text.withUnsafeBufferPointer { (text) throws(Failure) in
                        // An empty array may have no address at all.
                        let nothing = unsafe UnsafePointer<Int64>(bitPattern: 8).unsafelyUnwrapped
                        return try body(
                            unsafe ColumnData(
                                words: words.baseAddress ?? nothing,
                                valid: self.valid == nil ? nil : valid.baseAddress,
                                text: type == .string ? UnsafeRawBufferPointer(text) : nil,
                                high: type.isWide ? high.baseAddress ?? nothing : nil))
                    }
                }
            }
        }
    }

    /// Appends a row. Requires: neither a string nor a wide decimal.
    public mutating func append(word: Int64) {
        words.append(word)
        valid?.append(1)
    }

    /// Appends a row of a string column; false, and nothing, where the bytes are not UTF-8.
    public mutating func append(text bytes: UnsafeRawBufferPointer) -> Bool {
        var isASCII = true
        var position = 0
        while position + 8 <= bytes.count {
            if unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 {
                isASCII = false
            }
            position += 8
        }
        while position < bytes.count {
            if unsafe bytes[position] >= 0x80 { isASCII = false }
            position += 1
        }
        if !isASCII, unsafe String(validating: bytes, as: UTF8.self) == nil { return false }
        words.append(Int64(text.count) << 32 | Int64(bytes.count))
        unsafe text.append(contentsOf: bytes)
        valid?.append(1)
        return true
    }

    /// Appends a null. Requires: the column can have nulls.
    public mutating func appendNull() {
        words.append(0)
        if type.isWide { high.append(0) }
        valid!.append(0)
    }

    /// Keeps the rows for which `isKept` is true, one per row.
    public mutating func filter(_ isKept: [Bool]) {
        var kept = 0
        for row in words.indices where isKept[row] {
            words[kept] = words[row]
            if type.isWide { high[kept] = high[row] }
            if let isValid = valid?[row] { valid![kept] = isValid }
            kept += 1
        }
        words.removeLast(words.count - kept)
        if type.isWide { high.removeLast(high.count - kept) }
        let rest = valid.map { $0.count - kept } ?? 0
        valid?.removeLast(rest)
    }

    mutating func removeAll() {
        words.removeAll(keepingCapacity: true)
        high.removeAll(keepingCapacity: true)
        text.removeAll(keepingCapacity: true)
        valid?.removeAll(keepingCapacity: true)
    }

    /// Adds rows, for `withRows` to write.
    mutating func grow(by rows: Int) {
        words.append(contentsOf: repeatElement(0, count: rows))
        if type.isWide { high.append(contentsOf: repeatElement(0, count: rows)) }
        valid?.append(contentsOf: repeatElement(1, count: rows))
    }

    /// Lends the memory from row `start` on, and the texts.
    mutating func withRows<Failure: Error>(
        from start: Int, _ body: (RowMemory, inout [UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        var text: [UInt8] = []
        swap(&text, &self.text)
        defer { swap(&text, &self.text) }
        let (hasHigh, hasValid) = (type.isWide, valid != nil)
        var valid = valid.take() ?? []
        defer { self.valid = hasValid ? valid : nil }
        try unsafe words.withUnsafeMutableBufferPointer { (words) throws(Failure) in
            try unsafe high.withUnsafeMutableBufferPointer { (high) throws(Failure) in
                try unsafe valid.withUnsafeMutableBufferPointer { (valid) throws(Failure) in
                    guard let words = words.baseAddress else { return }
                    let memory = unsafe RowMemory(
                        words: words + start, high: hasHigh ? high.baseAddress.map { unsafe $0 + start } : nil,
                        valid: hasValid ? valid.baseAddress.map { unsafe $0 + start } : nil)
                    try body(memory, &text)
                }
            }
        }
    }
}

/// Where rows of a column are written.
@safe
struct RowMemory {
    let words: UnsafeMutablePointer<Int64>
    /// Of wide columns.
    let high: UnsafeMutablePointer<Int64>?
    /// Of nullable columns.
    let valid: UnsafeMutablePointer<UInt8>?

    init(words: UnsafeMutablePointer<Int64>, high: UnsafeMutablePointer<Int64>?, valid: UnsafeMutablePointer<UInt8>?) {
        unsafe self.words = words
        unsafe self.high = high
        unsafe self.valid = valid
    }

    func advanced(by rows: Int) -> RowMemory {
        unsafe RowMemory(words: words + rows, high: high.map { unsafe $0 + rows }, valid: valid.map { unsafe $0 + rows })
    }

    /// Moves the first `count` words, which are those of the valid rows, each to its row. Requires: a nullable column.
    func spread(_ count: Int, rows: Int) {
        guard count < rows, let valid = unsafe valid else { return }
        unsafe Self.spread(words, count, valid, rows: rows)
        if let high = unsafe high { unsafe Self.spread(high, count, valid, rows: rows) }
    }

    private static func spread(
        _ words: UnsafeMutablePointer<Int64>, _ count: Int, _ valid: UnsafeMutablePointer<UInt8>, rows: Int
    ) {
        // From the end, so that no word is written over before it was read.
        var next = count
        for row in stride(from: rows - 1, through: 0, by: -1) {
            let isValid = unsafe Int64(valid[row])
            next &-= Int(isValid)
            unsafe words[row] = words[next] & (0 &- isValid)
        }
    }
}
