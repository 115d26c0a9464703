import Foundation
import Parquet
import Testing

/// Whatever happens to the bytes of a file of whatever writer: values, or an error that names the file, and the column where one
/// is at fault; never a trap, and never more memory than its size warrants.
@Suite struct DamagedFilesTests {
    @Test func survivesDamage() throws {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["FRESHET_FUZZ_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
        let mutations = environment["FRESHET_FUZZ_MUTATIONS"].flatMap { Int($0) } ?? 4000
        print("damaged files: seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        let files = try ForeignFile.all(in: ForeignFilesTests.golden).map { file in
            try (file.name, [UInt8](Data(contentsOf: URL(fileURLWithPath: file.path))))
        }
        var refused = 0
        var columns: Set<String> = []
        try withTemporaryFolder { folder in
            let path = "\(folder)/damaged.parquet"
            for _ in 0..<mutations {
                let (name, whole) = files.randomElement(using: &generator)!
                var bytes = whole
                for _ in 0..<[1, 1, 2, 5].randomElement(using: &generator)! { Self.damage(&bytes, &generator) }
                try Data(bytes).write(to: URL(fileURLWithPath: path))
                do {
                    try Self.readAll(path, batch: Int.random(in: 1...100, using: &generator))
                } catch let error as ParquetError {
                    refused += 1
                    #expect(error.path == path && !error.reason.isEmpty, "\(name), seed \(seed)")
                    if let column = error.column { columns.insert(column) }
                }
            }
        }
        #expect(refused > 1000, "seed \(seed)")
        #expect(columns.count > 10, "seed \(seed)")
    }

    /// A length that no byte backs: nothing is allocated for it.
    @Test func cutsOffAnywhere() throws {
        let whole = try [UInt8](
            Data(contentsOf: URL(fileURLWithPath: "\(ForeignFilesTests.golden)/pyarrow_delta_zstd_v2.parquet")))
        try withTemporaryFolder { folder in
            let path = "\(folder)/cut.parquet"
            for length in stride(from: 0, to: whole.count, by: 13) {
                // Its end is there, so that the footer is found, and its data are not.
                let bytes = whole.prefix(length) + whole.suffix(8)
                try Data(bytes).write(to: URL(fileURLWithPath: path))
                #expect(throws: ParquetError.self) { try Self.readAll(path, batch: 100) }
            }
        }
    }

    /// Footers of structures within structures within structures.
    @Test func staysOutOfTheDepths() throws {
        try withTemporaryFolder { folder in
            for byte: UInt8 in [0x19, 0x1C, 0x1B, 0x1A] {
                let path = "\(folder)/deep\(byte).parquet"
                let footer = [UInt8](repeating: byte, count: 2_000_000)
                let length = (0..<4).map { UInt8(truncatingIfNeeded: footer.count >> ($0 * 8)) }
                try Data("PAR1".utf8 + footer + length + "PAR1".utf8).write(to: URL(fileURLWithPath: path))
                #expect(throws: ParquetError.self) { try Self.readAll(path, batch: 100) }
            }
        }
    }

    private static func damage(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        func place() -> Int { Int.random(in: 0..<bytes.count, using: &generator) }
        guard bytes.count > 20 else { return }
        let footer = bytes[(bytes.count - 8)..<(bytes.count - 4)].reversed().reduce(0) { $0 << 8 | Int($1) }
        switch Int.random(in: 0..<9, using: &generator) {
        case 0: bytes.removeLast(Int.random(in: 1...bytes.count - 12, using: &generator))
        case 1, 2:
            let start = max(0, bytes.count - 8 - footer)
            bytes[Int.random(in: start..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        case 3: bytes[place()] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 4, 5: bytes[place() % max(1, bytes.count - 8 - footer)] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator)!
        case 6:
            // A piece of the file in another place of it.
            let (from, to) = (place(), place())
            let length = min(Int.random(in: 1...200, using: &generator), bytes.count - max(from, to))
            bytes.replaceSubrange(to..<to + length, with: Array(bytes[from..<from + length]))
        case 7:
            // A piece taken out of the data: all that follows has moved.
            let start = min(place() % max(1, bytes.count - 8 - footer), bytes.count - 13)
            bytes.removeSubrange(start..<min(start + Int.random(in: 1...30, using: &generator), bytes.count - 12))
        default:
            for _ in 0..<8 { bytes[place()] = UInt8.random(in: 0...255, using: &generator) }
        }
    }

    private static func readAll(_ path: String, batch: Int) throws(ParquetError) {
        let reader = try TableReader(path: path)
        // One after the other, so that one column's error does not hide the others.
        var failure: ParquetError?
        for position in reader.columns.indices {
            do throws(ParquetError) {
                var scan = try reader.scan([position])
                // A damaged count of rows may be true of runs: enough of them is enough.
                var rows = 0
                while rows < 100_000 {
                    let count = try scan.next(rowsMax: batch)
                    if count == 0 { break }
                    rows += count
                    let values = scan.columns[0]
                    for row in 0..<count where values.type == .string && !values.isNull(row) { _ = values.text(row) }
                }
            } catch {
                if reader.columns[position].type != nil { failure = error }
            }
        }
        if let failure { throw failure }
    }
}
