public import Records

/// The bytes that name an entity: its fields one after another.
///
///     int64 timestamp decimal:  8 bytes, big endian, the sign bit flipped, so that bytes sort as numbers do
///     bool:                     1 byte
///     string:                   length in 4 bytes, big endian | UTF-8 bytes
///
/// The form is part of the state's format.
public enum EntityKey {
    @unsafe
    public static func append(
        _ word: Int64, type: FieldType, texts: borrowing TextArena, to arena: inout TextArena
    ) {
        switch type {
        case .string: append(TextReference(word: word), of: texts, to: &arena)
        case .bool:
            arena.reserve(1)
            unsafe arena.unsafeEnd.pointee = UInt8(truncatingIfNeeded: word)
            arena.advance(by: 1)
        case .int64, .timestamp, .decimal, .double:
            arena.reserve(8)
            let bits = UInt64(bitPattern: word) ^ (1 << 63)
            unsafe UnsafeMutableRawPointer(arena.unsafeEnd).storeBytes(of: bits.bigEndian, as: UInt64.self)
            arena.advance(by: 8)
        }
    }

    @inline(__always)
    static func append(_ text: TextReference, of texts: borrowing TextArena, to arena: inout TextArena) {
        arena.reserve(4 + text.length)
        let end = unsafe UnsafeMutableRawPointer(arena.unsafeEnd)
        unsafe end.storeBytes(of: UInt32(truncatingIfNeeded: text.length).bigEndian, as: UInt32.self)
        arena.advance(by: 4)
        _ = arena.append(text, of: texts)
    }

    /// The key of an entity from its fields as text, as a person or a request names them; nil where one does not fit its type.
    public static func parse(_ fields: [String], types: [FieldType], into arena: inout TextArena) -> Bool {
        guard fields.count == types.count else { return false }
        var texts = TextArena(capacity: 256)
        for (field, type) in zip(fields, types) {
            let word: Int64
            switch type {
            case .string: word = texts.append(field).word
            case .int64:
                guard let number = Int64(field) else { return false }
                word = number
            case .bool:
                guard let flag = Bool(field) else { return false }
                word = flag ? 1 : 0
            case .timestamp:
                guard let time = parseTimestamp(field) else { return false }
                word = time.microseconds
            case .decimal(let scale):
                guard case .success(let number) = parseDecimal(field, scale: scale) else { return false }
                word = number
            case .double: return false
            }
            unsafe append(word, type: type, texts: texts, to: &arena)
        }
        return true
    }

    /// Reads the field at `offset`, which moves behind it. A string's text is appended to `texts`, the word refers to it.
    /// Requires: the bytes come from `append` with the same types.
    @unsafe
    public static func read(
        _ bytes: UnsafeRawBufferPointer, at offset: inout Int, type: FieldType, texts: inout TextArena
    ) -> Int64 {
        switch type {
        case .string:
            let length = unsafe Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            let text = unsafe UnsafeRawBufferPointer(rebasing: bytes[(offset + 4)..<(offset + 4 + length)])
            offset += 4 + length
            return unsafe texts.append(text).word
        case .bool:
            defer { offset += 1 }
            return unsafe Int64(bytes[offset])
        case .int64, .timestamp, .decimal, .double:
            defer { offset += 8 }
            let bits = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            return Int64(bitPattern: bits ^ (1 << 63))
        }
    }

    /// A 64-bit hash with fixed constants: multiply and fold eight bytes at a time. Part of the state's format.
    @unsafe
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: bytes.count)
        var offset = 0
        while offset &+ 8 <= bytes.count {
            let word = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            state = fold(state ^ word, 0xD6E8_FEB8_6659_FD93)
            offset &+= 8
        }
        let rest = bytes.count &- offset
        if rest > 0 {
            // What is left, as a big-endian number. Loads that overlap save the loop, whose length no processor guesses.
            var word: UInt64 = 0
            if offset > 0 {
                let last = unsafe bytes.loadUnaligned(fromByteOffset: bytes.count &- 8, as: UInt64.self)
                word = UInt64(bigEndian: last) & ((1 &<< UInt64(rest &* 8)) &- 1)
            } else if rest >= 4 {
                let first = unsafe UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))
                let last = unsafe UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: rest &- 4, as: UInt32.self))
                word = UInt64(first) &<< UInt64((rest &- 4) &* 8) | UInt64(last)
            } else {
                for index in 0..<rest { unsafe word = word << 8 | UInt64(bytes[index]) }
            }
            state = fold(state ^ word, 0xA076_1D64_78BD_642F)
        }
        return fold(state ^ 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3)
    }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (high, low) = a.multipliedFullWidth(by: b)
        // The sum keeps a zero product from hiding the input.
        return (high ^ low) &+ a
    }
}
