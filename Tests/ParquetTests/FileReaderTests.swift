import Foundation
import Parquet
import Testing

@Suite struct FileReaderTests {
    @Test(arguments: [[0], [1], [7], [1000], [3000, 0, 500], [70_000], [140_000, 3]])
    func readsWhatWasWritten(groups: [Int]) throws {
        for _ in 0..<3 {
            let seed = UInt64.random(in: 0...UInt64.max)
            let table = Table.random(seed: seed, groups: groups)
            try withTemporaryFolder { folder in
                let path = "\(folder)/table.parquet"
                _ = try table.write(to: path)
                let difference = try FileReaderTests.difference(table, path)
                #expect(difference == nil, "seed \(seed)")
            }
        }
    }

    @Test func readsTheGoldenFile() throws {
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/table.parquet")
        let reader = try FileReader(path: golden.path)
        let groups = (0..<reader.groupCount).map { reader.rowCount(ofGroup: $0) }
        let names = reader.schema.map(\.name)
        let metadata = reader.metadata.map { "\($0.0)=\($0.1)" }
        let amounts = try reader.read(group: 1, column: 4).words
        let customers = try reader.read(group: 0, column: 0)
        let customer = String(decoding: customers.text(8), as: UTF8.self)
        #expect(groups == [200, 100])
        #expect(names == ["customer_id", "event_timestamp", "count", "average", "amount", "flag", "partition"])
        #expect(metadata == ["pipeline=golden"])
        #expect(amounts == (200..<300).map { $0 * 12_345 - 99 })
        #expect(customer == "customer 1")
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
                do { try FileReaderTests.readAll(path) } catch is ParquetError { refused += 1 }
            }
            #expect(refused > 500, "seed \(seed)")
        }
    }

    @Test func saysWhatIsWrong() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/x.parquet"
            try Data("no Parquet file at all".utf8).write(to: URL(fileURLWithPath: path))
            let wrong = #expect(throws: ParquetError.self) { try FileReaderTests.readAll(path) }
            #expect(wrong?.description == "cannot read \(path): it is not a Parquet file")
            let missing = #expect(throws: ParquetError.self) { try FileReaderTests.readAll("\(folder)/nothing") }
            #expect(missing?.description == "cannot open \(folder)/nothing: No such file or directory")
        }
    }

    private static func readAll(_ path: String) throws {
        let reader = try FileReader(path: path)
        for group in 0..<reader.groupCount {
            for column in reader.schema.indices {
                let values = try reader.read(group: group, column: column)
                for row in values.words.indices where values.type == .string && !values.isNull(row) { _ = values.text(row) }
            }
        }
    }

    /// The first value that is not as it was written.
    private static func difference(_ table: Table, _ path: String) throws -> String? {
        let reader = try FileReader(path: path)
        guard reader.schema == table.columns.map(\.schema) else { return "schema \(reader.schema)" }
        guard reader.metadata.map({ $0.0 + $0.1 }) == table.metadata.map({ $0.0 + $0.1 }) else { return "metadata" }
        let groups = table.groups.filter { $0 > 0 }
        guard (0..<reader.groupCount).map({ reader.rowCount(ofGroup: $0) }) == groups else { return "groups" }
        for (position, column) in table.columns.enumerated() {
            var start = 0
            for (group, rowCount) in groups.enumerated() {
                let values = try reader.read(group: group, column: position)
                guard values.words.count == rowCount else { return "\(column.schema.name): \(values.words.count) rows" }
                for row in 0..<rowCount {
                    var found = TableColumn("", values.type)
                    found.words = [values.words[row]]
                    if values.isNull(row) { found.valid = [0] }
                    found.text = values.text
                    if found.expected(0) != column.expected(start + row) {
                        return
                            "\(column.schema.name) row \(start + row): \(found.expected(0)), wrote \(column.expected(start + row))"
                    }
                }
                start += rowCount
            }
        }
        return nil
    }
}
