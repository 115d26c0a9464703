import Foundation
import Parquet
import Testing

@Suite struct TableReaderTests {
    @Test(arguments: [[0], [1], [7], [1000], [3000, 0, 500], [70_000], [140_000, 3]])
    func readsWhatWasWritten(groups: [Int]) throws {
        for _ in 0..<3 {
            let seed = UInt64.random(in: 0...UInt64.max)
            let table = Table.random(seed: seed, groups: groups)
            try withTemporaryFolder { folder in
                let path = "\(folder)/table.parquet"
                _ = try table.write(to: path)
                let difference = try TableReaderTests.difference(table, path)
                #expect(difference == nil, "seed \(seed)")
            }
        }
    }

    @Test func readsTheGoldenFile() throws {
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/table.parquet")
        let reader = try TableReader(path: golden.path)
        let groups = (0..<reader.groupCount).map { reader.rowCount(ofGroup: $0) }
        let names = reader.columns.map(\.name)
        let metadata = reader.metadata.map { "\($0.0)=\($0.1)" }
        var scan = try reader.scan([4, 0], groups: 1..<2)
        let rows = try scan.next(rowsMax: 1000)
        let amounts = scan.columns[0].words
        let customer = String(decoding: scan.columns[1].text(8), as: UTF8.self)
        #expect(groups == [200, 100])
        #expect(rows == 100)
        #expect(names == ["customer_id", "event_timestamp", "count", "average", "amount", "flag", "partition"])
        #expect(metadata == ["pipeline=golden"])
        #expect(amounts == (200..<300).map { $0 * 12_345 - 99 })
        #expect(customer == "customer \(208 % 7)")
    }

    /// Whatever happens to the bytes: values or an error, never a trap.
    @Test func survivesDamage() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let table = Table.random(seed: seed, groups: [300, 40])
        try withTemporaryFolder { folder in
            let path = "\(folder)/table.parquet"
            _ = try table.write(to: path)
            let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
            var refused = 0
            for _ in 0..<1500 {
                var bytes = whole
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
                case 1:
                    // The footer, where all lengths and places are.
                    for _ in 0..<Int.random(in: 1...3, using: &generator) {
                        let place = bytes.count - 9 - Int.random(in: 0..<min(8000, bytes.count - 20), using: &generator)
                        bytes[place] = UInt8.random(in: 0...255, using: &generator)
                    }
                case 2:
                    bytes[bytes.count - 8 + Int.random(in: 0..<4, using: &generator)] ^=
                        1 << UInt8.random(in: 0..<8, using: &generator)
                default:
                    for _ in 0..<Int.random(in: 1...20, using: &generator) {
                        let place = Int.random(in: 0..<bytes.count, using: &generator)
                        bytes[place] = UInt8.random(in: 0...255, using: &generator)
                    }
                }
                try Data(bytes).write(to: URL(fileURLWithPath: path))
                do { try TableReaderTests.readAll(path) } catch is ParquetError { refused += 1 }
            }
            #expect(refused > 500, "seed \(seed)")
        }
    }

    @Test func saysWhatIsWrong() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/x.parquet"
            try Data("no Parquet file at all".utf8).write(to: URL(fileURLWithPath: path))
            let wrong = #expect(throws: ParquetError.self) { try TableReaderTests.readAll(path) }
            #expect(wrong?.description == "cannot read \(path): it is not a Parquet file")
            let missing = #expect(throws: ParquetError.self) { try TableReaderTests.readAll("\(folder)/nothing") }
            #expect(missing?.description == "cannot open \(folder)/nothing: No such file or directory")
        }
    }

    private static func readAll(_ path: String) throws {
        let reader = try TableReader(path: path)
        var scan = try reader.scan(Array(reader.columns.indices))
        while try scan.next(rowsMax: 250) > 0 {
            for values in scan.columns {
                for row in 0..<values.count where values.type == .string && !values.isNull(row) { _ = values.text(row) }
            }
        }
    }

    /// The first value that is not as it was written.
    private static func difference(_ table: Table, _ path: String) throws -> String? {
        let reader = try TableReader(path: path)
        let schema = reader.columns.map(\.schema)
        guard schema == table.columns.map(\.schema) else { return "schema \(schema)" }
        guard reader.metadata.map({ $0.0 + $0.1 }) == table.metadata.map({ $0.0 + $0.1 }) else { return "metadata" }
        let groups = table.groups.filter { $0 > 0 }
        guard (0..<reader.groupCount).map({ reader.rowCount(ofGroup: $0) }) == groups else { return "groups" }
        // Batches of one row, of a few, of less than a page and of more than a row group.
        let rowsMax = [1, 7, 1000, 50_000, 1_000_000].randomElement()!
        guard rowsMax > 1 || reader.rowCount < 1000 else { return nil }
        var scan = try reader.scan(Array(table.columns.indices))
        var start = 0
        while true {
            let rowCount = try scan.next(rowsMax: rowsMax)
            if rowCount == 0 { break }
            for (column, values) in zip(table.columns, scan.columns) {
                guard values.count == rowCount else { return "\(column.schema.name): \(values.count) rows" }
                for row in 0..<rowCount where values.described(row) != column.expected(start + row) {
                    let (found, wrote) = (values.described(row), column.expected(start + row))
                    return "\(column.schema.name) row \(start + row): \(found), wrote \(wrote), batches of \(rowsMax)"
                }
            }
            start += rowCount
        }
        return start == groups.reduce(0, +) ? nil : "\(start) rows"
    }
}

extension ColumnValues {
    /// A value in the form of `TableColumn.expected`.
    func described(_ row: Int) -> String {
        var column = TableColumn("", type)
        column.words = [words[row]]
        if type.isWide { column.high = [high[row]] }
        if isNull(row) { column.valid = [0] }
        column.text = text
        return column.expected(0)
    }
}
