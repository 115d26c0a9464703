/// The values of one column of a row group, in memory; words as in `ColumnData`.
public struct ColumnValues: Sendable {
    public let type: ColumnType
    /// One a row; 0 where the row is null.
    public internal(set) var words: [Int64] = []
    /// nil if the column cannot have nulls.
    public internal(set) var valid: [Bool]?
    /// The bytes of a string column.
    public internal(set) var text: [UInt8] = []

    init(_ column: ColumnSchema) {
        type = column.type
        valid = column.nullable ? [] : nil
    }

    public func isNull(_ row: Int) -> Bool { valid.map { !$0[row] } ?? false }

    /// The bytes of a row's text. Requires: a string column.
    public func text(_ row: Int) -> ArraySlice<UInt8> {
        let start = textOffset(words[row])
        return text[start..<start + textLength(words[row])]
    }
}

/// Decodes the pages of a column chunk, one after the other: see `ChunkEncoder` for what they look like.
struct ChunkDecoder {
    private let column: ColumnSchema
    private let chunk: StoredChunk
    private let rowCount: Int
    private var values: ColumnValues
    /// The words of the dictionary's entries.
    private var dictionary: [Int64]?

    init(_ column: ColumnSchema, _ chunk: StoredChunk, rowCount: Int) {
        self.column = column
        self.chunk = chunk
        self.rowCount = rowCount
        values = ColumnValues(column)
    }

    /// Requires: `bytes` are the chunk's.
    consuming func decode(_ bytes: [UInt8], _ decompressor: borrowing Decompressor) throws(CorruptBytes) -> ColumnValues {
        var position = 0
        while values.words.count < rowCount {
            var thrift = ThriftReader(ByteReader(Array(bytes[position...].prefix(ChunkDecoder.headerBytesMax))))
            let page = try thrift.page()
            position += thrift.bytes.position
            guard page.compressedSize >= 0, page.compressedSize <= bytes.count - position else {
                throw CorruptBytes("a page goes beyond its chunk")
            }
            let range = position..<position + page.compressedSize
            position = range.upperBound
            guard page.type == 0 || page.type == 2 else { continue }
            let plain: [UInt8]
            switch chunk.codec {
            case 0: plain = Array(bytes[range])
            case 6: plain = try decompressor.decompress(bytes, range, size: page.uncompressedSize)
            default: throw CorruptBytes("compression \(chunk.codec) is not read, only zstd")
            }
            if page.type == 2 { try takeDictionary(page, plain) } else { try takeData(page, plain) }
        }
        return values
    }

    /// More than any page's header without long statistics.
    private static let headerBytesMax = 1 << 16

    private mutating func takeDictionary(_ page: StoredPage, _ bytes: [UInt8]) throws(CorruptBytes) {
        guard dictionary == nil, values.words.isEmpty else { throw CorruptBytes("a dictionary in the wrong place") }
        // PLAIN, or its older name PLAIN_DICTIONARY. Every entry takes at least a bit of the page.
        guard page.encoding == 0 || page.encoding == 2, 0...bytes.count * 8 ~= page.valueCount else {
            throw CorruptBytes("a dictionary of encoding \(page.encoding) with \(page.valueCount) entries")
        }
        var reader = ByteReader(bytes)
        var entries: [Int64] = []
        if column.type == .string {
            try reader.plainTexts(page.valueCount, into: &values.text) { entries.append($0) }
        } else {
            try reader.plain(page.valueCount, column.type.physical) { entries.append($0) }
        }
        dictionary = entries
    }

    private mutating func takeData(_ page: StoredPage, _ bytes: [UInt8]) throws(CorruptBytes) {
        guard 1...max(1, rowCount - values.words.count) ~= page.valueCount else {
            throw CorruptBytes("a page of \(page.valueCount) rows in a group that has \(rowCount - values.words.count) left")
        }
        var reader = ByteReader(bytes)
        var isValid: [Bool] = []
        var count = page.valueCount
        if column.nullable {
            guard page.levelEncoding == Encoding.rle.rawValue else {
                throw CorruptBytes("levels of encoding \(page.levelEncoding)")
            }
            let levels = try reader.take(Int(try reader.littleEndian(UInt32.self)))
            isValid.reserveCapacity(page.valueCount)
            var levelReader = ByteReader(Array(bytes[levels]))
            try levelReader.hybrid(page.valueCount, width: 1) { isValid.append($0 != 0) }
            count = isValid.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        let words = try words(count, page.encoding, &reader)
        guard column.nullable else {
            values.words += words
            return
        }
        var next = 0
        for valid in isValid {
            values.words.append(valid ? words[next] : 0)
            if valid { next += 1 }
        }
        values.valid! += isValid
    }

    private mutating func words(_ count: Int, _ encoding: Int32, _ reader: inout ByteReader) throws(CorruptBytes) -> [Int64] {
        var words: [Int64] = []
        words.reserveCapacity(count)
        // 2 is PLAIN_DICTIONARY, which older writers say for RLE_DICTIONARY.
        switch Encoding(rawValue: encoding == 2 ? 8 : encoding) {
        case .plain:
            if column.type == .string {
                try reader.plainTexts(count, into: &values.text) { words.append($0) }
            } else {
                try reader.plain(count, column.type.physical) { words.append($0) }
            }
        case .deltaBinaryPacked:
            guard column.type.physical == .int32 || column.type.physical == .int64 else {
                throw CorruptBytes("differences in a column that has no whole numbers")
            }
            try reader.deltas(count, wraps32: column.type.physical == .int32) { words.append($0) }
        case .rleDictionary:
            guard let dictionary else { throw CorruptBytes("indices without a dictionary") }
            let width = Int(try reader.byte())
            guard width <= 32 else { throw CorruptBytes("indices of \(width) bits") }
            var isOutside = false
            try reader.hybrid(count, width: width) { index in
                if index < dictionary.count { words.append(dictionary[Int(index)]) } else { isOutside = true }
            }
            if isOutside { throw CorruptBytes("an index beyond the dictionary") }
        case .rle, nil: throw CorruptBytes("encoding \(encoding) is not read")
        }
        return words
    }
}
