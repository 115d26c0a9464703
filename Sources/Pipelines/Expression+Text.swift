extension Expression {
    /// Canonical text with `names[i]` for field `i`: equal expressions have equal text, and the text reads as the same expression.
    /// - Parameter names: the names of the source's fields, in its order.
    public func text(names: [String]) -> String {
        switch self {
        case .literal(let literal): literal.description
        case .null: "null"
        case .field(let position, _): names[position]
        case .negated(let a): "-\(a.operandText(names))"
        case .arithmetic(let operation, let a, let b, _):
            "\(a.operandText(names)) \(operation.rawValue) \(b.operandText(names))"
        case .comparison(let comparison, let a, let b):
            "\(a.operandText(names)) \(comparison.rawValue) \(b.operandText(names))"
        case .and(let a, let b): "\(a.operandText(names)) and \(b.operandText(names))"
        case .or(let a, let b): "\(a.operandText(names)) or \(b.operandText(names))"
        case .not(let a): "not \(a.operandText(names))"
        case .isNull(let a): "\(a.operandText(names)) is null"
        case .among(let a, let literals):
            "\(a.operandText(names)) in (\(literals.map(\.description).joined(separator: ", ")))"
        case .choice(let branches, let otherwise):
            "case "
                + branches.map { "when \($0.condition.text(names: names)) then \($0.result.text(names: names)) " }.joined()
                + "else \(otherwise.text(names: names)) end"
        case .call(let function, let arguments, _):
            "\(function.rawValue)(\(arguments.map { $0.text(names: names) }.joined(separator: ", ")))"
        // What it meets makes the same conversion when the text is read again.
        case .converted(let a, _): a.text(names: names)
        }
    }

    private func operandText(_ names: [String]) -> String {
        switch self {
        case .literal, .null, .field, .choice, .call: text(names: names)
        case .converted(let a, _): a.operandText(names)
        default: "(\(text(names: names)))"
        }
    }
}

extension Literal: CustomStringConvertible {
    /// As an expression writes it.
    public var description: String {
        switch self {
        case .int64(let number): return "\(number)"
        case .decimal(let unscaled, let scale):
            guard scale > 0 else { return "\(unscaled)" }
            let digits = String(unscaled.magnitude)
            let padded = String(repeating: "0", count: max(0, scale + 1 - digits.utf8.count)) + digits
            return (unscaled < 0 ? "-" : "") + padded.dropLast(scale) + "." + padded.suffix(scale)
        case .string(let bytes):
            let text = String(decoding: bytes, as: UTF8.self)
            return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
        case .bool(let value): return value ? "true" : "false"
        }
    }
}
