import Yams

/// Composes a pipeline file's YAML into a `YAMLNode`.
///
/// Two things Yams does not do: it expands aliases before it compares a mapping's keys, which takes for ever if somebody means it
/// to, and it stops at a duplicate key without saying where the second is. So it is shown a text of the same shape in which the
/// `*` of every alias is a private letter (an alias becomes a plain scalar, resolved here), and a duplicate's first letter likewise.
struct YAMLDocument {
    private static let star: Unicode.Scalar = "\u{E000}"
    /// Rounds of composing, each of which hides one duplicate.
    private static let duplicatesMax = 8

    private let file: String
    let text: YAMLText
    private(set) var errors: [PipelineError] = []
    private(set) var root: YAMLNode?

    private var disguised: [Unicode.Scalar]
    /// What stood where a private letter stands now.
    private var originals: [Unicode.Scalar: Unicode.Scalar] = [star: "*"]
    private var anchors: [String: YAMLNode] = [:]

    init(_ text: String, file: String) {
        self.file = file
        self.text = YAMLText(text)
        disguised = []
        guard text.utf8.count <= Limits.fileBytesMax else {
            report(
                Position(line: 1, column: 1), "the file has \(text.utf8.count) bytes", expected: "at most \(Limits.fileBytesMax)")
            return
        }
        for (i, scalar) in self.text.scalars.enumerated() {
            let isPrivate = (Self.star.value...Self.star.value + UInt32(Self.duplicatesMax)).contains(scalar.value)
            guard YAMLText.isPrintable(scalar), !isPrivate else {
                let code = String(scalar.value, radix: 16, uppercase: true)
                report(self.text.position(of: i), "the character U+\(code) may not stand in a file", expected: "printable text")
                return
            }
        }
        disguised = self.text.scalars.map { $0 == "*" ? Self.star : $0 }
        compose()
    }

    private mutating func compose() {
        for round in 1...Self.duplicatesMax {
            do {
                // Yams keeps a pointer to the bytes; those of a short string would lie on the stack.
                let padding = String(repeating: " ", count: 16)
                let parser = try Parser(
                    yaml: String(String.UnicodeScalarView(disguised)) + "\n" + padding + "\n", resolver: .basic, encoding: .utf8)
                guard let node = try parser.singleRoot() else {
                    report(Position(line: 1, column: 1), "the file is empty", expected: "a pipeline")
                    return
                }
                // Nodes hold their anchors weakly, the parser holds them.
                root = withExtendedLifetime(parser) { convert(node) }
                return
            } catch let error as YamlError {
                guard case .duplicatedKeysInMapping(let keys, let context) = error else {
                    report(error)
                    return
                }
                let position = Position(context.mark)
                guard round < Self.duplicatesMax, hide(position, round) else {
                    report(
                        position, "the key '\(keys.map(restored).first ?? "")' stands twice in this mapping",
                        expected: "each key once")
                    return
                }
            } catch {
                report(Position(line: 1, column: 1), "\(error)")
                return
            }
        }
    }

    /// Makes a key different from its duplicates.
    private mutating func hide(_ position: Position, _ round: Int) -> Bool {
        guard var index = text.index(of: position), let letter = Unicode.Scalar(Self.star.value + UInt32(round)) else {
            return false
        }
        if disguised[index] == "'" || disguised[index] == "\"" { index += 1 }
        guard index < disguised.count, isNameStart(disguised[index]) else { return false }
        originals[letter] = disguised[index]
        disguised[index] = letter
        return true
    }

    private func restored(_ string: String) -> String {
        guard string.unicodeScalars.contains(where: { originals[$0] != nil }) else { return string }
        return String(String.UnicodeScalarView(string.unicodeScalars.map { originals[$0] ?? $0 }))
    }

    private mutating func convert(_ node: Node) -> YAMLNode? {
        let position = Position(node.mark)
        let content: YAMLNode.Content
        switch node {
        case .scalar(let scalar):
            if scalar.style == .plain, scalar.string.unicodeScalars.first == Self.star { return alias(scalar.string, position) }
            content = .scalar(self.scalar(scalar, position))
        case .mapping(let mapping):
            content = .mapping(pairs(mapping))
        case .sequence(let sequence):
            content = .sequence(sequence.compactMap { convert($0) })
        case .alias:
            return nil
        }
        let converted = YAMLNode(position: position, content: content)
        if let anchor = node.anchor { anchors[anchor.rawValue] = converted }
        return converted
    }

    private func scalar(_ scalar: Node.Scalar, _ position: Position) -> YAMLScalar {
        let style: YAMLScalar.Style =
            switch scalar.style {
            case .singleQuoted: .singleQuoted
            case .doubleQuoted: .doubleQuoted
            case .literal, .folded: .block
            case .plain, .any: .plain
            }
        return YAMLScalar(text: restored(scalar.string), style: style, position: position)
    }

    private mutating func pairs(_ mapping: Node.Mapping) -> [YAMLEntry] {
        var pairs: [YAMLEntry] = []
        var names: Set<String> = []
        for (key, value) in mapping {
            guard case .scalar(let keyScalar)? = convert(key)?.content else {
                report(Position(key.mark), "a key is not a name", expected: "a name")
                continue
            }
            guard let value = convert(value) else { continue }
            if names.insert(keyScalar.text).inserted {
                pairs.append(YAMLEntry(key: keyScalar, value: value))
            } else {
                report(keyScalar.position, "the key '\(keyScalar.text)' stands twice in this mapping", expected: "each key once")
            }
        }
        return pairs
    }

    private mutating func alias(_ string: String, _ position: Position) -> YAMLNode? {
        let name = String(string.unicodeScalars.dropFirst())
        if let node = anchors[name] { return node }
        report(
            position, "unknown alias '*\(name)'", expected: "an anchor that stands before it",
            suggestion: nearestName(to: name, among: anchors.keys.sorted()))
        return nil
    }

    private mutating func report(_ position: Position, _ what: String, expected: String? = nil, suggestion: String? = nil) {
        errors.append(
            PipelineError(
                file: file, line: position.line, column: position.column, what: what, expected: expected, suggestion: suggestion))
    }

    private mutating func report(_ error: YamlError) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let setting = context.map { " \($0.text)" } ?? ""
            // At the end of the file something is missing: where it began says more.
            let isAtEnd = text.index(of: Position(mark)) == nil
            let place = isAtEnd ? context.map { Position($0.mark) } ?? Position(mark) : Position(mark)
            report(min(place, text.position(of: text.scalars.count)), "not YAML: \(problem)\(setting)")
        default:
            report(Position(line: 1, column: 1), "not YAML: \(error)")
        }
    }
}

extension Position {
    /// A composed node always has a mark.
    fileprivate init(_ mark: Mark?) { self.init(line: mark?.line ?? 1, column: mark?.column ?? 1) }
}
