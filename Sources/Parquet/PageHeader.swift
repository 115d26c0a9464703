/// `PageHeader` of parquet.thrift.
struct PageHeader {
    enum Kind {
        case data, dataV2, dictionary
        /// Of a kind that holds no values.
        case other
    }

    var kind = Kind.other
    var uncompressedSize = 0
    var compressedSize = 0
    var checksum: UInt32?
    var valueCount = 0
    var encoding: Int32 = -1
    /// Of definition levels, in a page of version 1.
    var levelEncoding = Encoding.rle.rawValue
    // Of a page of version 2, whose levels lie before the values and are never compressed.
    var definitionBytes = 0
    var repetitionBytes = 0
    var isCompressed = true
}

extension ThriftReader {
    mutating func pageHeader() throws(CorruptBytes) -> PageHeader {
        var page = PageHeader()
        var type: Int32 = -1
        var described: Set<Int> = []
        try structure { (reader, field, kind) throws(CorruptBytes) in
            switch field {
            case 1: type = try reader.int32(kind)
            case 2: page.uncompressedSize = Int(try reader.int32(kind))
            case 3: page.compressedSize = Int(try reader.int32(kind))
            case 4: page.checksum = UInt32(bitPattern: try reader.int32(kind))
            case 5, 7, 8:
                described.insert(field)
                try reader.structure(kind) { (reader, inner, kind) throws(CorruptBytes) in
                    switch (field, inner) {
                    case (_, 1): page.valueCount = Int(try reader.int32(kind))
                    case (5, 2), (7, 2), (8, 4): page.encoding = try reader.int32(kind)
                    case (5, 3): page.levelEncoding = try reader.int32(kind)
                    case (8, 5): page.definitionBytes = Int(try reader.int32(kind))
                    case (8, 6): page.repetitionBytes = Int(try reader.int32(kind))
                    case (8, 7): page.isCompressed = try reader.bool(kind)
                    default: try reader.skip(kind)
                    }
                }
            default: try reader.skip(kind)
            }
        }
        switch type {
        case 0: page.kind = .data
        case 2: page.kind = .dictionary
        case 3: page.kind = .dataV2
        default: return page
        }
        guard described == [[0: 5, 2: 7, 3: 8][type] ?? 0] else { throw CorruptBytes("a page whose header is another kind's") }
        return page
    }
}
