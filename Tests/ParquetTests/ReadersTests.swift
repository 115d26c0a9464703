import Foundation
import Parquet
import Testing

/// Files of ours, read by pyarrow and DuckDB.
@Suite struct ReadersTests {
    @Test func randomTables() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        let shapes: [[Int]] = [
            [], [0], [1], [2, 0, 1], [7], [8], [9, 1], [127, 128, 129, 130], [33, 1000], [5000, 5000], [1023, 1024, 1025],
            [200, 3000, 17],
        ]
        var tables: [(String, Table)] = []
        for (position, groups) in (shapes + shapes + shapes).enumerated() {
            tables.append(("random\(position)", .random(seed: seed + UInt64(position), groups: groups)))
        }
        tables.append(("large", .random(seed: seed, groups: [70_000, 140_000])))
        try expectReadersAgree(tables, "seed \(seed)")
    }

    @Test func everyEncoding() throws {
        var generator = SeededGenerator(seed: 7)
        let rowCount = 70_000
        let rows = 0..<rowCount
        let sometimes: [UInt8] = rows.map { _ in UInt8.random(in: 0...1, using: &generator) }
        let lateOnly: [UInt8] = rows.map { $0 < 66_000 ? 0 : 1 }
        let random = rows.map { _ in Int64(bitPattern: generator.next()) }
        let random32 = random.map { Int64(Int32(truncatingIfNeeded: $0)) }
        let ascending = rows.map { Int64($0) * 1_000_003 }
        let ascending32 = rows.map { Int64($0) * 3 }
        let few = rows.map { _ in Int64.random(in: 0..<20, using: &generator) }
        let doubles = rows.map { _ in Int64(bitPattern: Double.random(in: 0..<1, using: &generator).bitPattern) }
        let fewDoubles = few.map { Int64(bitPattern: (Double($0) / 4).bitPattern) }
        let texts = rows.map { "unique-\($0)" }
        let fewTexts = few.map { "key-\($0)" }

        var columns: [TableColumn] = []
        for (suffix, valid) in [("", nil), ("_sometimes", sometimes), ("_late", lateOnly)] as [(String, [UInt8]?)] {
            for type in [ColumnType.int64, .timestampMicrosUTC] {
                columns += [
                    TableColumn("\(type.name)_plain\(suffix)", type, words: random, valid: valid, encoding: "PLAIN"),
                    TableColumn(
                        "\(type.name)_delta\(suffix)", type, words: ascending, valid: valid, encoding: "DELTA_BINARY_PACKED"),
                    TableColumn("\(type.name)_dictionary\(suffix)", type, words: few, valid: valid, encoding: "RLE_DICTIONARY"),
                ]
            }
            columns += [
                TableColumn("int32_plain\(suffix)", .int32, words: random32, valid: valid, encoding: "PLAIN"),
                TableColumn("int32_delta\(suffix)", .int32, words: ascending32, valid: valid, encoding: "DELTA_BINARY_PACKED"),
                TableColumn("int32_dictionary\(suffix)", .int32, words: few, valid: valid, encoding: "RLE_DICTIONARY"),
                TableColumn("double_plain\(suffix)", .double, words: doubles, valid: valid, encoding: "PLAIN"),
                TableColumn("double_dictionary\(suffix)", .double, words: fewDoubles, valid: valid, encoding: "RLE_DICTIONARY"),
                TableColumn("text_plain\(suffix)", texts: texts, valid: valid, encoding: "PLAIN"),
                TableColumn("text_dictionary\(suffix)", texts: fewTexts, valid: valid, encoding: "RLE_DICTIONARY"),
                TableColumn("bool_plain\(suffix)", .bool, words: few.map { $0 & 1 }, valid: valid, encoding: "PLAIN"),
            ]
        }
        // A row group of nulls alone, after one without any.
        let halves: [UInt8] = rows.map { $0 < 35_000 ? 1 : 0 }
        let inHalves = columns.filter { $0.valid == nil }.map { column in
            var column = column
            column.schema.nullable = true
            column.valid = halves
            return column
        }
        try expectReadersAgree(
            [
                ("encodings", Table(columns: columns, groups: [rowCount])),
                ("halves", Table(columns: inHalves, groups: [35_000, 35_000])),
            ],
            "fixed")
    }

    /// Differences that do not fit into the type's width, whose sums wrap around.
    @Test func deltasThatWrap() throws {
        let rows = 0..<1000
        func steps(_ low: Int64, _ high: Int64) -> [Int64] {
            rows.map { ($0 / 50).isMultiple(of: 2) ? low + Int64($0) : high - Int64($0) }
        }
        try expectReadersAgree(
            [
                (
                    "wrapping",
                    Table(
                        columns: [
                            TableColumn(
                                "narrow", .int32, words: steps(Int64(Int32.min), Int64(Int32.max)),
                                encoding: "DELTA_BINARY_PACKED"),
                            TableColumn("wide", .int64, words: steps(.min, .max), encoding: "DELTA_BINARY_PACKED"),
                        ],
                        groups: [1000])
                )
            ], "fixed")
    }

    @Test func longTexts() throws {
        let long = String(repeating: "Überlänge ", count: 150_000)
        let texts = (0..<40).map { $0 % 7 == 3 ? long + "\($0)" : String(repeating: "\($0) ", count: 20_000) }
        let table = Table(columns: [TableColumn("text", texts: texts, encoding: "PLAIN")], groups: [40])
        try expectReadersAgree([("long", table)], "fixed")
    }

    /// More distinct values than a dictionary may have, found only after it was begun.
    @Test func abandonedDictionaries() throws {
        let rows = 0..<200_000
        // The sample sees repetition; the whole has too much that is new.
        let words = rows.map { Int64(bitPattern: (Double($0 % 130_000) * 1.1).bitPattern) }
        let texts = rows.map { "a long enough text for the bound in bytes \($0 % 60_000)" }
        let table = Table(
            columns: [
                TableColumn("double", .double, words: words.map { $0 }, encoding: "PLAIN"),
                TableColumn("text", texts: texts, encoding: "PLAIN"),
            ], groups: [200_000])
        try expectReadersAgree([("abandoned", table)], "fixed")
    }
}

/// A folder of its own for a test's files, removed at the end.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("parquet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
}

private func expectReadersAgree(_ tables: [(String, Table)], _ comment: Comment) throws {
    guard let python = ProcessInfo.processInfo.environment["FRESHET_PYTHON"] else {
        Issue.record("FRESHET_PYTHON does not name a Python interpreter with pyarrow and duckdb")
        return
    }
    try withTemporaryFolder { folder in
        for (name, table) in tables {
            let size = try table.write(to: "\(folder)/\(name).parquet")
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name).parquet")
            #expect(attributes[.size] as? Int == size)
            try table.expected().write(toFile: "\(folder)/\(name).json", atomically: true, encoding: .utf8)
        }
        try run(python, "compare.py", [folder], comment)
    }
}
