/// A file's text in Unicode scalars and lines, as libYAML counts them.
struct YAMLText {
    var scalars: [Unicode.Scalar]
    /// Where each line begins.
    private let lineStarts: [Int]

    init(_ text: String) {
        var scalars = Array(text.unicodeScalars)
        if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
        var starts = [0]
        for i in scalars.indices where Self.isBreak(scalars[i]) {
            if scalars[i] == "\r", i + 1 < scalars.count, scalars[i + 1] == "\n" { continue }
            starts.append(i + 1)
        }
        self.scalars = scalars
        lineStarts = starts
    }

    static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
        default: false
        }
    }

    /// What YAML 1.1 calls printable.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }

    func position(of index: Int) -> Position {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= index { low = middle } else { high = middle }
        }
        return Position(line: low + 1, column: index - lineStarts[low] + 1)
    }

    /// nil where the file does not reach.
    func index(of position: Position) -> Int? {
        guard position.line >= 1, position.line <= lineStarts.count else { return nil }
        let index = lineStarts[position.line - 1] + position.column - 1
        return index < scalars.count ? index : nil
    }

    /// Where the scalar of a value that has `offset` scalars before it stands; the value's own place if it is written over several lines.
    func position(ofScalar offset: Int, in value: YAMLScalar) -> Position {
        guard value.style != .block, var index = index(of: value.position) else { return value.position }
        if value.style != .plain { index += 1 }
        for _ in 0..<offset {
            guard index < scalars.count, !Self.isBreak(scalars[index]) else { return value.position }
            switch (value.style, scalars[index]) {
            case (.singleQuoted, "'"): index += 2
            case (.doubleQuoted, "\\"): index += escapeLength(at: index)
            default: index += 1
            }
        }
        guard index <= scalars.count else { return value.position }
        let found = position(of: index)
        return found.line == value.position.line ? found : value.position
    }

    /// Whether an unquoted value ends at a comma.
    func isFollowedByComma(_ value: YAMLScalar) -> Bool {
        guard value.style == .plain, let start = index(of: value.position) else { return false }
        let end = start + value.text.unicodeScalars.count
        return end < scalars.count && scalars[end] == ","
    }

    private func escapeLength(at index: Int) -> Int {
        guard index + 1 < scalars.count else { return 1 }
        switch scalars[index + 1] {
        case "x": return 4
        case "u": return 6
        case "U": return 10
        default: return 2
        }
    }
}
