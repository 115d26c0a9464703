import Records

/// Gives names their positions and every part its type.
struct ExpressionChecker {
    /// What the source is called in a message.
    let source: String
    let fields: [RecordField]
    /// Position by name.
    let positions: [String: Int]

    /// A checked part; nil stands for a bare `null`, whose type comes from what it meets.
    typealias Checked = Expression?

    /// A condition: bool.
    func condition(_ syntax: ExpressionSyntax) throws(ExpressionError) -> Expression {
        if case .null = syntax.form { throw ExpressionError(at: syntax.at, what: "null is never true", expected: "a condition") }
        return try bool(syntax)
    }

    /// An aggregate's argument: of any type, but of one.
    func value(_ syntax: ExpressionSyntax) throws(ExpressionError) -> Expression {
        guard let checked = try check(syntax) else {
            throw ExpressionError(at: syntax.at, what: "null alone has no type", expected: "a value")
        }
        return checked
    }

    func check(_ syntax: ExpressionSyntax) throws(ExpressionError) -> Checked {
        switch syntax.form {
        case .literal(let literal): return .literal(literal)
        case .null: return nil
        case .name(let name): return try field(name, at: syntax.at)
        case .negated(let inner):
            guard let operand = try number(inner) else { return nil }
            // `-(5)` is written -5 from here on, so that its text reads as itself.
            switch operand {
            case .literal(.int64(let number)) where number != .min: return .literal(.int64(-number))
            case .literal(.decimal(let number, let scale)) where number != .min: return .literal(.decimal(-number, scale: scale))
            default: return .negated(operand)
            }
        case .arithmetic(let operation, let a, let b):
            return try arithmetic(operation, number(a), number(b), at: syntax.at)
        case .comparison(let comparison, let a, let b):
            return try compare(comparison, check(a), check(b), at: syntax.at)
        case .and(let a, let b): return .and(try bool(a), try bool(b))
        case .or(let a, let b): return .or(try bool(a), try bool(b))
        case .not(let inner): return .not(try bool(inner))
        case .isNull(let inner):
            guard let operand = try check(inner) else { return .literal(.bool(true)) }
            return .isNull(operand)
        case .among(let subject, let members):
            return try among(check(subject), members)
        case .between(let subject, let low, let high):
            let operand = try check(subject)
            return .and(
                try compare(.greaterOrEqual, operand, check(low), at: low.at),
                try compare(.lessOrEqual, operand, check(high), at: high.at))
        case .choice(let subject, let branches, let otherwise):
            return try choice(subject, branches, otherwise)
        case .call(let name, let arguments):
            return try call(name, arguments, at: syntax.at)
        }
    }

    private func field(_ name: String, at: Int) throws(ExpressionError) -> Expression {
        guard let position = positions[name] else {
            throw ExpressionError(
                at: at, what: "unknown field '\(name)'", expected: "a field of source '\(source)'",
                suggestion: nearestName(to: name, among: fields.map(\.name)))
        }
        return .field(position, fields[position].type)
    }

    private func bool(_ syntax: ExpressionSyntax) throws(ExpressionError) -> Expression {
        guard let checked = try check(syntax) else { return .null(.bool) }
        guard checked.type == .bool else { throw mismatch(checked.type, "bool", syntax.at) }
        return checked
    }

    func number(_ syntax: ExpressionSyntax) throws(ExpressionError) -> Checked {
        guard let checked = try check(syntax) else { return nil }
        guard checked.type.isNumber else { throw mismatch(checked.type, "a number", syntax.at) }
        return checked
    }

    private func arithmetic(_ operation: Arithmetic, _ a: Checked, _ b: Checked, at: Int) throws(ExpressionError) -> Checked {
        // Of two bare nulls nothing is known, not even the type.
        guard let type = a?.type ?? b?.type else { return nil }
        let left = a ?? .null(type)
        let right = b ?? .null(type)
        if operation == .divide || left.type == .double || right.type == .double {
            if left.type != .double, right.type != .double { return .arithmetic(operation, left, right, .double) }
            return .arithmetic(operation, converted(left, .double), converted(right, .double), .double)
        }
        let scale: Int
        switch operation {
        case .multiply: scale = left.type.scale + right.type.scale
        case .add, .subtract, .remainder, .divide: scale = max(left.type.scale, right.type.scale)
        }
        guard scale <= 18 else {
            throw ExpressionError(
                at: at, what: "\(left.type) * \(right.type) would have \(scale) fraction digits",
                expected: "at most 18; round() an operand to fewer")
        }
        let isInteger = left.type == .int64 && right.type == .int64
        return .arithmetic(operation, left, right, isInteger ? .int64 : .decimal(scale: scale))
    }

    private func compare(_ comparison: Comparison, _ a: Checked, _ b: Checked, at: Int) throws(ExpressionError) -> Expression {
        guard let type = a?.type ?? b?.type else { return .null(.bool) }
        let left = a ?? .null(type)
        let right = b ?? .null(type)
        guard left.type == right.type || left.type.isNumber && right.type.isNumber else {
            throw ExpressionError(
                at: at, what: "\(left.type) does not compare with \(right.type)",
                expected: "two sides of one type, or two numbers")
        }
        return .comparison(comparison, asDoubleLiteral(left, right.type), asDoubleLiteral(right, left.type))
    }

    /// `score >= 0.1` means the double that is written 0.1: a decimal literal takes the type of the double that it meets.
    private func asDoubleLiteral(_ expression: Expression, _ other: FieldType) -> Expression {
        if case .literal(.decimal) = expression, other == .double { return .converted(expression, .double) }
        return expression
    }

    /// Literals go into one set; whatever else is listed is compared one by one, a null makes what is not found null.
    private func among(_ subject: Checked, _ members: [ExpressionSyntax]) throws(ExpressionError) -> Expression {
        var literals: [Literal] = []
        var tests: [Expression] = []
        for member in members {
            let checked = try check(member)
            let test = try compare(.equal, subject, checked, at: member.at)
            if subject != nil, case .literal(let literal) = checked {
                literals.append(literal)
            } else {
                tests.append(test)
            }
        }
        if let subject, !literals.isEmpty { tests.insert(.among(subject, literals), at: 0) }
        return balanced(tests)
    }

    /// A balanced tree, so that a long list does not make a deep one. Requires: not empty.
    private func balanced(_ tests: [Expression]) -> Expression {
        if tests.count == 1 { return tests[0] }
        let half = tests.count / 2
        return .or(balanced(Array(tests[..<half])), balanced(Array(tests[half...])))
    }

    private func choice(
        _ subject: ExpressionSyntax?, _ branches: [ExpressionSyntax.Branch], _ otherwise: ExpressionSyntax?
    ) throws(ExpressionError) -> Checked {
        var conditions: [Expression] = []
        var results: [(Checked, Int)] = []
        for branch in branches {
            if let subject {
                conditions.append(try compare(.equal, check(subject), check(branch.condition), at: branch.condition.at))
            } else {
                conditions.append(try bool(branch.condition))
            }
            results.append((try check(branch.result), branch.result.at))
        }
        if let otherwise { results.append((try check(otherwise), otherwise.at)) }
        guard let (type, values) = try unified(results) else { return nil }
        return .choice(
            zip(conditions, values).map { Expression.Branch(condition: $0, result: $1) },
            otherwise == nil ? .null(type) : values[values.count - 1])
    }

    /// All as the narrowest type that holds them all: nil if all are bare nulls.
    func unified(_ parts: [(Checked, Int)]) throws(ExpressionError) -> (FieldType, [Expression])? {
        var type: FieldType?
        for (part, at) in parts {
            guard let part else { continue }
            guard let known = type else {
                type = part.type
                continue
            }
            if known == part.type { continue }
            guard known.isNumber, part.type.isNumber else { throw mismatch(part.type, "\(known), as before", at) }
            type = known == .double || part.type == .double ? .double : .decimal(scale: max(known.scale, part.type.scale))
        }
        guard let type else { return nil }
        return (type, parts.map { part, _ in part.map { converted($0, type) } ?? .null(type) })
    }

    func converted(_ expression: Expression, _ type: FieldType) -> Expression {
        if case .null = expression { return .null(type) }
        return expression.type == type ? expression : .converted(expression, type)
    }

    func mismatch(_ found: FieldType, _ expected: String, _ at: Int) -> ExpressionError {
        ExpressionError(at: at, what: "the type is \(found)", expected: expected)
    }
}

extension FieldType {
    var isNumber: Bool {
        switch self {
        case .int64, .double, .decimal: true
        case .string, .bool, .timestamp: false
        }
    }

    /// Fraction digits of an exact number.
    var scale: Int {
        if case .decimal(let scale) = self { scale } else { 0 }
    }
}
