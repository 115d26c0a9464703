internal import Records

/// The few forms of JSON that are written here.
public enum JSONText {
    public static func append(_ string: String, to bytes: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x0A: bytes += #"\n"#.utf8
            case 0x0D: bytes += #"\r"#.utf8
            case 0x09: bytes += #"\t"#.utf8
            case 0..<0x20:
                bytes += #"\u00"#.utf8
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// An instant as RFC 3339, or null.
    static func append(_ time: EventTime?, to bytes: inout [UInt8]) {
        if let time { append(time.rfc3339(), to: &bytes) } else { bytes += "null".utf8 }
    }

    /// The bytes as a base64 string, or null.
    static func append(base64 source: [UInt8]?, to bytes: inout [UInt8]) {
        guard let source else { return unsafe append(base64: UnsafeRawBufferPointer?.none, to: &bytes) }
        unsafe source.withUnsafeBytes { unsafe append(base64: $0, to: &bytes) }
    }

    /// The bytes as a base64 string, or null.
    static func append(base64 source: UnsafeRawBufferPointer?, to bytes: inout [UInt8]) {
        guard let source = unsafe source else {
            bytes += "null".utf8
            return
        }
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        bytes.reserveCapacity(bytes.count + source.count * 4 / 3 + 8)
        bytes.append(UInt8(ascii: "\""))
        var index = 0
        while index < source.count {
            let left = source.count - index
            let a = unsafe UInt32(source[index])
            let b = left > 1 ? unsafe UInt32(source[index + 1]) : 0
            let c = left > 2 ? unsafe UInt32(source[index + 2]) : 0
            let word = a << 16 | b << 8 | c
            bytes.append(alphabet[Int(word >> 18)])
            bytes.append(alphabet[Int(word >> 12 & 63)])
            bytes.append(left > 1 ? alphabet[Int(word >> 6 & 63)] : UInt8(ascii: "="))
            bytes.append(left > 2 ? alphabet[Int(word & 63)] : UInt8(ascii: "="))
            index += 3
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
