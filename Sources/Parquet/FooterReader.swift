// What a reader needs of a footer, and of a page's header (parquet.thrift).

struct StoredTable {
    var elements: [StoredElement] = []
    var rowCount = 0
    var keyValues: [(String, String)] = []
    var groups: [StoredGroup] = []
}

struct StoredGroup {
    var rowCount = 0
    /// One for each leaf of the schema.
    var chunks: [StoredChunk] = []
}

struct StoredChunk {
    var physical: Int32 = -1
    var codec: Int32 = -1
    var valueCount = 0
    var compressedSize = 0
    var dataOffset = 0
    var dictionaryOffset: Int?
    /// Why its bytes cannot be read at all.
    var obstacle: String?

    /// Some writers put 0 where there is no dictionary, others say nothing of the dictionary that comes first.
    var startOffset: Int {
        guard let dictionaryOffset, dictionaryOffset > 0 else { return dataOffset }
        return min(dictionaryOffset, dataOffset)
    }
}

/// A node of the schema's tree, in which parents precede their children.
struct StoredElement {
    var name = ""
    var physical: Int32?
    var typeLength = 0
    /// 0 required, 1 optional, 2 repeated.
    var repetition: Int32 = 0
    var children = 0
    var converted: Int32?
    var scale = 0
    var precision = 0
    var logical: LogicalType?
}

/// `LogicalType` of parquet.thrift, as far as it tells columns apart here.
enum LogicalType {
    case text
    case date
    case decimal(precision: Int, scale: Int)
    case integer(bits: Int, isSigned: Bool)
    case timestamp(TimestampUnit, isUTC: Bool)
    /// Nulls only.
    case unknown
    case other(String)
}

extension ThriftReader {
    mutating func table() throws(CorruptBytes) -> StoredTable {
        var table = StoredTable()
        try structure { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 2:
                try reader.list(kind) { (reader, kind) throws(CorruptBytes) in
                    table.elements.append(try reader.schemaElement(kind))
                }
            case 3: table.rowCount = try reader.integer(kind)
            case 4:
                try reader.list(kind) { (reader, kind) throws(CorruptBytes) in table.groups.append(try reader.group(kind)) }
            case 5:
                try reader.list(kind) { (reader, kind) throws(CorruptBytes) in
                    table.keyValues.append(try reader.keyValue(kind))
                }
            default: try reader.skip(kind)
            }
        }
        return table
    }

    private mutating func keyValue(_ kind: Kind) throws(CorruptBytes) -> (String, String) {
        var pair = ("", "")
        try structure(kind) { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1: pair.0 = try reader.string(kind)
            case 2: pair.1 = try reader.string(kind)
            default: try reader.skip(kind)
            }
        }
        return pair
    }

    private mutating func schemaElement(_ kind: Kind) throws(CorruptBytes) -> StoredElement {
        var element = StoredElement()
        try structure(kind) { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1: element.physical = try reader.int32(kind)
            case 2: element.typeLength = Int(try reader.int32(kind))
            case 3: element.repetition = try reader.int32(kind)
            case 4: element.name = try reader.string(kind)
            case 5: element.children = Int(try reader.int32(kind))
            case 6: element.converted = try reader.int32(kind)
            case 7: element.scale = Int(try reader.int32(kind))
            case 8: element.precision = Int(try reader.int32(kind))
            case 10: element.logical = try reader.logicalType(kind)
            default: try reader.skip(kind)
            }
        }
        return element
    }

    /// A union: a structure with one field, whose number says which type it is.
    private mutating func logicalType(_ kind: Kind) throws(CorruptBytes) -> LogicalType? {
        var type: LogicalType?
        try structure(kind) { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1, 4, 12: type = .text
            case 6: type = .date
            case 11: type = .unknown
            case 5:
                var (scale, precision) = (0, 0)
                try reader.structure(kind) { (reader, field, kind) throws(CorruptBytes) in
                    switch field {
                    case 1: scale = Int(try reader.int32(kind))
                    case 2: precision = Int(try reader.int32(kind))
                    default: try reader.skip(kind)
                    }
                }
                type = .decimal(precision: precision, scale: scale)
                return
            case 8:
                type = try reader.timestamp(kind)
                return
            case 10:
                var (bits, isSigned) = (0, false)
                try reader.structure(kind) { (reader, field, kind) throws(CorruptBytes) in
                    switch field {
                    case 1: bits = try reader.integer(kind)
                    case 2: isSigned = try reader.bool(kind)
                    default: try reader.skip(kind)
                    }
                }
                type = .integer(bits: bits, isSigned: isSigned)
                return
            default:
                let names = [
                    2: "map", 3: "list", 7: "time of day", 13: "BSON", 14: "UUID", 15: "16-bit float", 16: "variant",
                    17: "geometry", 18: "geography",
                ]
                type = .other(names[field] ?? "type of number \(field)")
            }
            try reader.skip(kind)
        }
        return type
    }

    private mutating func timestamp(_ kind: Kind) throws(CorruptBytes) -> LogicalType {
        var unit: TimestampUnit?
        var isUTC = false
        try structure(kind) { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1: isUTC = try reader.bool(kind)
            case 2:
                try reader.structure(kind) { (reader, field, kind) throws(CorruptBytes) in
                    let units: [TimestampUnit] = [.milliseconds, .microseconds, .nanoseconds]
                    unit = units.first { $0.field == field }
                    try reader.skip(kind)
                }
            default: try reader.skip(kind)
            }
        }
        return unit.map { .timestamp($0, isUTC: isUTC) } ?? .other("timestamp of a unit that is not known")
    }

    private mutating func group(_ kind: Kind) throws(CorruptBytes) -> StoredGroup {
        var group = StoredGroup()
        try structure(kind) { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1:
                try reader.list(kind) { (reader, kind) throws(CorruptBytes) in group.chunks.append(try reader.chunk(kind)) }
            case 3: group.rowCount = try reader.integer(kind)
            default: try reader.skip(kind)
            }
        }
        return group
    }

    private mutating func chunk(_ kind: Kind) throws(CorruptBytes) -> StoredChunk {
        var chunk = StoredChunk()
        try structure(kind) { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1:
                chunk.obstacle = "its values are in another file"
                try reader.skip(kind)
            case 3:
                try reader.structure(kind) { (reader, field, kind) throws(CorruptBytes) in
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
            case 8:
                chunk.obstacle = "it is encrypted"
                try reader.skip(kind)
            default: try reader.skip(kind)
            }
        }
        return chunk
    }
}
