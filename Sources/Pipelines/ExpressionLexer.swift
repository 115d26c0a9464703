/// The tokens of an expression.
struct ExpressionLexer {
    enum Token: Equatable {
        case number(String)
        case text(String)
        /// A keyword, a function or a field; dots included (`card.id`).
        case word(String)
        case symbol(String)
        case end
    }

    private let scalars: [Unicode.Scalar]
    private var next = 0
    private(set) var token = Token.end
    /// Unicode scalars before the token.
    private(set) var at = 0

    init(_ text: String) throws(ExpressionError) {
        scalars = Array(text.unicodeScalars)
        try advance()
    }

    /// What is wrong if the token may not stand here.
    var unexpected: String {
        switch token {
        case .number(let text), .word(let text), .symbol(let text): "unexpected '\(text)'"
        case .text: "unexpected text"
        case .end: "the expression ends too early"
        }
    }

    mutating func advance() throws(ExpressionError) {
        while next < scalars.count, scalars[next].properties.isWhitespace { next += 1 }
        at = next
        guard next < scalars.count else {
            token = .end
            return
        }
        switch scalars[next] {
        case "a"..."z", "A"..."Z", "_": word()
        case "0"..."9": try number()
        case "'", "\"": try text(quote: scalars[next])
        default: try symbol()
        }
    }

    /// Whether the token is this keyword, in any case.
    func isKeyword(_ keyword: String) -> Bool {
        guard case .word(let word) = token else { return false }
        return word.lowercased() == keyword
    }

    private mutating func word() {
        let start = next
        while next < scalars.count {
            if isWordPart(next) || scalars[next] == "." && isWordStart(next + 1) { next += 1 } else { break }
        }
        token = .word(slice(start))
    }

    private mutating func number() throws(ExpressionError) {
        let start = next
        while isDigit(next) { next += 1 }
        if next < scalars.count, scalars[next] == ".", isDigit(next + 1) {
            next += 1
            while isDigit(next) { next += 1 }
        }
        if isWordPart(next) || next < scalars.count && scalars[next] == "." {
            while isWordPart(next) || next < scalars.count && scalars[next] == "." { next += 1 }
            throw ExpressionError(at: start, what: "'\(slice(start))' is not a number", expected: "digits, as in 250 or 2.50")
        }
        token = .number(slice(start))
    }

    /// A quote within a text is written twice.
    private mutating func text(quote: Unicode.Scalar) throws(ExpressionError) {
        var content = String.UnicodeScalarView()
        next += 1
        while next < scalars.count {
            if scalars[next] != quote {
                content.append(scalars[next])
            } else if next + 1 < scalars.count, scalars[next + 1] == quote {
                content.append(quote)
                next += 1
            } else {
                next += 1
                token = .text(String(content))
                return
            }
            next += 1
        }
        throw ExpressionError(at: at, what: "the text does not end", expected: "\(quote)")
    }

    private mutating func symbol() throws(ExpressionError) {
        let one = String(scalars[next])
        let two = next + 1 < scalars.count ? one + String(scalars[next + 1]) : one
        if ["==", "!=", "<>", "<=", ">="].contains(two) {
            token = .symbol(two)
            next += 2
        } else if "+-*/%=<>(),".unicodeScalars.contains(scalars[next]) {
            token = .symbol(one)
            next += 1
        } else {
            throw ExpressionError(
                at: next, what: "unexpected '\(one)'", expected: "an operator, a field, a number or a quoted text")
        }
    }

    private func slice(_ start: Int) -> String { String(String.UnicodeScalarView(scalars[start..<next])) }
    private func isDigit(_ i: Int) -> Bool { i < scalars.count && ("0"..."9").contains(scalars[i]) }
    private func isWordStart(_ i: Int) -> Bool { i < scalars.count && isNameStart(scalars[i]) }
    private func isWordPart(_ i: Int) -> Bool { isWordStart(i) || isDigit(i) }
}

/// Whether a name may begin with it.
func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "_": true
    default: false
    }
}
