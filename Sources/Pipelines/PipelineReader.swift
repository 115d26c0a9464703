import Records

/// Takes the YAML of a pipeline file apart and collects everything that is wrong with it.
final class PipelineReader {
    let file: String
    let text: YAMLText
    private(set) var errors: [PipelineError] = []
    /// Keys that an unknown one was most likely meant to be.
    private var misspelt: Set<KeyPlace> = []

    private struct KeyPlace: Hashable {
        var mapping: Position
        var key: String
    }
    /// What is left of `Limits.nodesMax`; below 0 nothing more is read.
    private var nodesLeft = Limits.nodesMax

    init(file: String, text: YAMLText, errors: [PipelineError]) {
        self.file = file
        self.text = text
        self.errors = errors
    }

    /// What is wrong, in the order of lines.
    var sortedErrors: [PipelineError] {
        errors.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    }

    func report(_ position: Position, _ what: String, expected: String? = nil, suggestion: String? = nil) {
        let error = PipelineError(
            file: file, line: position.line, column: position.column, what: what, expected: expected, suggestion: suggestion)
        // An alias may show the same mistake again.
        if errors.count < Limits.errorsMax, !errors.contains(error) { errors.append(error) }
    }

    func report(_ error: ExpressionError, in scalar: YAMLScalar) {
        // `{aggregate: max(round(amount, 1))}` is a common trap.
        let isOpen = scalar.text.utf8.count { $0 == UInt8(ascii: "(") } > scalar.text.utf8.count { $0 == UInt8(ascii: ")") }
        let isCut = isOpen && error.at >= scalar.text.unicodeScalars.count && text.isFollowedByComma(scalar)
        let what = isCut ? error.what + " (a comma ends a value within braces unless it is quoted)" : error.what
        report(text.position(ofScalar: error.at, in: scalar), what, expected: error.expected, suggestion: error.suggestion)
    }

    func reportMissing(_ key: String, of owner: String, in node: YAMLNode, at position: Position) {
        // A misspelt key was reported where it stands, with the right one as the suggestion.
        if misspelt.contains(KeyPlace(mapping: node.position, key: key)) { return }
        report(position, "\(owner) has no '\(key)'", expected: "'\(key)'")
    }

    /// Counts nodes that are read; false, with an error reported, when there have been too many of either.
    private func spend(_ amount: Int, at position: Position) -> Bool {
        guard errors.count < Limits.errorsMax, nodesLeft >= 0 else { return false }
        nodesLeft -= amount
        if nodesLeft < 0 {
            report(position, "the aliases make the file too large", expected: "at most \(Limits.nodesMax) values")
        }
        return nodesLeft >= 0
    }

    /// A mapping with a fixed set of keys; nil, and reported, if it is none. Unknown keys are reported, missing ones are the caller's.
    func mapping(_ node: YAMLNode, of owner: String, keys: [String]) -> [String: YAMLNode]? {
        guard case .mapping(let pairs) = node.content else {
            if spend(1, at: node.position) { report(node.position, "\(owner) is \(node.kind)", expected: "a mapping with keys") }
            return nil
        }
        guard spend(pairs.count, at: node.position) else { return nil }
        var known: [String: YAMLNode] = [:]
        for pair in pairs {
            let key = pair.key
            if keys.contains(key.text) {
                known[key.text] = pair.value
            } else {
                let suggestion = nearestName(to: key.text, among: keys)
                if let suggestion { misspelt.insert(KeyPlace(mapping: node.position, key: suggestion)) }
                report(
                    key.position, "unknown key '\(key.text)' of \(owner)", expected: "one of \(keys.joined(separator: ", "))",
                    suggestion: suggestion)
            }
        }
        return known
    }

    /// A mapping from names of the file's own; nil, and reported, if it is none or empty.
    func names(_ node: YAMLNode, of owner: String, max: Int) -> [YAMLEntry]? {
        guard case .mapping(let pairs) = node.content else {
            if spend(1, at: node.position) { report(node.position, "\(owner) is \(node.kind)", expected: "a mapping from names") }
            return nil
        }
        guard spend(pairs.count, at: node.position) else { return nil }
        guard (1...max).contains(pairs.count) else {
            report(
                node.position, "\(owner) has \(pairs.count) entries", expected: pairs.isEmpty ? "at least one" : "at most \(max)")
            return nil
        }
        return pairs
    }

    /// A list; nil, and reported, if it is none or empty.
    func list(_ node: YAMLNode, of owner: String) -> [YAMLNode]? {
        guard case .sequence(let nodes) = node.content else {
            if spend(1, at: node.position) { report(node.position, "\(owner) is \(node.kind)", expected: "a list") }
            return nil
        }
        guard spend(nodes.count, at: node.position) else { return nil }
        if nodes.isEmpty {
            report(node.position, "\(owner) is empty", expected: "at least one entry")
            return nil
        }
        return nodes
    }

    /// A single value; nil, and reported, if it is none or nothing.
    func scalar(_ node: YAMLNode, of owner: String, expected: String) -> YAMLScalar? {
        guard case .scalar(let scalar) = node.content, !scalar.isEmpty else {
            if spend(1, at: node.position) { report(node.position, "\(owner) is \(node.kind)", expected: expected) }
            return nil
        }
        // Long expressions that an alias repeats cost more than a node.
        return spend(1 + scalar.text.utf8.count / 64, at: node.position) ? scalar : nil
    }

    func duration(_ node: YAMLNode, of owner: String) -> TimeSpan? {
        guard let scalar = scalar(node, of: owner, expected: "a duration, as in 30s") else { return nil }
        if let span = TimeSpan(scalar.text) { return span }
        report(
            scalar.position, "\(owner) '\(scalar.text)' is no duration",
            expected: "500ms, 30s, 5m, 1h or 7d, at most \(TimeSpan.longest.text)")
        return nil
    }

    /// One of a few words.
    func word<Word: RawRepresentable<String> & CaseIterable>(_ node: YAMLNode, of owner: String, as: Word.Type) -> Word? {
        let words = Word.allCases.map(\.rawValue)
        guard let scalar = scalar(node, of: owner, expected: words.joined(separator: ", ")) else { return nil }
        if let word = Word(rawValue: scalar.text) { return word }
        report(
            scalar.position, "unknown \(owner) '\(scalar.text)'", expected: words.joined(separator: ", "),
            suggestion: nearestName(to: scalar.text, among: words))
        return nil
    }

    /// Reports a name that is no identifier.
    func checkName(_ scalar: YAMLScalar, of owner: String, dots: Bool = false) -> Bool {
        let parts = dots ? scalar.text.split(separator: ".", omittingEmptySubsequences: false) : [Substring(scalar.text)]
        let isName = parts.allSatisfy { part in
            guard let first = part.unicodeScalars.first, isNameStart(first) else { return false }
            return part.unicodeScalars.allSatisfy { isNameStart($0) || ("0"..."9").contains($0) }
        }
        guard isName, scalar.text.utf8.count <= Limits.nameBytesMax else {
            report(
                scalar.position, "'\(scalar.text)' is no name for \(owner)",
                expected: "letters, digits and _, not a digit first, at most \(Limits.nameBytesMax) bytes")
            return false
        }
        return true
    }
}
