import Pipelines
import Records

/// One operation from columns to a column.
struct Step {
    enum Form {
        /// nil: null.
        case constant(Int64?)
        case text([UInt8])
        case negated
        case arithmetic(Arithmetic)
        case comparison(Comparison)
        case and, or, not, isNull
        case amongWords(WordSet)
        case amongTexts(TextSet)
        case choice
        case converted
        case round(digits: Int)
        case call(ScalarFunction)
    }

    var form: Form
    var operands: [Int]
    var type: FieldType
    var column: Int
    /// Whether it looks at the bytes of texts, or makes some.
    var readsText: Bool
    /// Whether it is the same for every batch.
    var isConstant: Bool
}

/// Turns expressions into steps in an order in which each follows its operands; equal parts become one.
struct StepCompiler {
    private(set) var steps: [Step] = []
    private(set) var fields: [(column: Int, field: Int)] = []
    /// Columns so far.
    private(set) var count = 0
    private var known: [Expression: Int] = [:]
    private var constants: Set<Int> = []

    mutating func column(of expression: Expression) -> Int {
        if let column = known[expression] { return column }
        let column = compile(expression)
        known[expression] = column
        return column
    }

    private mutating func compile(_ expression: Expression) -> Int {
        switch expression {
        case .field(let field, _):
            fields.append((count, field))
            count += 1
            return count - 1
        case .literal(let literal): return self.literal(literal)
        case .null(let type): return step(.constant(nil), [], type)
        case .negated(let a): return step(.negated, [a], expression.type)
        case .arithmetic(let operation, let a, let b, let type):
            let isScaled = operation == .add || operation == .subtract || operation == .remainder
            return step(.arithmetic(operation), isScaled ? [aligned(a, with: b.type), aligned(b, with: a.type)] : [a, b], type)
        case .comparison(let comparison, let a, let b):
            return step(
                .comparison(comparison), [aligned(a, with: b.type), aligned(b, with: a.type)], .bool, readsText: a.type == .string
            )
        case .and(let a, let b): return step(.and, [a, b], .bool)
        case .or(let a, let b): return step(.or, [a, b], .bool)
        case .not(let a): return step(.not, [a], .bool)
        case .isNull(let a): return step(.isNull, [a], .bool)
        case .among(let a, let literals):
            return a.type == .string
                ? step(.amongTexts(TextSet(literals)), [a], .bool, readsText: true)
                : step(.amongWords(WordSet(literals, of: a.type)), [a], .bool)
        case .choice(let branches, let otherwise):
            return step(.choice, branches.flatMap { [$0.condition, $0.result] } + [otherwise], otherwise.type)
        case .converted(let a, let type): return step(.converted, [a], type)
        case .call(let function, let arguments, let type): return call(function, arguments, type)
        }
    }

    /// A literal as the equal number of the type that it meets, where there is one, so that no row has to bring the two together.
    private func aligned(_ expression: Expression, with other: FieldType) -> Expression {
        guard case .literal(let literal) = expression else { return expression }
        switch (literal, other) {
        case (.int64(let number), .double) where Double(exactly: number) != nil:
            return .converted(expression, .double)
        case (.int64(let number), .decimal(let scale)), (.decimal(let number, _), .decimal(let scale)):
            guard scale >= literal.type.scale else { return expression }
            let (scaled, overflow) = number.multipliedReportingOverflow(by: powerOfTen(scale - literal.type.scale))
            return overflow ? expression : .literal(.decimal(scaled, scale: scale))
        default:
            return expression
        }
    }

    private mutating func literal(_ literal: Literal) -> Int {
        switch literal {
        case .int64(let number), .decimal(let number, _): step(.constant(number), [], literal.type)
        case .bool(let value): step(.constant(value ? 1 : 0), [], .bool)
        case .string(let text): step(.text(text), [], .string, readsText: true)
        }
    }

    private mutating func call(_ function: ScalarFunction, _ arguments: [Expression], _ type: FieldType) -> Int {
        switch function {
        case .round:
            guard case .literal(.int64(let digits)) = arguments[1] else {
                preconditionFailure("the digits of round() are a literal")
            }
            return step(.round(digits: Int(digits)), [arguments[0]], type)
        case .lower, .upper, .length, .concat:
            return step(.call(function), arguments, type, readsText: true)
        case .least, .greatest:
            return step(.call(function), arguments, type, readsText: type == .string)
        case .abs, .floor, .ceil, .coalesce, .hour, .dayOfWeek:
            return step(.call(function), arguments, type)
        }
    }

    private mutating func step(_ form: Step.Form, _ operands: [Expression], _ type: FieldType, readsText: Bool = false) -> Int {
        let columns = operands.map { column(of: $0) }
        let isConstant = !readsText && columns.allSatisfy(constants.contains)
        steps.append(
            Step(form: form, operands: columns, type: type, column: count, readsText: readsText, isConstant: isConstant))
        if isConstant { constants.insert(count) }
        count += 1
        return count - 1
    }
}
