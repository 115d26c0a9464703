import Foundation
import Parquet
import Testing

@Suite struct FileWriterTests {
    /// Bytes that were once right stay the same; they depend on zstd's version too (1.5.4). After a change that is meant, run
    /// the tests with FRESHET_UPDATE_GOLDEN set and read the new file with the readers before it is committed.
    @Test func goldenFile() throws {
        let names = (0..<300).map { "customer \($0 % 7)" }
        let valid: [UInt8] = (0..<300).map { $0 % 11 == 0 ? 0 : 1 }
        let rows = (0..<300).map { Int64($0) }
        func words(_ value: (Int64) -> Double) -> [Int64] { rows.map { Int64(bitPattern: value($0).bitPattern) } }
        let table = Table(
            columns: [
                TableColumn("customer_id", texts: names),
                TableColumn(
                    "event_timestamp", .timestampMicrosUTC, words: rows.map { 1_700_000_000_000_000 + $0 * 1_000_000 + $0 % 3 }),
                TableColumn("count", .int64, words: rows.map { $0 % 5 }, valid: valid),
                TableColumn("average", .double, words: words { Double($0) / 7 }, valid: valid),
                TableColumn("amount", .decimal(scale: 2), words: rows.map { $0 * 12_345 - 99 }),
                TableColumn("flag", .bool, words: rows.map { $0 & 1 }, valid: valid),
                TableColumn("partition", .int32, words: rows.map { $0 / 100 }),
            ],
            groups: [200, 100], metadata: [("pipeline", "golden")])
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/table.parquet")
        try withTemporaryFolder { folder in
            let path = "\(folder)/table.parquet"
            #expect(try table.write(to: path) > 0)
            let written = try Data(contentsOf: URL(fileURLWithPath: path))
            if ProcessInfo.processInfo.environment["FRESHET_UPDATE_GOLDEN"] != nil { try written.write(to: golden) }
            let isGolden = try written == Data(contentsOf: golden)
            #expect(isGolden, "the written bytes differ from the golden file")
        }
    }

    @Test func refusesAFileThatExists() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/there.parquet"
            try "mine".write(toFile: path, atomically: false, encoding: .utf8)
            let failure = #expect(throws: ParquetError.self) { try Self.open(path) }
            #expect(failure?.operation == .create && failure?.path == path && failure?.reason == "File exists")
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
        }
    }

    @Test func namesTheFileThatCannotBe() throws {
        let failure = #expect(throws: ParquetError.self) { try Self.open("/nowhere/at/all.parquet") }
        #expect(failure?.description == "cannot create /nowhere/at/all.parquet: No such file or directory")
    }

    @Test func removesWhatIsNotFinished() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/dropped.parquet"
            try Self.open(path)
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func trapsOnTooManyRows() async {
        await #expect(processExitsWith: .failure) {
            try withTemporaryFolder { folder in
                let table = Table(
                    columns: [TableColumn("n", .int64, words: Array(repeating: 1, count: 1_048_577))], groups: [1_048_577])
                _ = try table.write(to: "\(folder)/large.parquet")
            }
        }
    }

    @Test func trapsOnANullWhereThereIsNone() async {
        await #expect(processExitsWith: .failure) {
            try withTemporaryFolder { folder in
                var column = TableColumn("n", .int64, words: [1, 2], valid: [1, 0])
                column.schema.nullable = false
                _ = try Table(columns: [column], groups: [2]).write(to: "\(folder)/null.parquet")
            }
        }
    }

    /// Creates the file and drops the writer.
    private static func open(_ path: String) throws {
        var writer = try FileWriter(path: path, schema: [ColumnSchema(name: "n", type: .int64, nullable: false)])
        #expect(FileManager.default.fileExists(atPath: path))
        try writer.write(rowCount: 0, columns: [unsafe ColumnData(words: UnsafePointer(bitPattern: 8)!, valid: nil, text: nil)])
    }
}
