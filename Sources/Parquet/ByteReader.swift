/// Bytes that contradict the format; the reader of the file adds which file and column it is.
struct CorruptBytes: Error {
    var reason: String

    /// More bytes might have been none of this.
    var isCutOff = false

    init(_ reason: String) { self.reason = reason }

    static let cutOff: CorruptBytes = {
        var error = CorruptBytes("the data is cut off")
        error.isCutOff = true
        return error
    }()
}

/// Reads borrowed bytes front to back and never past their end.
///
/// Requires: the memory stays where it is as long as the reader, or a copy of it, is used.
@safe
struct ByteReader {
    private let base: UnsafeRawPointer
    private(set) var position = 0
    private let end: Int

    init(_ bytes: UnsafeRawBufferPointer) {
        // Without a byte no address is ever read.
        unsafe base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
        end = bytes.count
    }

    var left: Int { end - position }

    /// Where the next byte lies.
    var pointer: UnsafeRawPointer { unsafe base + position }

    @inline(__always)
    mutating func byte() throws(CorruptBytes) -> UInt8 {
        guard position < end else { throw .cutOff }
        defer { position &+= 1 }
        return unsafe base.load(fromByteOffset: position, as: UInt8.self)
    }

    mutating func skip(_ count: Int) throws(CorruptBytes) {
        guard count >= 0, count <= left else { throw .cutOff }
        position += count
    }

    /// A reader of the next `count` bytes alone, which are passed over.
    mutating func take(_ count: Int) throws(CorruptBytes) -> ByteReader {
        let start = unsafe pointer
        try skip(count)
        return unsafe ByteReader(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// The rest, as memory.
    var rest: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: pointer, count: left) }

    @inline(__always)
    mutating func littleEndian<Word: FixedWidthInteger>(_: Word.Type) throws(CorruptBytes) -> Word {
        guard Word.bitWidth / 8 <= left else { throw .cutOff }
        defer { position &+= Word.bitWidth / 8 }
        return unsafe Word(littleEndian: base.loadUnaligned(fromByteOffset: position, as: Word.self))
    }

    /// ULEB128.
    mutating func varint() throws(CorruptBytes) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            if shift == 63 && next > 1 { throw CorruptBytes("a number of more than 64 bits") }
            value |= UInt64(next & 0x7F) << shift
            if next < 0x80 { return value }
            shift += 7
            if shift > 63 { throw CorruptBytes("a number of more than 64 bits") }
        }
    }

    mutating func zigzag() throws(CorruptBytes) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A varint that counts something in memory.
    mutating func count() throws(CorruptBytes) -> Int {
        guard let count = Int32(exactly: try varint()) else { throw CorruptBytes("a count of more than 31 bits") }
        return Int(count)
    }
}
