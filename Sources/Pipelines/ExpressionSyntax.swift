/// An expression as it is written, before names and types are known. `at` counts the Unicode scalars before a token.
struct ExpressionSyntax {
    var at: Int
    /// Levels below and including this one.
    var depth: Int
    indirect enum Form {
        case literal(Literal)
        case null
        case name(String)
        case negated(ExpressionSyntax)
        case arithmetic(Arithmetic, ExpressionSyntax, ExpressionSyntax)
        case comparison(Comparison, ExpressionSyntax, ExpressionSyntax)
        case and(ExpressionSyntax, ExpressionSyntax)
        case or(ExpressionSyntax, ExpressionSyntax)
        case not(ExpressionSyntax)
        case isNull(ExpressionSyntax)
        case among(ExpressionSyntax, [ExpressionSyntax])
        case between(ExpressionSyntax, ExpressionSyntax, ExpressionSyntax)
        case choice(subject: ExpressionSyntax?, [Branch], otherwise: ExpressionSyntax?)
        case call(String, [ExpressionSyntax])
    }
    var form: Form

    struct Branch {
        var condition: ExpressionSyntax
        var result: ExpressionSyntax
    }
}

/// What is wrong in an expression; `at` counts the Unicode scalars before the place.
struct ExpressionError: Error {
    var at: Int
    var what: String
    var expected: String?
    var suggestion: String?
}
