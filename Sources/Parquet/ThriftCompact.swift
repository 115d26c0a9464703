/// Writes structures in Thrift's compact protocol, in which all of Parquet's metadata is written.
///
/// A field is one byte, `(field id - previous id) << 4 | type`, and its value; a structure ends with a zero byte. Fields are
/// written in ascending order, and no id here is 15 above the one before it.
/// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md)
struct ThriftCompact: ~Copyable, Sendable {
    private(set) var bytes = ByteBuffer()
    private var lastField = 0

    enum Kind: UInt8 {
        case `true` = 1
        case `false` = 2
        case i16 = 4
        case i32 = 5
        case i64 = 6
        case binary = 8
        case list = 9
        case structure = 12
    }

    mutating func removeAll() {
        bytes.removeAll()
        lastField = 0
    }

    private mutating func begin(_ field: Int, _ kind: Kind) {
        precondition(field > lastField && field - lastField <= 15)
        bytes.append(UInt8(field - lastField) << 4 | kind.rawValue)
        lastField = field
    }

    mutating func bool(_ field: Int, _ value: Bool) { begin(field, value ? .true : .false) }

    mutating func i16(_ field: Int, _ value: Int16) {
        begin(field, .i16)
        bytes.append(zigzag: Int64(value))
    }

    mutating func i32(_ field: Int, _ value: Int32) {
        begin(field, .i32)
        bytes.append(zigzag: Int64(value))
    }

    mutating func i64(_ field: Int, _ value: Int) {
        begin(field, .i64)
        bytes.append(zigzag: Int64(value))
    }

    mutating func binary(_ field: Int, _ value: [UInt8]) {
        begin(field, .binary)
        bytes.append(varint: UInt64(value.count))
        bytes.append(value)
    }

    mutating func string(_ field: Int, _ value: String) {
        begin(field, .binary)
        element(value)
    }

    mutating func structure(_ field: Int, _ body: (inout ThriftCompact) -> Void) {
        begin(field, .structure)
        element(body)
    }

    /// The list's elements follow by `element`.
    mutating func list(_ field: Int, of kind: Kind, count: Int) {
        begin(field, .list)
        if count < 15 {
            bytes.append(UInt8(count) << 4 | kind.rawValue)
        } else {
            bytes.append(0xF0 | kind.rawValue)
            bytes.append(varint: UInt64(count))
        }
    }

    mutating func element(_ value: Int32) { bytes.append(zigzag: Int64(value)) }

    mutating func element(_ value: String) {
        bytes.append(varint: UInt64(value.utf8.count))
        bytes.append(Array(value.utf8))
    }

    /// A structure: an element of a list, or the outermost one.
    mutating func element(_ body: (inout ThriftCompact) -> Void) {
        let enclosing = lastField
        lastField = 0
        body(&self)
        bytes.append(0)
        lastField = enclosing
    }
}
