/// The oracle's JSON: a tree from a character-by-character reader that follows RFC 8259 and nothing else. Nil where it is broken.
indirect enum SlowJSON: Equatable {
    case object([(String, SlowJSON)])
    case array([SlowJSON])
    case string(String)
    case number(String)
    case bool(Bool)
    case null

    static func == (a: SlowJSON, b: SlowJSON) -> Bool { "\(a)" == "\(b)" }

    /// The last value of a key, compared scalar by scalar: `String`'s own equality ignores normalisation.
    subscript(key: String) -> SlowJSON? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.0.unicodeScalars.elementsEqual(key.unicodeScalars) }?.1
    }

    static func read(_ bytes: [UInt8]) -> SlowJSON? {
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        var reader = SlowReader(bytes: bytes)
        guard let value = reader.value(depth: 0) else { return nil }
        reader.skipSpace()
        return reader.peek == nil ? value : nil
    }
}

private struct SlowReader {
    let bytes: [UInt8]
    var at = 0

    var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    mutating func take(_ c: Character) -> Bool {
        guard peek == c.asciiValue else { return false }
        at += 1
        return true
    }

    mutating func take(word: String) -> Bool { word.allSatisfy { take($0) } }

    mutating func skipSpace() {
        while let c = peek, [0x20, 0x09, 0x0A, 0x0D].contains(c) { at += 1 }
    }

    mutating func value(depth: Int) -> SlowJSON? {
        skipSpace()
        switch peek.map({ Character(UnicodeScalar($0)) }) {
        case "{": return depth < 64 ? object(depth: depth + 1) : nil
        case "[": return depth < 64 ? array(depth: depth + 1) : nil
        case "\"": return string().map { .string($0) }
        case "t": return take(word: "true") ? .bool(true) : nil
        case "f": return take(word: "false") ? .bool(false) : nil
        case "n": return take(word: "null") ? .null : nil
        default: return number().map { .number($0) }
        }
    }

    mutating func object(depth: Int) -> SlowJSON? {
        at += 1
        var members: [(String, SlowJSON)] = []
        skipSpace()
        if take("}") { return .object([]) }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\""), let key = string() else { return nil }
            skipSpace()
            guard take(":"), let value = value(depth: depth) else { return nil }
            members.append((key, value))
            skipSpace()
            if take("}") { return .object(members) }
            guard take(",") else { return nil }
        }
    }

    mutating func array(depth: Int) -> SlowJSON? {
        at += 1
        var elements: [SlowJSON] = []
        skipSpace()
        if take("]") { return .array([]) }
        while true {
            guard let value = value(depth: depth) else { return nil }
            elements.append(value)
            skipSpace()
            if take("]") { return .array(elements) }
            guard take(",") else { return nil }
        }
    }

    mutating func string() -> String? {
        at += 1
        var units: [UInt16] = []
        var run: [UInt8] = []
        func flushed(_ units: inout [UInt16], _ run: inout [UInt8]) {
            units += String(decoding: run, as: UTF8.self).utf16
            run = []
        }
        while let c = peek {
            at += 1
            if c == UInt8(ascii: "\"") {
                flushed(&units, &run)
                return String(validating: units, as: UTF16.self)
            }
            guard c >= 0x20 else { return nil }
            guard c == UInt8(ascii: "\\") else {
                run.append(c)
                continue
            }
            flushed(&units, &run)
            guard let kind = peek else { return nil }
            at += 1
            let simple: [Character: UInt16] = ["\"": 34, "\\": 92, "/": 47, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9]
            if let unit = simple[Character(UnicodeScalar(kind))] {
                units.append(unit)
            } else if kind == UInt8(ascii: "u"), at + 4 <= bytes.count {
                let hex = String(decoding: bytes[at..<at + 4], as: UTF8.self)
                guard hex.utf8.count == 4, hex.allSatisfy(\.isHexDigit), let unit = UInt16(hex, radix: 16) else { return nil }
                units.append(unit)
                at += 4
            } else {
                return nil
            }
        }
        return nil
    }

    mutating func number() -> String? {
        let start = at
        _ = take("-")
        guard let first = digits(), first.count == 1 || first.first != "0" else { return nil }
        if take("."), digits() == nil { return nil }
        if take("e") || take("E") {
            _ = take("+") || take("-")
            if digits() == nil { return nil }
        }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    mutating func digits() -> String? {
        let start = at
        while let c = peek, c >= 0x30, c <= 0x39 { at += 1 }
        return at > start ? String(decoding: bytes[start..<at], as: UTF8.self) : nil
    }
}
