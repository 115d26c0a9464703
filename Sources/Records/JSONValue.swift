internal import CSimdJSON

/// Values as JSON text, written in place: the caller has made room for `bytesMax`.
public enum JSONValue {
    /// The most bytes that a value of a type takes, beside the text of a string.
    public static func bytesMax(_ type: FieldType) -> Int {
        switch type {
        case .int64: Int(json_int_bytes)
        case .decimal: Int(json_decimal_bytes)
        case .double: Int(json_double_bytes)
        case .timestamp: Int(json_instant_bytes)
        case .bool: 5
        case .string: 2
        }
    }

    /// The most bytes that a byte of a string takes.
    public static let stringFactor = 6

    /// Writes a column's word; gives the end.
    ///
    /// Doubles are the shortest text that reads back as the same, timestamps RFC 3339 in UTC with six digits of a fraction, decimals
    /// have all digits of their scale.
    @unsafe @inline(__always)
    public static func write(
        _ word: Int64, _ type: FieldType, _ texts: borrowing TextArena, to out: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        switch type {
        case .int64: return unsafe json_write_int(out, word)
        case .decimal(let scale): return unsafe json_write_decimal(out, word, Int32(scale))
        case .double: return unsafe json_write_double(out, Double(bitPattern: UInt64(bitPattern: word)))
        case .timestamp: return unsafe json_write_instant(out, word)
        case .bool:
            let text: StaticString = word == 0 ? "false" : "true"
            unsafe out.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
            return unsafe out + text.utf8CodeUnitCount
        case .string:
            let text = unsafe texts.bytes(TextReference(word: word))
            return unsafe json_write_string(out, text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count)
        }
    }
}
