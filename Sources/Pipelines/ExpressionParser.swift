/// Text to `ExpressionSyntax` by precedence climbing. Lowest first, as in SQL:
/// `or`, `and`, `not`, `is [not] null`, comparisons (which do not chain), `[not] in` and `[not] between`, `+ -`, `* / %`, unary `-`.
struct ExpressionParser {
    private enum Level: Int, Comparable {
        case or, and, not, null, comparison, range, sum, product, sign
        static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    /// Words that are no names.
    static let keywords: Set<String> = [
        "and", "or", "not", "in", "is", "null", "true", "false", "between", "case", "when", "then", "else", "end",
    ]

    private var lexer: ExpressionLexer
    private var openLevels = 0

    /// Parses all of `text`.
    static func parse(_ text: String) throws(ExpressionError) -> ExpressionSyntax {
        var parser = ExpressionParser(lexer: try ExpressionLexer(text))
        let syntax = try parser.expression(.or)
        guard parser.lexer.token == .end else {
            throw ExpressionError(at: parser.lexer.at, what: parser.lexer.unexpected, expected: "an operator or the end")
        }
        return syntax
    }

    /// Parses `name()` or `name(argument)`, the form of an aggregate.
    static func parseAggregate(_ text: String) throws(ExpressionError) -> (name: String, at: Int, argument: ExpressionSyntax?) {
        var parser = ExpressionParser(lexer: try ExpressionLexer(text))
        let at = parser.lexer.at
        guard case .word(let name) = parser.lexer.token else {
            throw ExpressionError(at: at, what: parser.lexer.unexpected, expected: "an aggregate, as in count() or avg(amount)")
        }
        try parser.lexer.advance()
        try parser.take("(")
        let arguments = try parser.arguments()
        guard parser.lexer.token == .end else {
            throw ExpressionError(at: parser.lexer.at, what: parser.lexer.unexpected, expected: "nothing after the aggregate")
        }
        if arguments.count > 1 {
            throw ExpressionError(at: arguments[1].at, what: "\(name) takes one argument", expected: "')'")
        }
        return (name, at, arguments.first)
    }

    private init(lexer: ExpressionLexer) { self.lexer = lexer }

    private mutating func expression(_ lowest: Level) throws(ExpressionError) -> ExpressionSyntax {
        openLevels += 1
        defer { openLevels -= 1 }
        if openLevels > Limits.expressionDepthMax { throw tooDeep(lexer.at) }
        var left = try operand(lowest)
        // What binds at least as loosely as this has been taken already, so it cannot follow once more: `a < b < c`.
        var highest = Level.sign
        while let level = operatorLevel(), level >= lowest {
            if level == .comparison, highest == .comparison {
                throw ExpressionError(at: lexer.at, what: "comparisons do not chain", expected: "'and' between two of them")
            }
            guard level <= highest else { break }
            left = try operation(left, level)
            // Left associative levels may follow each other.
            highest = level
        }
        return left
    }

    /// The level of the operator that stands here, nil where none does.
    private func operatorLevel() -> Level? {
        switch lexer.token {
        case .symbol("+"), .symbol("-"): .sum
        case .symbol("*"), .symbol("/"), .symbol("%"): .product
        case .symbol("="), .symbol("=="), .symbol("!="), .symbol("<>"), .symbol("<"), .symbol("<="), .symbol(">"), .symbol(">="):
            .comparison
        case .word(let word):
            switch word.lowercased() {
            case "or": .or
            case "and": .and
            case "is": .null
            case "in", "between", "not": .range
            default: nil
            }
        default: nil
        }
    }

    private mutating func operation(_ left: ExpressionSyntax, _ level: Level) throws(ExpressionError) -> ExpressionSyntax {
        let at = lexer.at
        let token = lexer.token
        try lexer.advance()
        switch level {
        case .or:
            let right = try expression(.and)
            return try node(at, .or(left, right), [left, right])
        case .and:
            let right = try expression(.not)
            return try node(at, .and(left, right), [left, right])
        case .null:
            let negated = try takeIf("not")
            guard lexer.isKeyword("null") else { throw unexpected("'null' or 'not null'") }
            try lexer.advance()
            let test = try node(at, .isNull(left), [left])
            return negated ? try node(at, .not(test), [test]) : test
        case .range:
            var isNegated = false
            if case .word(let word) = token, word.lowercased() == "not" { isNegated = true }
            let range = try isNegated ? negatedRange(left, at) : self.range(left, at, token)
            return isNegated ? try node(at, .not(range), [range]) : range
        case .comparison, .sum, .product, .sign, .not:
            guard case .symbol(let symbol) = token else { throw unexpected("an operator") }
            if level == .comparison {
                let right = try expression(.range)
                let spelling = symbol == "==" ? "=" : symbol == "!=" ? "<>" : symbol
                guard let comparison = Comparison(rawValue: spelling) else { throw unexpected("a comparison") }
                return try node(at, .comparison(comparison, left, right), [left, right])
            }
            let right = try expression(level == .sum ? .product : .sign)
            guard let arithmetic = Arithmetic(rawValue: symbol) else { throw unexpected("an operator") }
            return try node(at, .arithmetic(arithmetic, left, right), [left, right])
        }
    }

    private mutating func negatedRange(_ left: ExpressionSyntax, _ at: Int) throws(ExpressionError) -> ExpressionSyntax {
        let token = lexer.token
        guard lexer.isKeyword("in") || lexer.isKeyword("between") else { throw unexpected("'in' or 'between'") }
        try lexer.advance()
        return try range(left, at, token)
    }

    private mutating func range(
        _ left: ExpressionSyntax, _ at: Int, _ token: ExpressionLexer.Token
    ) throws(ExpressionError) -> ExpressionSyntax {
        guard case .word(let word) = token, word.lowercased() == "between" else {
            let open = lexer.at
            try take("(")
            let members = try arguments()
            if members.isEmpty { throw ExpressionError(at: open, what: "the list is empty", expected: "at least one value") }
            return try node(at, .among(left, members), [left] + members)
        }
        let low = try expression(.sum)
        guard try takeIf("and") else { throw unexpected("'and'") }
        let high = try expression(.sum)
        return try node(at, .between(left, low, high), [left, low, high])
    }

    private mutating func operand(_ lowest: Level) throws(ExpressionError) -> ExpressionSyntax {
        let at = lexer.at
        switch lexer.token {
        case .number(let digits):
            try lexer.advance()
            return try node(at, .literal(numberLiteral(digits, negative: false, at: at)), [])
        case .text(let text):
            try lexer.advance()
            return try node(at, .literal(.string(Array(text.utf8))), [])
        case .symbol("-"):
            try lexer.advance()
            // The most negative integer has no positive twin, so the sign belongs to the digits.
            if case .number(let digits) = lexer.token {
                try lexer.advance()
                return try node(at, .literal(numberLiteral(digits, negative: true, at: at)), [])
            }
            let inner = try expression(.sign)
            return try node(at, .negated(inner), [inner])
        case .symbol("("):
            try lexer.advance()
            let inner = try expression(.or)
            try take(")")
            return inner
        case .word(let word):
            return try wordOperand(word, at, lowest)
        case .symbol, .end:
            throw unexpected("a value")
        }
    }

    private mutating func wordOperand(_ word: String, _ at: Int, _ lowest: Level) throws(ExpressionError) -> ExpressionSyntax {
        let keyword = word.lowercased()
        if keyword == "not", lowest > .not {
            throw ExpressionError(
                at: at, what: "'not' binds more loosely than what stands before it", expected: "parentheses around it")
        }
        guard !Self.keywords.contains(keyword) || ["not", "null", "true", "false", "case"].contains(keyword) else {
            throw unexpected("a value")
        }
        try lexer.advance()
        switch keyword {
        case "null": return try node(at, .null, [])
        case "true", "false": return try node(at, .literal(.bool(keyword == "true")), [])
        case "case": return try choice(at)
        case "not":
            let inner = try expression(.not)
            return try node(at, .not(inner), [inner])
        default:
            guard lexer.token == .symbol("(") else { return try node(at, .name(word), []) }
            try lexer.advance()
            let arguments = try arguments()
            return try node(at, .call(word, arguments), arguments)
        }
    }

    private mutating func choice(_ at: Int) throws(ExpressionError) -> ExpressionSyntax {
        let subject = lexer.isKeyword("when") ? nil : try expression(.or)
        var branches: [ExpressionSyntax.Branch] = []
        while try takeIf("when") {
            let condition = try expression(.or)
            guard try takeIf("then") else { throw unexpected("'then'") }
            branches.append(ExpressionSyntax.Branch(condition: condition, result: try expression(.or)))
        }
        if branches.isEmpty { throw unexpected("'when'") }
        let otherwise = try takeIf("else") ? try expression(.or) : nil
        guard try takeIf("end") else { throw unexpected(otherwise == nil ? "'when', 'else' or 'end'" : "'end'") }
        let parts = [subject, otherwise].compactMap(\.self) + branches.flatMap { [$0.condition, $0.result] }
        return try node(at, .choice(subject: subject, branches, otherwise: otherwise), parts)
    }

    /// What stands between parentheses, the closing one included.
    private mutating func arguments() throws(ExpressionError) -> [ExpressionSyntax] {
        var arguments: [ExpressionSyntax] = []
        if lexer.token == .symbol(")") {
            try lexer.advance()
            return []
        }
        while true {
            arguments.append(try expression(.or))
            if lexer.token == .symbol(")") { break }
            guard lexer.token == .symbol(",") else { throw unexpected("',' or ')'") }
            try lexer.advance()
        }
        try lexer.advance()
        return arguments
    }

    private func node(_ at: Int, _ form: ExpressionSyntax.Form, _ parts: [ExpressionSyntax]) throws(ExpressionError)
        -> ExpressionSyntax
    {
        let depth = 1 + (parts.map(\.depth).max() ?? 0)
        if depth > Limits.expressionDepthMax { throw tooDeep(at) }
        return ExpressionSyntax(at: at, depth: depth, form: form)
    }

    private mutating func take(_ symbol: String) throws(ExpressionError) {
        guard lexer.token == .symbol(symbol) else { throw unexpected("'\(symbol)'") }
        try lexer.advance()
    }

    private mutating func takeIf(_ keyword: String) throws(ExpressionError) -> Bool {
        guard lexer.isKeyword(keyword) else { return false }
        try lexer.advance()
        return true
    }

    private func unexpected(_ expected: String) -> ExpressionError {
        ExpressionError(at: lexer.at, what: lexer.unexpected, expected: expected)
    }

    private func tooDeep(_ at: Int) -> ExpressionError {
        ExpressionError(
            at: at, what: "the expression is nested too deeply", expected: "at most \(Limits.expressionDepthMax) levels")
    }
}

/// Digits with at most one point as an exact number.
private func numberLiteral(_ digits: String, negative: Bool, at: Int) throws(ExpressionError) -> Literal {
    let parts = digits.split(separator: ".")
    let scale = parts.count == 2 ? parts[1].utf8.count : 0
    guard scale <= 18, let unscaled = Int64((negative ? "-" : "") + parts.joined()) else {
        throw ExpressionError(at: at, what: "the number does not fit", expected: "at most 18 digits, or an int64")
    }
    return parts.count == 2 ? .decimal(unscaled, scale: scale) : .int64(unscaled)
}
