internal import Records

/// Takes a line of JSON apart, one level deep; every byte of it has to be JSON.
@safe
struct JSONScanner {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private static let depthMax = 64

    init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

    private var byte: UInt8? { unsafe position < bytes.count ? unsafe bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A { position += 1 }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard byte == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// Whether nothing stands there.
    var isBlank: Bool {
        var copy = self
        copy.skipSpace()
        return copy.byte == nil
    }

    /// Gives `body` the keys, quotes and all, and the texts of the values; false where it is no object.
    mutating func object(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void) rethrows -> Bool {
        skipSpace()
        guard skip("{") else { return false }
        skipSpace()
        if !skip("}") {
            repeat {
                skipSpace()
                let key = position
                guard string() else { return false }
                let keyEnd = position
                skipSpace()
                guard skip(":") else { return false }
                skipSpace()
                let start = position
                guard value(depth: 1) else { return false }
                try unsafe body(
                    UnsafeRawBufferPointer(rebasing: bytes[key..<keyEnd]),
                    UnsafeRawBufferPointer(rebasing: bytes[start..<position]))
                skipSpace()
            } while skip(",")
            guard skip("}") else { return false }
        }
        skipSpace()
        return byte == nil
    }

    /// Gives `body` the texts of an array's elements; false where it is none.
    mutating func array(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows -> Bool {
        skipSpace()
        guard skip("[") else { return false }
        skipSpace()
        if !skip("]") {
            repeat {
                skipSpace()
                let start = position
                guard value(depth: 1) else { return false }
                try unsafe body(UnsafeRawBufferPointer(rebasing: bytes[start..<position]))
                skipSpace()
            } while skip(",")
            guard skip("]") else { return false }
        }
        skipSpace()
        return byte == nil
    }

    private mutating func value(depth: Int) -> Bool {
        guard depth <= JSONScanner.depthMax, let byte else { return false }
        switch byte {
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "{"): return list(depth, "{", "}", hasKeys: true)
        case UInt8(ascii: "["): return list(depth, "[", "]", hasKeys: false)
        case UInt8(ascii: "t"): return word("true")
        case UInt8(ascii: "f"): return word("false")
        case UInt8(ascii: "n"): return word("null")
        default: return number()
        }
    }

    private mutating func list(_ depth: Int, _ open: Unicode.Scalar, _ close: Unicode.Scalar, hasKeys: Bool) -> Bool {
        guard skip(open) else { return false }
        skipSpace()
        if skip(close) { return true }
        repeat {
            skipSpace()
            if hasKeys {
                guard string() else { return false }
                skipSpace()
                guard skip(":") else { return false }
                skipSpace()
            }
            guard value(depth: depth + 1) else { return false }
            skipSpace()
        } while skip(",")
        return skip(close)
    }

    private mutating func word(_ word: StaticString) -> Bool {
        for index in 0..<word.utf8CodeUnitCount {
            guard unsafe word.utf8Start[index] == byte else { return false }
            position += 1
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = position
        while let byte, 0x30...0x39 ~= byte { position += 1 }
        return position > start
    }

    private mutating func number() -> Bool {
        _ = skip("-")
        if !skip("0") {
            guard digits() else { return false }
        }
        if skip(".") && !digits() { return false }
        if skip("e") || skip("E") {
            if !skip("+") { _ = skip("-") }
            guard digits() else { return false }
        }
        return true
    }

    private mutating func string() -> Bool {
        guard skip("\"") else { return false }
        while let byte {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return true
            case 0..<0x20: return false
            case UInt8(ascii: "\\"):
                guard let escaped = self.byte else { return false }
                position += 1
                switch escaped {
                case UInt8(ascii: "u"):
                    for _ in 0..<4 {
                        guard let digit = self.byte, JSONScanner.hexadecimal(digit) != nil else { return false }
                        position += 1
                    }
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
                    UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
                    break
                default: return false
                }
            default: break
            }
        }
        return false
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt32? {
        switch digit {
        case 0x30...0x39: UInt32(digit - 0x30)
        case 0x41...0x46: UInt32(digit - 0x37)
        case 0x61...0x66: UInt32(digit - 0x57)
        default: nil
        }
    }

    /// What a JSON string means; nil where it is not UTF-8, or half of a surrogate pair. Requires: it is one, quotes and all.
    static func string(_ text: UnsafeRawBufferPointer) -> String? {
        let inner = unsafe UnsafeRawBufferPointer(rebasing: text[1..<text.count - 1])
        guard unsafe inner.contains(UInt8(ascii: "\\")) else { return unsafe String(validating: inner, as: UTF8.self) }
        var units: [UInt8] = []
        var position = 0
        func unit() -> UInt32 {
            (0..<4).reduce(0) { sum, index in unsafe sum << 4 | (hexadecimal(inner[position + index]) ?? 0) }
        }
        while position < inner.count {
            let byte = unsafe inner[position]
            position += 1
            guard byte == UInt8(ascii: "\\") else {
                units.append(byte)
                continue
            }
            let escaped = unsafe inner[position]
            position += 1
            switch escaped {
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0C)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "r"): units.append(0x0D)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "u"):
                var code = unit()
                position += 4
                if 0xD800..<0xDC00 ~= code {
                    guard position + 6 <= inner.count, unsafe inner[position] == UInt8(ascii: "\\"),
                        unsafe inner[position + 1] == UInt8(ascii: "u")
                    else { return nil }
                    position += 2
                    let low = unit()
                    position += 4
                    guard 0xDC00..<0xE000 ~= low else { return nil }
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                }
                guard let scalar = Unicode.Scalar(code) else { return nil }
                units += String(Character(scalar)).utf8
            default: units.append(escaped)
            }
        }
        return String(validating: units, as: UTF8.self)
    }
}
