import Engine
import Glibc
import Pipelines
import Records
import TestSupport
import Testing

/// Random expressions against values by exact rational arithmetic: see `Golden/expressions.py`, which made them from the seed in
/// the file's first line. `FRESHET_TEST_EXPRESSIONS` names another file to check, made with another seed or more of them.
struct ExpressionGoldenTests {
    struct Case {
        var type: String
        var values: [String]
        var text: String
    }

    static let lines: [[String]] = {
        let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let path =
            unsafe getenv("FRESHET_TEST_EXPRESSIONS").map { unsafe String(cString: $0) } ?? "\(folder)/Golden/expressions.tsv"
        guard let file = unsafe fopen(path, "r") else { fatalError("no file \(path)") }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var byte = unsafe getc(file)
        while byte != EOF {
            bytes.append(UInt8(byte))
            byte = unsafe getc(file)
        }
        return bytes.split(separator: UInt8(ascii: "\n")).map { line in
            line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
    }()

    @Test func everyValueOfEveryExpression() throws {
        let fields = Self.lines.filter { $0[0] == "F" }.map { (name: $0[1], type: $0[2], values: Array($0[3...])) }
        let rows = fields[0].values.count
        let cases = Self.lines.filter { $0[0] == "E" }.map {
            Case(type: $0[1], values: Array($0[2..<2 + rows]), text: $0[2 + rows])
        }
        #expect(cases.count >= 1000)
        for start in stride(from: 0, to: cases.count, by: 500) {
            try check(Array(cases[start..<min(start + 500, cases.count)]), fields)
        }
    }

    @Test func canonicalTextReadsAsTheSameText() throws {
        let fields = Self.lines.filter { $0[0] == "F" }.map { (name: $0[1], type: $0[2]) }
        let texts = Self.lines.filter { $0[0] == "E" }.prefix(500).map { $0.last ?? "" }
        let names = fields.map(\.name)
        let once = try Self.expressions(texts, fields: fields).map { $0.text(names: names) }
        let twice = try Self.expressions(once, fields: fields).map { $0.text(names: names) }
        for (first, second) in zip(once, twice) { #expect(first == second) }
    }

    private func check(_ cases: [Case], _ fields: [(name: String, type: String, values: [String])]) throws {
        let expressions = try Self.expressions(cases.map(\.text), fields: fields.map { ($0.name, $0.type) })
        for (expression, golden) in zip(expressions, cases) where expression.type.description != golden.type {
            Issue.record("\(golden.text): \(expression.type), not \(golden.type); \(Self.lines[0][0])")
        }
        let rows = fields[0].values.count
        let batch = RecordBatch(types: try fields.map { try Self.type($0.type) }, capacity: rows)
        let evaluator = ExpressionEvaluator(expressions, capacity: rows)
        // A short batch first: what it leaves behind must not show in the next.
        for count in [3, rows, 0, rows] {
            batch.removeAll()
            for (column, field) in zip(batch.columns, fields) {
                for row in 0..<count { Self.set(field.values[row], column, row, &batch.text) }
            }
            batch.count = count
            evaluator.evaluate(batch)
            for (index, golden) in cases.enumerated() {
                for row in 0..<count {
                    let found = Self.show(evaluator.column(index), row, batch)
                    if found != golden.values[row] {
                        Issue.record("\(golden.text) in row \(row): \(found), not \(golden.values[row]); \(Self.lines[0][0])")
                        break
                    }
                }
            }
        }
    }

    /// Expressions of any type, as arguments of `count`.
    static func expressions(_ texts: [String], fields: [(name: String, type: String)]) throws -> [Expression] {
        var yaml = """
            pipeline: golden
            version: 1
            sources:
              events:
                topic: events
                format: json
                event_time: {field: time, unit: ms}
                fields:
                  time: timestamp
                  entity: string

            """
        // The batch has no columns for the two that a source must have; positions are shifted by them below.
        for field in fields { yaml += "      \(field.name): \(field.type)?\n" }
        yaml += "views:\n  all:\n    source: events\n    entity: [entity]\n    features:\n"
        for (i, text) in texts.enumerated() {
            let quoted = text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
            yaml += "      - {name: f\(i), aggregate: 'count(\(quoted))', windows: [1h]}\n"
        }
        let view = try Plan(parsing: yaml, file: "golden.yaml").views[0]
        return try view.values.map { value in
            let input = try #require(value.input)
            return shifted(try #require(view.inputs[input].argument), by: 2)
        }
    }

    /// The expression with every field's position less by `count`.
    private static func shifted(_ expression: Expression, by count: Int) -> Expression {
        func shift(_ e: Expression) -> Expression { shifted(e, by: count) }
        switch expression {
        case .literal, .null: return expression
        case .field(let position, let type): return .field(position - count, type)
        case .negated(let a): return .negated(shift(a))
        case .arithmetic(let operation, let a, let b, let type): return .arithmetic(operation, shift(a), shift(b), type)
        case .comparison(let comparison, let a, let b): return .comparison(comparison, shift(a), shift(b))
        case .and(let a, let b): return .and(shift(a), shift(b))
        case .or(let a, let b): return .or(shift(a), shift(b))
        case .not(let a): return .not(shift(a))
        case .isNull(let a): return .isNull(shift(a))
        case .among(let a, let literals): return .among(shift(a), literals)
        case .choice(let branches, let otherwise):
            return .choice(branches.map { .init(condition: shift($0.condition), result: shift($0.result)) }, shift(otherwise))
        case .call(let function, let arguments, let type): return .call(function, arguments.map(shift), type)
        case .converted(let a, let type): return .converted(shift(a), type)
        }
    }

    static func type(_ text: String) throws -> FieldType {
        switch text {
        case "string": .string
        case "int64": .int64
        case "double": .double
        case "bool": .bool
        case "timestamp": .timestamp
        default: .decimal(scale: try #require(Int(text.dropFirst("decimal(".count).dropLast())))
        }
    }

    private static func set(_ text: String, _ column: Column, _ row: Int, _ arena: inout TextArena) {
        column.valid[row] = text == "-" ? 0 : 1
        column.words[row] =
            text == "-"
            ? 0
            : text.hasPrefix("'")
                ? append(text, &arena)
                : text.hasPrefix("0x") ? Int64(bitPattern: UInt64(text.dropFirst(2), radix: 16)!) : Int64(text)!
    }

    private static func append(_ text: String, _ arena: inout TextArena) -> Int64 {
        let digits = Array(text.dropFirst())
        let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }
        return unsafe bytes.withUnsafeBytes { unsafe arena.append($0) }.word
    }

    private static func show(_ column: Column, _ row: Int, _ batch: RecordBatch) -> String {
        guard column.valid[row] == 1 else { return column.words[row] == 0 ? "-" : "a null whose word is not 0" }
        let word = column.words[row]
        switch column.type {
        case .string:
            let bytes = Array(batch.text.string(TextReference(word: word)).utf8)
            return "'" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        case .double:
            let digits = String(UInt64(bitPattern: word), radix: 16)
            return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
        case .int64, .bool, .decimal, .timestamp:
            return "\(word)"
        }
    }
}
