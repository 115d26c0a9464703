/// What a reader needs of a footer, and of a page's header (parquet.thrift).
struct StoredTable {
    var schema: [ColumnSchema] = []
    var keyValues: [(String, String)] = []
    var groups: [StoredGroup] = []
}

struct StoredGroup {
    var rowCount = 0
    var chunks: [StoredChunk] = []
}

struct StoredChunk {
    var physical: Int32 = -1
    var codec: Int32 = -1
    var valueCount = 0
    var compressedSize = 0
    var dataOffset = 0
    var dictionaryOffset: Int?

    var startOffset: Int { dictionaryOffset ?? dataOffset }
}

struct StoredPage {
    var type: Int32 = -1
    var uncompressedSize = 0
    var compressedSize = 0
    var valueCount = 0
    var encoding: Int32 = -1
    var levelEncoding: Int32 = Encoding.rle.rawValue
}

extension ThriftReader {
    mutating func table() throws(CorruptBytes) -> StoredTable {
        var table = StoredTable()
        var elements: [StoredElement] = []
        try structure { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 2: try reader.list(kind) { (reader, _) throws(CorruptBytes) in elements.append(try reader.schemaElement()) }
            case 4: try reader.list(kind) { (reader, _) throws(CorruptBytes) in table.groups.append(try reader.group()) }
            case 5: try reader.list(kind) { (reader, _) throws(CorruptBytes) in table.keyValues.append(try reader.keyValue()) }
            default: try reader.skip(kind)
            }
        }
        guard let root = elements.first, root.children == elements.count - 1 else {
            throw CorruptBytes("a schema that is not flat is not read")
        }
        for element in elements.dropFirst() { table.schema.append(try element.column()) }
        for group in table.groups {
            guard group.chunks.count == table.schema.count, 0...Bounds.rowsOfGroupRead ~= group.rowCount else {
                throw CorruptBytes("a row group does not fit the schema or the bound of rows")
            }
            for (chunk, column) in zip(group.chunks, table.schema) {
                guard chunk.physical == column.type.physical.rawValue, chunk.valueCount == group.rowCount else {
                    throw CorruptBytes("a chunk of column \(column.name) does not fit the schema")
                }
            }
        }
        return table
    }

    private mutating func keyValue() throws(CorruptBytes) -> (String, String) {
        var pair = ("", "")
        try structure { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1: pair.0 = try reader.string(kind)
            case 2: pair.1 = try reader.string(kind)
            default: try reader.skip(kind)
            }
        }
        return pair
    }

    private mutating func schemaElement() throws(CorruptBytes) -> StoredElement {
        var element = StoredElement()
        try structure { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1: element.physical = try reader.int32(kind)
            case 3: element.repetition = try reader.int32(kind)
            case 4: element.name = try reader.string(kind)
            case 5: element.children = try reader.integer(kind)
            case 6: element.converted = try reader.int32(kind)
            case 7: element.scale = try reader.integer(kind)
            default: try reader.skip(kind)
            }
        }
        return element
    }

    private mutating func group() throws(CorruptBytes) -> StoredGroup {
        var group = StoredGroup()
        try structure { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1: try reader.list(kind) { (reader, _) throws(CorruptBytes) in group.chunks.append(try reader.chunk()) }
            case 3: group.rowCount = try reader.integer(kind)
            default: try reader.skip(kind)
            }
        }
        return group
    }

    private mutating func chunk() throws(CorruptBytes) -> StoredChunk {
        var chunk = StoredChunk()
        try structure { (reader, field, kind) throws(CorruptBytes) in
            guard field == 3 else { return try reader.skip(kind) }
            guard kind == .structure else { throw CorruptBytes("expected a structure, found a \(kind)") }
            try reader.structure { (reader, field, kind) throws(CorruptBytes) in
                switch field {
                case 1: chunk.physical = try reader.int32(kind)
                case 4: chunk.codec = try reader.int32(kind)
                case 5: chunk.valueCount = try reader.integer(kind)
                case 7: chunk.compressedSize = try reader.integer(kind)
                case 9: chunk.dataOffset = try reader.integer(kind)
                case 11: chunk.dictionaryOffset = try reader.integer(kind)
                default: try reader.skip(kind)
                }
            }
        }
        return chunk
    }

    mutating func page() throws(CorruptBytes) -> StoredPage {
        var page = StoredPage()
        try structure { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1: page.type = try reader.int32(kind)
            case 2: page.uncompressedSize = Int(try reader.int32(kind))
            case 3: page.compressedSize = Int(try reader.int32(kind))
            case 5, 7:
                guard kind == .structure else { throw CorruptBytes("expected a structure, found a \(kind)") }
                try reader.structure { (reader, field, kind) throws(CorruptBytes) in
                    switch field {
                    case 1: page.valueCount = Int(try reader.int32(kind))
                    case 2: page.encoding = try reader.int32(kind)
                    case 3 where kind == .i32: page.levelEncoding = try reader.int32(kind)
                    default: try reader.skip(kind)
                    }
                }
            default: try reader.skip(kind)
            }
        }
        return page
    }
}

private struct StoredElement {
    var name = ""
    var physical: Int32?
    /// 0 required, 1 optional, 2 repeated.
    var repetition: Int32 = 0
    var children = 0
    var converted: Int32?
    var scale = 0

    func column() throws(CorruptBytes) -> ColumnSchema {
        guard children == 0, repetition == 0 || repetition == 1, let physical = physical.flatMap(PhysicalType.init) else {
            throw CorruptBytes("column \(name) is nested, repeated or of a type that is not read")
        }
        let types: [ColumnType] = [
            .string, .int32, .int64, .double, .bool, .timestampMicrosUTC,
            .decimal(scale: min(max(scale, 0), ColumnType.decimalDigits)),
        ]
        guard let type = types.first(where: { $0.physical == physical && $0.converted == converted }) else {
            throw CorruptBytes("column \(name) has a type that is not read")
        }
        return ColumnSchema(name: name, type: type, nullable: repetition == 1)
    }
}
