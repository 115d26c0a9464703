/// Reads Thrift's compact protocol: see `ThriftCompact`. What is not asked for is passed over.
struct ThriftReader {
    private(set) var bytes: ByteReader
    private var depth = 0

    /// The types that the protocol names in a field's or a list's head.
    enum Kind: UInt8 {
        case `true` = 1
        case `false` = 2
        case i8 = 3
        case i16 = 4
        case i32 = 5
        case i64 = 6
        case double = 7
        case binary = 8
        case list = 9
        case set = 10
        case map = 11
        case structure = 12
    }

    init(_ bytes: ByteReader) { self.bytes = bytes }

    private static func kind(_ number: UInt8) throws(CorruptBytes) -> Kind {
        guard let kind = Kind(rawValue: number) else { throw CorruptBytes("no Thrift type \(number)") }
        return kind
    }

    /// Lends each field of a structure, which `body` reads or skips.
    mutating func structure(
        _ body: (inout ThriftReader, _ field: Int, _ kind: Kind) throws(CorruptBytes) -> Void
    ) throws(CorruptBytes) {
        try descend()
        defer { depth -= 1 }
        var field: Int64 = 0
        while true {
            let head = try bytes.byte()
            if head == 0 { break }
            let (next, overflow) = field.addingReportingOverflow(head >> 4 == 0 ? 0 : Int64(head >> 4))
            field = head >> 4 == 0 ? try bytes.zigzag() : next
            guard !overflow, let id = Int16(exactly: field) else { throw CorruptBytes("a field's number is out of range") }
            try body(&self, Int(id), try ThriftReader.kind(head & 15))
        }
    }

    /// Into a structure, list or map: what is too deep would overflow the stack.
    private mutating func descend() throws(CorruptBytes) {
        guard depth < Bounds.footerDepth else { throw CorruptBytes("structures too deep within each other") }
        depth += 1
    }

    /// A whole number of any width. Requires of the bytes: the field is one.
    mutating func integer(_ kind: Kind) throws(CorruptBytes) -> Int {
        switch kind {
        case .i8: return Int(Int8(bitPattern: try bytes.byte()))
        case .i16, .i32, .i64: return Int(try bytes.zigzag())
        default: throw CorruptBytes("expected a whole number, found a \(kind)")
        }
    }

    mutating func int32(_ kind: Kind) throws(CorruptBytes) -> Int32 {
        guard let value = Int32(exactly: try integer(kind)) else { throw CorruptBytes("a number of more than 32 bits") }
        return value
    }

    /// A field's truth value, which stands in its head.
    func bool(_ kind: Kind) throws(CorruptBytes) -> Bool {
        guard kind == .true || kind == .false else { throw CorruptBytes("expected a truth value, found a \(kind)") }
        return kind == .true
    }

    /// A structure within this one.
    mutating func structure(
        _ kind: Kind, _ body: (inout ThriftReader, _ field: Int, _ kind: Kind) throws(CorruptBytes) -> Void
    ) throws(CorruptBytes) {
        guard kind == .structure else { throw CorruptBytes("expected a structure, found a \(kind)") }
        try structure(body)
    }

    mutating func string(_ kind: Kind) throws(CorruptBytes) -> String {
        guard kind == .binary else { throw CorruptBytes("expected a text, found a \(kind)") }
        let text = try bytes.take(try bytes.count())
        return unsafe String(decoding: text.rest, as: UTF8.self)
    }

    /// Lends the reader once for each element.
    mutating func list(
        _ kind: Kind, _ body: (inout ThriftReader, _ kind: Kind) throws(CorruptBytes) -> Void
    ) throws(CorruptBytes) {
        guard kind == .list || kind == .set else { throw CorruptBytes("expected a list, found a \(kind)") }
        try descend()
        defer { depth -= 1 }
        let head = try bytes.byte()
        let count = head >> 4 == 15 ? try bytes.count() : Int(head >> 4)
        let element = try ThriftReader.kind(head & 15)
        // Every element takes at least a byte, so a count cannot make this long.
        for _ in 0..<count { try body(&self, element) }
    }

    mutating func skip(_ kind: Kind) throws(CorruptBytes) {
        switch kind {
        case .true, .false: break
        case .i8: _ = try bytes.byte()
        case .i16, .i32, .i64: _ = try bytes.varint()
        case .double: try bytes.skip(8)
        case .binary: try bytes.skip(try bytes.count())
        case .list, .set: try list(kind) { (reader, kind) throws(CorruptBytes) in try reader.skipElement(kind) }
        case .map:
            let count = try bytes.count()
            guard count > 0 else { return }
            try descend()
            defer { depth -= 1 }
            let kinds = try bytes.byte()
            for _ in 0..<count {
                try skipElement(try ThriftReader.kind(kinds >> 4))
                try skipElement(try ThriftReader.kind(kinds & 15))
            }
        case .structure: try structure { (reader, _, kind) throws(CorruptBytes) in try reader.skip(kind) }
        }
    }

    /// In a list a bool is a byte of its own; in a structure it is in the field's head.
    private mutating func skipElement(_ kind: Kind) throws(CorruptBytes) {
        if kind == .true || kind == .false { _ = try bytes.byte() } else { try skip(kind) }
    }
}
