import Foundation
import Parquet
import Testing

/// Files that pyarrow, DuckDB and Polars wrote, every value of them; see `Python/foreign.py`.
@Suite struct ForeignFilesTests {
    static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/foreign").path

    /// They need no Python to be read.
    @Test func goldenFiles() throws {
        let files = try ForeignFile.all(in: Self.golden)
        #expect(files.count >= 12)
        for file in files {
            let difference = try file.difference(rowsMax: Int.random(in: 1...100))
            #expect(difference == nil)
        }
    }

    @Test func everyEncodingCompressionAndPage() throws {
        guard let python = ProcessInfo.processInfo.environment["FRESHET_PYTHON"] else {
            Issue.record("FRESHET_PYTHON does not name a Python interpreter with pyarrow, duckdb and polars")
            return
        }
        let seed = Int.random(in: 0..<1_000_000)
        try withTemporaryFolder { folder in
            let rows = [1, 900, 3001].randomElement()!
            try run(python, "foreign.py", [folder, String(seed), String(rows)])
            let files = try ForeignFile.all(in: folder)
            #expect(files.count > 80)
            for file in files {
                let rowsMax = rows < 10 ? 3 : [100, 1024, 3000, 1_000_000].randomElement()!
                let difference = try file.difference(rowsMax: rowsMax)
                #expect(difference == nil, "seed \(seed), \(rows) rows")
            }
        }
    }

    /// What is read can be written: foreign columns passed through, and read again.
    @Test func passesThrough() throws {
        try withTemporaryFolder { folder in
            for file in try ForeignFile.all(in: Self.golden) where !file.expected.contains(where: { $0.refusal != nil }) {
                let reader = try TableReader(path: file.path)
                let readable = reader.columns.indices.filter { reader.columns[$0].schema != nil }
                let path = "\(folder)/\(file.name).parquet"
                var writer = try FileWriter(path: path, schema: readable.compactMap { reader.columns[$0].schema })
                var scan = try reader.scan(readable)
                while true {
                    let rows = try scan.next(rowsMax: 30)
                    if rows == 0 { break }
                    try lend(scan.columns[...]) { (data) throws(ParquetError) in try writer.write(rowCount: rows, columns: data) }
                }
                _ = try writer.finish(sync: false)
                let copy = ForeignFile(path: path, expected: file.expected.filter { $0.obstacle == nil })
                let difference = try copy.difference(rowsMax: 1000)
                #expect(difference == nil)
            }
        }
    }

    @Test func saysWhichColumnItDoesNotRead() throws {
        let path = "\(Self.golden)/nested.parquet"
        let reader = try TableReader(path: path)
        let position = try #require(try reader.position(of: "struct"))
        let error = #expect(throws: ParquetError.self) { try open(reader, position) }
        #expect(error?.column == "struct")
        #expect(error?.description == "cannot read \(path): column struct: nested values are not read")
        #expect(try reader.position(of: "nothing") == nil)
    }

    private func open(_ reader: TableReader, _ position: Int) throws(ParquetError) { _ = try reader.scan([position]) }

    private func lend(
        _ columns: ArraySlice<ColumnValues>, _ lent: [ColumnData] = [], _ body: ([ColumnData]) throws(ParquetError) -> Void
    ) throws(ParquetError) {
        guard let column = columns.first else { return try body(lent) }
        try column.withColumnData { (data) throws(ParquetError) in try lend(columns.dropFirst(), lent + [data], body) }
    }
}

/// Runs a script beside this file.
func run(_ python: String, _ script: String, _ arguments: [String], _ comment: Comment = "") throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Python/\(script)").path
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = [path] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(script) \(arguments) \(comment): \(said)")
}

/// A file and what its reader has to find.
struct ForeignFile {
    struct Column {
        var name: String
        var type = ""
        /// nil if it may be either.
        var nullable: Bool?
        /// Words of why it cannot be read.
        var obstacle: String?
        /// Words of the error that its values give.
        var refusal: String?
        var values: [Substring] = []
    }

    var path: String
    var expected: [Column]

    var name: String { URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent }

    static func all(in folder: String) throws -> [ForeignFile] {
        var known: [String: [Column]] = [:]
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".parquet") }.sorted()
        return try names.map { name in
            let stem = "\(folder)/\(name.dropLast(8))"
            let like = try? String(contentsOfFile: "\(stem).like", encoding: .utf8)
            let source = like.map { "\(folder)/\($0).expected" } ?? "\(stem).expected"
            if known[source] == nil { known[source] = try columns(String(contentsOfFile: source, encoding: .utf8)) }
            return ForeignFile(path: "\(stem).parquet", expected: known[source]!)
        }
    }

    private static func columns(_ text: String) -> [Column] {
        var columns: [Column] = []
        for line in text.utf8.split(separator: UInt8(ascii: "\n")).map({ Substring($0) }) {
            let fields = line.split(separator: "\t").map(String.init)
            switch fields[0] {
            case "column":
                columns.append(Column(name: fields[1], type: fields[2], nullable: fields[3] == "-" ? nil : fields[3] == "1"))
            case "refused": columns.append(Column(name: fields[1], refusal: fields[2]))
            case "obstacle": columns.append(Column(name: fields[1], obstacle: fields[2]))
            default: columns[columns.count - 1].values.append(line)
            }
        }
        return columns
    }

    /// The first thing that is not as expected.
    func difference(rowsMax: Int) throws -> String? {
        let reader = try TableReader(path: path)
        guard reader.columns.map(\.name) == expected.map(\.name) else { return "\(name): columns \(reader.columns.map(\.name))" }
        var readable: [(position: Int, column: Column)] = []
        for (position, (column, found)) in zip(expected, reader.columns).enumerated() {
            if let obstacle = column.obstacle {
                guard found.type == nil, found.obstacle?.contains(obstacle) == true else {
                    return "\(name) \(column.name): \(found.obstacle ?? "can be read")"
                }
                continue
            }
            if let refusal = column.refusal {
                do throws(ParquetError) {
                    var scan = try reader.scan([position])
                    while try scan.next(rowsMax: rowsMax) > 0 {}
                    return "\(name) \(column.name): no error"
                } catch {
                    guard error.column == column.name, error.path == path, error.reason.contains(refusal) else {
                        return "\(name) \(column.name): \(error)"
                    }
                }
                continue
            }
            guard found.type?.name == column.type, column.nullable == nil || column.nullable == found.nullable else {
                return "\(name) \(column.name): \(found), expected \(column.type)"
            }
            readable.append((position, column))
        }
        var scan = try reader.scan(readable.map(\.position))
        var start = 0
        while true {
            let rows = try scan.next(rowsMax: rowsMax)
            if rows == 0 { break }
            for ((_, column), values) in zip(readable, scan.columns) {
                for row in 0..<rows {
                    let found = values.plainly(row)
                    guard start + row < column.values.count, found == column.values[start + row] else {
                        let wanted = start + row < column.values.count ? column.values[start + row] : "nothing"
                        return "\(name) \(column.name) row \(start + row): \(found), expected \(wanted), batches of \(rowsMax)"
                    }
                }
            }
            start += rows
        }
        let counts = readable.map(\.column.values.count)
        guard counts.allSatisfy({ $0 == start }), readable.isEmpty || reader.rowCount == start else {
            return "\(name): \(start) rows, expected \(counts)"
        }
        return nil
    }
}

extension ColumnValues {
    /// A value in the form of `Python/foreign.py`.
    fileprivate func plainly(_ row: Int) -> String {
        if isNull(row) { return "null" }
        if type == .string {
            let digits = Array("0123456789abcdef".utf8)
            return "x" + String(decoding: text(row).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
        }
        return String(decimal(row))
    }
}
