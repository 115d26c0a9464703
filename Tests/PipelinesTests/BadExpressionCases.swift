/// Mistakes within expressions.
extension BadFileCase {
    static let expressionCases: [BadFileCase] = [
        BadFileCase(
            "amount > 0", "amuont > 0",
            "f:24:12: unknown field 'amuont'; expected a field of source 'tx'; did you mean amount?"),
        BadFileCase(
            "amount > 0", "amount >",
            "f:24:20: the expression ends too early; expected a value"),
        BadFileCase(
            "amount > 0", "amount > 0)",
            "f:24:22: unexpected ')'; expected an operator or the end"),
        BadFileCase(
            "amount > 0", "(amount > 0",
            "f:24:23: the expression ends too early; expected ')'"),
        BadFileCase(
            "amount > 0", "amount",
            "f:24:12: the type is decimal(2); expected bool"),
        BadFileCase(
            "amount > 0", "amount > card",
            "f:24:19: decimal(2) does not compare with string; expected two sides of one type, or two numbers"),
        BadFileCase(
            "amount > 0", "card + 1 > 0",
            "f:24:12: the type is string; expected a number"),
        BadFileCase(
            "amount > 0", "ok = 1",
            "f:24:15: bool does not compare with int64; expected two sides of one type, or two numbers"),
        BadFileCase(
            "amount > 0", "not amount",
            "f:24:16: the type is decimal(2); expected bool"),
        BadFileCase(
            "amount > 0", "amount and ok",
            "f:24:12: the type is decimal(2); expected bool"),
        BadFileCase(
            "amount > 0", "1 < amount < 2",
            "f:24:23: comparisons do not chain; expected 'and' between two of them"),
        BadFileCase(
            "amount > 0", "amount ! 0",
            "f:24:19: unexpected '!'; expected an operator, a field, a number or a quoted text"),
        BadFileCase(
            "amount > 0", "amount > 0x1F",
            "f:24:21: '0x1F' is not a number; expected digits, as in 250 or 2.50"),
        BadFileCase(
            "amount > 0", "amount > 1.2.3",
            "f:24:21: '1.2.3' is not a number; expected digits, as in 250 or 2.50"),
        BadFileCase(
            "amount > 0", "amount > 99999999999999999999",
            "f:24:21: the number does not fit; expected at most 18 digits, or an int64"),
        BadFileCase(
            "amount > 0", "amount > 0.1234567890123456789",
            "f:24:21: the number does not fit; expected at most 18 digits, or an int64"),
        BadFileCase(
            "amount > 0", "card = 'x",
            "f:24:19: the text does not end; expected '"),
        BadFileCase(
            "amount > 0", "card in ()",
            "f:24:20: the list is empty; expected at least one value"),
        BadFileCase(
            "amount > 0", "card in ('a', 1)",
            "f:24:26: string does not compare with int64; expected two sides of one type, or two numbers"),
        BadFileCase(
            "amount > 0", "card in 'a'",
            "f:24:20: unexpected text; expected '('"),
        BadFileCase(
            "amount > 0", "card not like 'a'",
            "f:24:21: unexpected 'like'; expected 'in' or 'between'"),
        BadFileCase(
            "amount > 0", "card is 'a'",
            "f:24:20: unexpected text; expected 'null' or 'not null'"),
        BadFileCase(
            "amount > 0", "amount between 1",
            "f:24:28: the expression ends too early; expected 'and'"),
        BadFileCase(
            "amount > 0", "amount between 1 and 'x'",
            "f:24:33: decimal(2) does not compare with string; expected two sides of one type, or two numbers"),
        BadFileCase(
            "amount > 0", "case when ok then true",
            "f:24:34: the expression ends too early; expected 'when', 'else' or 'end'"),
        BadFileCase(
            "amount > 0", "case ok then true end",
            "f:24:20: unexpected 'then'; expected 'when'"),
        BadFileCase(
            "amount > 0", "case when amount then true end",
            "f:24:22: the type is decimal(2); expected bool"),
        BadFileCase(
            "amount > 0", "case when ok then 1 else 'a' end = 1",
            "f:24:37: the type is string; expected int64, as before"),
        BadFileCase(
            "amount > 0", "lenght(card) > 0",
            "f:24:12: unknown function 'lenght'; expected a function of one row's values; did you mean length?"),
        BadFileCase(
            "amount > 0", "length(amount) > 0",
            "f:24:19: the type is decimal(2); expected string"),
        BadFileCase(
            "amount > 0", "length() > 0",
            "f:24:12: length() has 0 arguments; expected one"),
        BadFileCase(
            "amount > 0", "length(card, card) > 0",
            "f:24:12: length() has 2 arguments; expected one"),
        BadFileCase(
            "amount > 0", "round(amount, rate) > 0",
            "f:24:26: the digits of round() are not fixed; expected a number from 0 to 18"),
        BadFileCase(
            "amount > 0", "round(amount, 19) > 0",
            "f:24:26: the digits of round() are not fixed; expected a number from 0 to 18"),
        BadFileCase(
            "amount > 0", "least() > 0",
            "f:24:12: least() has 0 arguments; expected at least one"),
        BadFileCase(
            "amount > 0", "round() > 0",
            "f:24:12: round() has 0 arguments; expected one or two"),
        BadFileCase(
            "amount > 0", "coalesce(card, 1) = card",
            "f:24:27: the type is int64; expected string, as before"),
        BadFileCase(
            "amount > 0", "hour(card) = 1",
            "f:24:17: the type is string; expected timestamp"),
        BadFileCase(
            "amount > 0", "avg(amount) > 1",
            "f:24:12: avg() is an aggregate; expected a function of one row's values"),
        BadFileCase(
            "amount > 0", "big * big > 1",
            "f:24:16: decimal(12) * decimal(12) would have 24 fraction digits; expected at most 18; round() an operand to fewer"),
        BadFileCase(
            "amount > 0", "user.ids > 0",
            "f:24:12: unknown field 'user.ids'; expected a field of source 'tx'; did you mean user.id?"),
        BadFileCase(
            "amount > 0", "ok = not ok",
            "f:24:17: 'not' binds more loosely than what stands before it; expected parentheses around it"),
        BadFileCase(
            "amount > 0", "null",
            "f:24:12: null is never true; expected a condition"),
        BadFileCase(
            "amount > 0", "then",
            "f:24:12: unexpected 'then'; expected a value"),
        BadFileCase(
            "amount > 0", "\"amount > nope\"",
            "f:24:22: unknown field 'nope'; expected a field of source 'tx'"),
        BadFileCase(
            "amount > 0", "'name = ''a'' and nope'",
            "f:24:30: unknown field 'nope'; expected a field of source 'tx'"),
        BadFileCase(
            "amount > 0", "\"name = \\\"a\\\" and nope\"",
            "f:24:30: unknown field 'nope'; expected a field of source 'tx'"),
        BadFileCase(
            "amount > 0", "|\n      ok and\n      nope",
            "f:24:12: unknown field 'nope'; expected a field of source 'tx'"),
        BadFileCase(
            "amount > 0", "ok and\n      nope",
            "f:24:12: unknown field 'nope'; expected a field of source 'tx'"),
        BadFileCase(
            "where: ok", "where: okk",
            "f:27:86: unknown field 'okk'; expected a field of source 'tx'; did you mean ok?"),
        BadFileCase(
            "amount > 0", "-card > 0",
            "f:24:13: the type is string; expected a number"),
        BadFileCase(
            "amount > 0",
            "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((ok))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))",
            "f:24:212: the expression is nested too deeply; expected at most 200 levels"),
        BadFileCase(
            "amount > 0",
            "ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok and ok",
            "f:24:1408: the expression is nested too deeply; expected at most 200 levels"),
        BadFileCase(
            "amount > 0", "ok ok",
            "f:24:15: unexpected 'ok'; expected an operator or the end"),
    ]
}
