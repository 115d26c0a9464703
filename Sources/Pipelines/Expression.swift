public import Records

/// A checked expression over a source's fields: names are positions, types fit, and what SQL leaves implicit is spelt out
/// (`between` is two comparisons, `case x when v` compares, a number that meets a wider type is `converted`).
///
/// No expression fails on a row: what has no value (overflow, division by zero, NaN) is null.
public indirect enum Expression: Hashable, Sendable {
    case literal(Literal)
    case null(FieldType)
    case field(Int, FieldType)
    case negated(Expression)
    /// The last part is the result's type; operands are as written, int64 and decimals of any scale mixed, or both double.
    case arithmetic(Arithmetic, Expression, Expression, FieldType)
    /// Exact over any two number types; otherwise both sides have one type.
    case comparison(Comparison, Expression, Expression)
    case and(Expression, Expression)
    case or(Expression, Expression)
    case not(Expression)
    case isNull(Expression)
    /// Whether it equals one of the literals, which compare with it exactly.
    case among(Expression, [Literal])
    /// The result of the first branch whose condition is true, else the last part; all results have one type.
    case choice([Branch], Expression)
    case call(ScalarFunction, [Expression], FieldType)
    /// A number as a wider number type; null where it does not fit.
    case converted(Expression, FieldType)

    public struct Branch: Hashable, Sendable {
        public var condition: Expression
        public var result: Expression

        public init(condition: Expression, result: Expression) {
            self.condition = condition
            self.result = result
        }
    }

    public var type: FieldType {
        switch self {
        case .literal(let literal): literal.type
        case .null(let type), .field(_, let type), .converted(_, let type): type
        case .arithmetic(_, _, _, let type), .call(_, _, let type): type
        case .negated(let operand): operand.type
        case .choice(_, let otherwise): otherwise.type
        case .comparison, .and, .or, .not, .isNull, .among: .bool
        }
    }
}

/// A constant as an expression writes it.
public enum Literal: Hashable, Sendable {
    case int64(Int64)
    /// `1.50` is 150 of scale 2.
    case decimal(Int64, scale: Int)
    /// UTF-8: two texts are equal when their bytes are.
    case string([UInt8])
    case bool(Bool)

    public var type: FieldType {
        switch self {
        case .int64: .int64
        case .decimal(_, let scale): .decimal(scale: scale)
        case .string: .string
        case .bool: .bool
        }
    }
}

public enum Arithmetic: String, Hashable, Sendable, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    /// Always double: the exact quotient, rounded once.
    case divide = "/"
    /// Has the sign of the dividend.
    case remainder = "%"
}

public enum Comparison: String, Hashable, Sendable, CaseIterable {
    case equal = "="
    case notEqual = "<>"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
}

/// Functions from the values of one row to one value. Null for a null argument, but for the three that say otherwise.
public enum ScalarFunction: String, Hashable, Sendable, CaseIterable {
    case abs
    /// To a number of digits (default 0), half away from zero; the digits are its second argument, a literal.
    case round
    case floor
    case ceil
    /// Nulls are passed over; null when all are.
    case least
    /// Nulls are passed over; null when all are.
    case greatest
    case coalesce
    case lower
    case upper
    /// In Unicode scalars.
    case length
    /// Nulls are empty.
    case concat
    /// 0...23, UTC.
    case hour
    /// Monday is 1, Sunday 7; UTC.
    case dayOfWeek = "day_of_week"
}

extension Expression {
    /// Calls `body` with the position of each field that the expression reads.
    public func forEachField(_ body: (Int) -> Void) {
        switch self {
        case .literal, .null: break
        case .field(let position, _): body(position)
        case .negated(let a), .not(let a), .isNull(let a), .among(let a, _), .converted(let a, _): a.forEachField(body)
        case .arithmetic(_, let a, let b, _), .comparison(_, let a, let b), .and(let a, let b), .or(let a, let b):
            a.forEachField(body)
            b.forEachField(body)
        case .choice(let branches, let otherwise):
            for branch in branches {
                branch.condition.forEachField(body)
                branch.result.forEachField(body)
            }
            otherwise.forEachField(body)
        case .call(_, let arguments, _):
            for argument in arguments { argument.forEachField(body) }
        }
    }
}
