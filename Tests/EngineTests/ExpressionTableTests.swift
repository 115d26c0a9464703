import Engine
import Pipelines
import Records
import Testing

/// Precedence and three-valued logic, spelt out.
struct ExpressionTableTests {
    static let fields: [(name: String, type: String)] = [
        ("a", "int64"), ("b", "int64"), ("c", "int64"), ("p", "bool"), ("q", "bool"), ("r", "bool"), ("s", "string"),
    ]

    @Test(arguments: [
        ("a + b * c", "a + (b * c)"), ("a - b - c", "(a - b) - c"), ("a / b % c", "(a / b) % c"), ("-a * b", "(-a) * b"),
        ("- -a", "-(-a)"), ("-5 + a", "-5 + a"), ("a = b + c", "a = (b + c)"), ("not a = b", "not (a = b)"),
        ("not p and q", "(not p) and q"), ("p or q and r", "p or (q and r)"), ("p and q or r", "(p and q) or r"),
        ("p or q or r", "(p or q) or r"), ("not not p", "not (not p)"), ("a = b is null", "(a = b) is null"),
        ("a + b is not null", "not ((a + b) is null)"), ("not a is null", "not (a is null)"), ("p = (q = r)", "p = (q = r)"),
        ("a between b and c and p", "((a >= b) and (a <= c)) and p"), ("a not between 1 and 2", "not ((a >= 1) and (a <= 2))"),
        ("a + 1 in (1, 2)", "(a + 1) in (1, 2)"), ("a in (b, 2)", "(a in (2)) or (a = b)"), ("a not in (1)", "not (a in (1))"),
        ("a in (1, null)", "(a in (1)) or (a = null)"), ("p = a in (1)", "p = (a in (1))"),
        ("a == b or a != b", "(a = b) or (a <> b)"),
        ("s = 'it''s' OR s = \"it's\"", "(s = 'it''s') or (s = 'it''s')"),
        ("case a when 1 then b end", "case when a = 1 then b else null end"),
        ("CASE WHEN p THEN a ELSE 1.5 END", "case when p then a else 1.5 end"), ("Round(a / b)", "round(a / b, 0)"),
        ("a - -5", "a - -5"),
    ])
    func precedence(_ text: String, _ grouped: String) throws {
        let names = Self.fields.map(\.name)
        let expressions = try ExpressionGoldenTests.expressions([text, grouped], fields: Self.fields)
        #expect(expressions[0].text(names: names) == grouped)
        #expect(expressions[1].text(names: names) == grouped)
        #expect(expressions[0] == expressions[1])
    }

    /// For p and q each null, false, true: nine letters a row, in the order of (p, q).
    @Test(arguments: [
        ("p and q", "nfn fff nft"), ("p or q", "nnt nft ttt"), ("not p", "nnn ttt fff"), ("p = q", "nnn ntf nft"),
        ("p <> q", "nnn nft ntf"), ("p < q", "nnn nft nff"), ("p is null", "ttt fff fff"), ("p is not null", "fff ttt ttt"),
        ("p in (q, true)", "nnn ntf ttt"), ("p and null", "nnn fff nnn"), ("p or null", "nnn nnn ttt"),
        ("p = null", "nnn nnn nnn"),
        ("case when p then q else true end", "ttt ttt nft"), ("coalesce(p, q)", "nft fff ttt"), ("least(p, q)", "nft fff tft"),
        ("greatest(p, q)", "nft fft ttt"), ("not (p and q)", "ntn ttt ntf"),
    ])
    func nullLogic(_ text: String, _ expected: String) throws {
        let (p, q) = (3, 4)
        let evaluator = ExpressionEvaluator(try ExpressionGoldenTests.expressions([text], fields: Self.fields), capacity: 9)
        let batch = RecordBatch(types: try Self.fields.map { try ExpressionGoldenTests.type($0.type) }, capacity: 9)
        for row in 0..<9 {
            for (field, state) in [(p, row / 3), (q, row % 3)] {
                batch.columns[field].valid[row] = state == 0 ? 0 : 1
                batch.columns[field].words[row] = state == 2 ? 1 : 0
            }
        }
        batch.count = 9
        evaluator.evaluate(batch)
        let column = evaluator.column(0)
        let found = (0..<9).map { column.valid[$0] == 0 ? "n" : column.words[$0] == 1 ? "t" : "f" }
        #expect(found.joined() == expected.filter { $0 != " " })
    }

    @Test func aBareFieldIsTheBatchsOwnColumn() throws {
        let batch = RecordBatch(types: try Self.fields.map { try ExpressionGoldenTests.type($0.type) }, capacity: 4)
        let evaluator = ExpressionEvaluator(try ExpressionGoldenTests.expressions(["b"], fields: Self.fields), capacity: 4)
        evaluator.evaluate(batch)
        #expect(unsafe evaluator.column(0).words.pointer == batch.columns[1].words.pointer)
    }

    @Test func aSharedPartIsComputedOnce() throws {
        let texts = ["a + b", "(a + b) * 2", "a + b"]
        let evaluator = ExpressionEvaluator(try ExpressionGoldenTests.expressions(texts, fields: Self.fields), capacity: 4)
        #expect(unsafe evaluator.column(0).words.pointer == evaluator.column(2).words.pointer)
    }
}
