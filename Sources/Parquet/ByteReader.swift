/// Bytes that contradict the format; the reader of the file adds which file it is.
struct CorruptBytes: Error {
    var reason: String

    init(_ reason: String) { self.reason = reason }
}

/// Reads bytes front to back and never past their end.
struct ByteReader {
    let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var left: Int { bytes.count - position }

    mutating func byte() throws(CorruptBytes) -> UInt8 {
        guard position < bytes.count else { throw CorruptBytes("the data is cut off") }
        defer { position += 1 }
        return bytes[position]
    }

    /// The range of the next `count` bytes, which are passed over.
    mutating func take(_ count: Int) throws(CorruptBytes) -> Range<Int> {
        guard count >= 0, count <= left else { throw CorruptBytes("the data is cut off") }
        defer { position += count }
        return position..<position + count
    }

    mutating func littleEndian<Word: FixedWidthInteger>(_: Word.Type) throws(CorruptBytes) -> Word {
        let range = try take(Word.bitWidth / 8)
        return unsafe bytes.withUnsafeBytes {
            unsafe Word(littleEndian: $0.loadUnaligned(fromByteOffset: range.lowerBound, as: Word.self))
        }
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

    /// Lends `count` numbers of `width` bits each, without gaps, from the least significant bit of the first byte on.
    mutating func packed(_ count: Int, width: Int, _ body: (UInt64) -> Void) throws(CorruptBytes) {
        let start = try take((count * width + 7) / 8).lowerBound
        guard width > 0 else {
            for _ in 0..<count { body(0) }
            return
        }
        let mask = width == 64 ? UInt64.max : (UInt64(1) << UInt64(width)) - 1
        unsafe bytes.withUnsafeBytes { bytes in
            for index in 0..<count {
                let bit = index * width
                let (first, shift) = (start + (bit >> 3), UInt64(bit & 7))
                var word: UInt64
                if first + 9 <= bytes.count {
                    word = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: first, as: UInt64.self)) >> shift
                    if shift > 0 { word |= unsafe UInt64(bytes[first + 8]) << (64 - shift) }
                } else {
                    word = 0
                    for place in 0..<min(9, bytes.count - first) {
                        let byte = unsafe UInt64(bytes[first + place])
                        let distance = Int64(place) * 8 - Int64(shift)
                        // Bits that fall out of the word belong to other numbers.
                        word |= distance < 0 ? byte >> UInt64(-distance) : distance < 64 ? byte << UInt64(distance) : 0
                    }
                }
                body(word & mask)
            }
        }
    }
}
