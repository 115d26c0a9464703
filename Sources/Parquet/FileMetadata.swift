// The structures of parquet.thrift, field by field.
// (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift)

/// What a page holds, for its header.
enum PageKind {
    case dictionary(entries: Int)
    case data(rows: Int, Encoding)
}

struct RowGroupMetadata {
    var rowCount: Int
    var chunks: [ChunkMetadata]
}

struct FileMetadata {
    var schema: [ColumnSchema]
    var keyValues: [(String, String)]
    var rowGroups: [RowGroupMetadata] = []

    /// In the form `application version semver (build hash)`: older readers ignore statistics if they cannot parse it.
    static let createdBy = "freshet version 1.0.0 (build 1)"
    /// The format's major version; 2 allows the encodings after PLAIN and PLAIN_DICTIONARY.
    static let version: Int32 = 2
}

/// `CompressionCodec` of parquet.thrift, as far as it is written here.
enum Compression: Int32 {
    case none = 0
    case zstd = 6
}

extension TimestampUnit {
    /// The field of `TimeUnit` that stands for it.
    var field: Int {
        switch self {
        case .milliseconds: 1
        case .microseconds: 2
        case .nanoseconds: 3
        }
    }
}

/// `PageType`.
private let dataPage: Int32 = 0
private let dictionaryPage: Int32 = 2

extension ThriftCompact {
    mutating func pageHeader(_ kind: PageKind, uncompressedSize: Int, compressedSize: Int, checksum: UInt32?) {
        element { header in
            switch kind {
            case .dictionary: header.i32(1, dictionaryPage)
            case .data: header.i32(1, dataPage)
            }
            header.i32(2, Int32(uncompressedSize))
            header.i32(3, Int32(compressedSize))
            if let checksum { header.i32(4, Int32(bitPattern: checksum)) }
            switch kind {
            case .dictionary(let entries):
                header.structure(7) {
                    $0.i32(1, Int32(entries))
                    $0.i32(2, Encoding.plain.rawValue)
                }
            case .data(let rows, let encoding):
                header.structure(5) {
                    $0.i32(1, Int32(rows))
                    $0.i32(2, encoding.rawValue)
                    // Definition and repetition levels; there are none of the latter in flat schemas.
                    $0.i32(3, Encoding.rle.rawValue)
                    $0.i32(4, Encoding.rle.rawValue)
                }
            }
        }
    }

    mutating func fileMetadata(_ file: FileMetadata) {
        element { footer in
            footer.i32(1, FileMetadata.version)
            footer.list(2, of: .structure, count: file.schema.count + 1)
            footer.element {
                $0.string(4, "schema")
                $0.i32(5, Int32(file.schema.count))
            }
            for column in file.schema { footer.schemaElement(column) }
            footer.i64(3, file.rowGroups.reduce(0) { $0 + $1.rowCount })
            footer.list(4, of: .structure, count: file.rowGroups.count)
            for (ordinal, group) in file.rowGroups.enumerated() { footer.rowGroup(group, file.schema, ordinal) }
            if !file.keyValues.isEmpty {
                footer.list(5, of: .structure, count: file.keyValues.count)
                for (key, value) in file.keyValues {
                    footer.element {
                        $0.string(1, key)
                        $0.string(2, value)
                    }
                }
            }
            footer.string(6, FileMetadata.createdBy)
            footer.list(7, of: .structure, count: file.schema.count)
            for _ in file.schema { footer.element { $0.structure(1) { _ in } } }  // TypeDefinedOrder
        }
    }

    private mutating func schemaElement(_ column: ColumnSchema) {
        element { element in
            element.i32(1, column.type.physical.rawValue)
            if column.type.isWide { element.i32(2, Int32(ColumnType.wideBytes)) }
            element.i32(3, column.nullable ? 1 : 0)
            element.string(4, column.name)
            if let converted = column.type.converted { element.i32(6, converted) }
            switch column.type {
            case .string:
                element.structure(10) { $0.structure(1) { _ in } }
            case .decimal(let digits, let scale):
                element.i32(7, Int32(scale))
                element.i32(8, Int32(digits))
                element.structure(10) {
                    $0.structure(5) {
                        $0.i32(1, Int32(scale))
                        $0.i32(2, Int32(digits))
                    }
                }
            case .date:
                element.structure(10) { $0.structure(6) { _ in } }
            case .timestamp(let unit, let isUTC):
                element.structure(10) {
                    $0.structure(8) {
                        $0.bool(1, isUTC)
                        $0.structure(2) { $0.structure(unit.field) { _ in } }
                    }
                }
            case .int32, .int64, .double, .bool: break
            }
        }
    }

    private mutating func rowGroup(_ group: RowGroupMetadata, _ schema: [ColumnSchema], _ ordinal: Int) {
        element { row in
            row.list(1, of: .structure, count: group.chunks.count)
            for (chunk, column) in zip(group.chunks, schema) { row.columnChunk(chunk, column) }
            row.i64(2, group.chunks.reduce(0) { $0 + $1.uncompressedSize })
            row.i64(3, group.rowCount)
            row.i64(5, group.chunks[0].startOffset)
            row.i64(6, group.chunks.reduce(0) { $0 + $1.compressedSize })
            if let ordinal = Int16(exactly: ordinal) { row.i16(7, ordinal) }
        }
    }

    private mutating func columnChunk(_ chunk: ChunkMetadata, _ column: ColumnSchema) {
        element { outer in
            outer.i64(2, 0)  // deprecated, but required
            outer.structure(3) { metadata in
                metadata.i32(1, column.type.physical.rawValue)
                let encodings: [Encoding] =
                    chunk.dictionaryOffset == nil ? [chunk.encoding, .rle] : [.plain, .rle, .rleDictionary]
                metadata.list(2, of: .i32, count: encodings.count)
                for encoding in encodings { metadata.element(encoding.rawValue) }
                metadata.list(3, of: .binary, count: 1)
                metadata.element(column.name)
                metadata.i32(4, chunk.compression.rawValue)
                metadata.i64(5, chunk.valueCount)
                metadata.i64(6, chunk.uncompressedSize)
                metadata.i64(7, chunk.compressedSize)
                metadata.i64(9, chunk.dataOffset)
                if let offset = chunk.dictionaryOffset { metadata.i64(11, offset) }
                metadata.structure(12) {
                    $0.i64(3, chunk.nullCount)
                    if let statistics = chunk.statistics {
                        $0.binary(5, statistics.max)
                        $0.binary(6, statistics.min)
                    }
                }
                metadata.list(13, of: .structure, count: chunk.dictionaryOffset == nil ? 1 : 2)
                if chunk.dictionaryOffset != nil {
                    metadata.pageCount(dictionaryPage, .plain, 1)
                }
                metadata.pageCount(dataPage, chunk.encoding, chunk.dataPages)
            }
        }
    }

    private mutating func pageCount(_ page: Int32, _ encoding: Encoding, _ count: Int32) {
        element {
            $0.i32(1, page)
            $0.i32(2, encoding.rawValue)
            $0.i32(3, count)
        }
    }
}
