/// What the footer says about a column chunk.
struct ChunkMetadata {
    var encoding: Encoding
    var compression: Compression
    var valueCount: Int
    var nullCount: Int
    var statistics: Statistics?
    var dataPages: Int32 = 0
    /// From the start of the file.
    var dictionaryOffset: Int?
    var dataOffset = 0
    /// Both with the headers of the pages.
    var uncompressedSize = 0
    var compressedSize = 0

    var startOffset: Int { dictionaryOffset ?? dataOffset }
}

/// Encodes column chunks one after the other; owns the memory that all of them use.
///
///     chunk            [dictionary page] data page...
///     page             header (Thrift), body (one zstd frame, or as it is in chunks that would not become smaller)
///     data page (v1)   [length u32, definition levels] values
///
/// Definition levels (1 for a value, 0 for null) are there only in nullable columns.
struct ChunkEncoder: ~Copyable, Sendable {
    /// Of the file, for errors.
    var path = ""
    /// Whether pages say a checksum of their bodies.
    var writesChecksums = false
    private let compressor: Compressor
    private var dictionary = ValueDictionary()
    private var indices = Scratch<UInt32>()
    private var compacted = Scratch<Int64>()
    private var compactedHigh = Scratch<Int64>()
    private var page = ByteBuffer(capacity: Bounds.bytesOfPage)
    private var compressed = ByteBuffer(capacity: Bounds.bytesOfPage)
    private var header = ThriftCompact()

    init(compressionLevel: Int32) {
        compressor = Compressor(level: compressionLevel)
    }

    /// Appends a column chunk to `output`, whose first byte is to be byte `origin` of the file. Requires: at least one row.
    mutating func encode(
        _ data: ColumnData, rowCount: Int, schema: ColumnSchema, origin: Int, into output: inout ByteBuffer
    ) throws(ParquetError) -> ChunkMetadata {
        let valid = unsafe data.valid
        let valueCount = unsafe valid.map { unsafe validCount($0, count: rowCount) } ?? rowCount
        precondition(schema.nullable || valueCount == rowCount, "null in column \(schema.name), which is not nullable")

        var words = unsafe data.words
        var high = unsafe schema.type.isWide ? data.high : nil
        precondition(unsafe high != nil || !schema.type.isWide, "no upper words for column \(schema.name)")
        if valueCount < rowCount, let valid = unsafe valid {
            let target = unsafe compacted.room(for: rowCount + 1)
            unsafe compact(words, valid, count: rowCount, into: target)
            unsafe words = UnsafePointer(target)
            if let upper = unsafe high {
                let target = unsafe compactedHigh.room(for: rowCount + 1)
                unsafe compact(upper, valid, count: rowCount, into: target)
                unsafe high = UnsafePointer(target)
            }
        }
        let values = unsafe ChunkValues(words: words, count: valueCount, text: textBase(data, schema), high: high)
        let type = schema.type.physical

        let indices = unsafe self.indices.room(for: valueCount)
        let (encoding, compresses) =
            valueCount == 0
            ? (.plain, true) : unsafe chooseEncoding(values, type: type, dictionary: &dictionary, indices: indices)
        let distinct =
            encoding == .rleDictionary
            ? unsafe ChunkValues(words: dictionary.words, count: dictionary.count, text: values.text) : values
        var chunk = ChunkMetadata(
            encoding: encoding, compression: compresses ? .zstd : .none, valueCount: rowCount, nullCount: rowCount - valueCount,
            statistics: Statistics(distinct, type: schema.type))

        if encoding == .rleDictionary {
            chunk.dictionaryOffset = origin + output.count
            page.removeAll()
            page.append(plain: distinct, type: type)
            try writePage(.dictionary(entries: distinct.count), of: &chunk, to: &output)
        }
        chunk.dataOffset = origin + output.count
        var (row, value) = (0, 0)
        while row < rowCount {
            page.removeAll()
            let rows = unsafe rowsOfPage(from: row, value: value, of: rowCount, values, valid, encoding)
            let valuesOfPage: Int
            if valueCount < rowCount, let valid = unsafe valid {
                valuesOfPage = unsafe validCount(valid + row, count: rows)
            } else {
                valuesOfPage = rows
            }
            if schema.nullable {
                unsafe appendLevels(valuesOfPage == rows ? nil : valid.map { unsafe $0 + row }, rows: rows)
            }
            switch encoding {
            case .plain: page.append(plain: values.slice(value, count: valuesOfPage), type: type)
            case .deltaBinaryPacked:
                unsafe page.append(delta: words + value, count: valuesOfPage, wraps32: type == .int32)
            case .rleDictionary:
                page.append(UInt8(dictionary.indexWidth))
                unsafe page.append(hybrid: indices + value, count: valuesOfPage, width: dictionary.indexWidth)
            default: preconditionFailure("an encoding that is not written")
            }
            try writePage(.data(rows: rows, encoding), of: &chunk, to: &output)
            chunk.dataPages += 1
            row += rows
            value += valuesOfPage
        }
        return chunk
    }

    private func textBase(_ data: ColumnData, _ schema: ColumnSchema) -> UnsafePointer<UInt8>? {
        guard schema.type == .string else { return nil }
        guard let text = unsafe data.text else { preconditionFailure("no text for column \(schema.name)") }
        // Without a byte all texts are empty, and no address is ever read.
        return unsafe text.baseAddress.map { unsafe $0.assumingMemoryBound(to: UInt8.self) }
            ?? UnsafePointer(bitPattern: 1)
    }

    /// The rows of the page that starts at `row`, whose first value is the one at `value`.
    private func rowsOfPage(
        from row: Int, value: Int, of rowCount: Int, _ values: ChunkValues, _ valid: UnsafePointer<UInt8>?, _ encoding: Encoding
    ) -> Int {
        let rows = min(Bounds.rowsOfPage, rowCount - row)
        guard encoding == .plain, unsafe values.text != nil else { return rows }
        var bytes = 0
        var value = value
        for i in 0..<rows {
            if let valid = unsafe valid, unsafe valid[row + i] == 0 { continue }
            bytes += unsafe 4 + textLength(values.words[value])
            if bytes > Bounds.bytesOfPage && i > 0 { return i }
            value += 1
        }
        return rows
    }

    private mutating func appendLevels(_ valid: UnsafePointer<UInt8>?, rows: Int) {
        let start = page.count
        page.append(littleEndian: 0)
        if let valid = unsafe valid {
            unsafe page.append(hybrid: valid, count: rows, width: 1)
        } else {
            page.append(run: 1 as UInt8, length: rows, width: 1)
        }
        page.replace(at: start, littleEndian: UInt32(page.count - start - 4))
    }

    private mutating func writePage(
        _ kind: PageKind, of chunk: inout ChunkMetadata, to output: inout ByteBuffer
    ) throws(ParquetError) {
        precondition(page.count <= Int32.max, "a text of 2 GiB")
        if chunk.compression == .zstd { try compressor.compress(page, into: &compressed, path: path) }
        let size = chunk.compression == .zstd ? compressed.count : page.count
        header.removeAll()
        let sum = writesChecksums ? unsafe checksum(chunk.compression == .zstd ? compressed.bytes : page.bytes) : nil
        header.pageHeader(kind, uncompressedSize: page.count, compressedSize: size, checksum: sum)
        unsafe output.append(header.bytes.bytes)
        unsafe output.append(chunk.compression == .zstd ? compressed.bytes : page.bytes)
        chunk.uncompressedSize += header.bytes.count + page.count
        chunk.compressedSize += header.bytes.count + size
    }
}
