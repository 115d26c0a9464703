import Foundation
import Glibc
import Testing

@testable import Parquet

/// Decoders give the same numbers in pieces of any size, and readers hold pieces only.
@Suite struct PieceTests {
    @Test func runsInPieces() throws {
        for seed in UInt64(0)..<60 {
            var generator = SeededGenerator(seed: seed)
            let width = Int.random(in: 1...32, using: &generator)
            var values: [UInt32] = []
            while values.count < 2000 {
                let value = UInt32(truncatingIfNeeded: generator.next() >> UInt64(64 - width))
                values += Array(repeating: value, count: [1, 1, 3, 8, 70, 300].randomElement(using: &generator)!)
            }
            var buffer = ByteBuffer()
            unsafe buffer.append(hybrid: values, count: values.count, width: width)
            unsafe _ = buffer.reserve(ByteBuffer.padding)
            var decoder = unsafe try HybridDecoder(ByteReader(buffer.bytes), width: width)
            let found = try pieces(values.count, &generator) { try decoder.numbers($0) }
            #expect(found == values, "seed \(seed)")
            // Behind the last number there may be the padding of its group, and no more.
            #expect(throws: CorruptBytes.self) { try decoder.numbers(8) }
        }
    }

    @Test func deltasInPieces() throws {
        for seed in UInt64(0)..<100 {
            var generator = SeededGenerator(seed: seed)
            let wraps32 = Bool.random(using: &generator)
            let bits = Int64.random(in: 0...63, using: &generator)
            let values = (0..<Int.random(in: 0...700, using: &generator)).map { _ in
                let value = Int64(bitPattern: generator.next()) >> bits
                return wraps32 ? Int64(Int32(truncatingIfNeeded: value)) : value
            }
            var buffer = ByteBuffer()
            unsafe buffer.append(delta: values, count: values.count, wraps32: wraps32)
            buffer.append(0xAB)
            unsafe _ = buffer.reserve(ByteBuffer.padding)
            var decoder = unsafe try DeltaDecoder(ByteReader(buffer.bytes), wraps32: wraps32)
            let end = try decoder.end()
            #expect(end.left == 1, "seed \(seed)")
            let found = try pieces(values.count, &generator) { try decoder.numbers($0) }
            #expect(found == values, "seed \(seed)")
            #expect(throws: CorruptBytes.self) { try decoder.numbers(1) }
        }
    }

    private func pieces<Word>(
        _ count: Int, _ generator: inout SeededGenerator, _ next: (Int) throws -> [Word]
    ) throws -> [Word] {
        var words: [Word] = []
        while words.count < count {
            words += try next(min(Int.random(in: 0...200, using: &generator), count - words.count))
        }
        return words
    }

    /// One row group whose columns have 160 MB decoded, read with less than 48 MB; written by another process, whose memory the
    /// reading could otherwise use again.
    @Test func holdsPiecesOnly() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("parquet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("large.parquet").path
        let rows = 1 << 20
        let columns = (1...20).map { step in
            TableColumn("c\(step)", .int64, words: (0..<rows).map { Int64($0 &* step &* 1_000_003) })
        }
        _ = try Table(columns: columns, groups: [rows]).write(to: path)
        await #expect(processExitsWith: .success) { [path = path as String, rows = rows as Int] in
            let before = try residentBytes()
            let reader = try TableReader(path: path)
            var scan = try reader.scan(Array(reader.columns.indices))
            var rowsRead = 0
            var most = 0
            while true {
                let count = try scan.next(rowsMax: 4096)
                if count == 0 { break }
                rowsRead += count
                guard scan.columns[19].words[count - 1] == Int64((rowsRead - 1) * 20 * 1_000_003) else { fatalError("a value") }
                most = max(most, try residentBytes() - before)
            }
            guard rowsRead == rows, most < 48 << 20 else { fatalError("\(rowsRead) rows, \(most) bytes more") }
        }
    }

    /// A batch of long texts ends early, and the rows of all columns stay together.
    @Test func longTextsMakeShortBatches() throws {
        let long = String(repeating: "x", count: 40_000)
        let texts = TableColumn("text", texts: (0..<3000).map { "\($0) \(long)" })
        let numbers = TableColumn("number", .int64, words: (0..<3000).map { $0 })
        try withTemporaryFolder { folder in
            let path = "\(folder)/long.parquet"
            _ = try Table(columns: [numbers, texts], groups: [3000]).write(to: path)
            var scan = try TableReader(path: path).scan([1, 0])
            var counts: [Int] = []
            var start = 0
            while true {
                let count = try scan.next(rowsMax: 10_000)
                if count == 0 { break }
                for row in 0..<count {
                    let text = scan.columns[0].text(row)
                    let number = scan.columns[1].words[row]
                    guard number == start + row, text.starts(with: "\(number) x".utf8) else {
                        Issue.record("row \(start + row): \(number), \(text.prefix(10))")
                        return
                    }
                }
                start += count
                counts.append(count)
            }
            #expect(counts == [2048, 952])
        }
    }

    @Test func microsecondsRoundDown() {
        #expect(TimestampUnit.nanoseconds.microseconds(-1) == -1)
        #expect(TimestampUnit.nanoseconds.microseconds(-1000) == -1)
        #expect(TimestampUnit.nanoseconds.microseconds(-1001) == -2)
        #expect(TimestampUnit.nanoseconds.microseconds(1999) == 1)
        #expect(TimestampUnit.nanoseconds.microseconds(.min) == -9_223_372_036_854_776)
        #expect(TimestampUnit.microseconds.microseconds(.min) == .min)
        #expect(TimestampUnit.milliseconds.microseconds(-7) == -7000)
        #expect(TimestampUnit.milliseconds.microseconds(9_223_372_036_854_775) == 9_223_372_036_854_775_000)
        #expect(TimestampUnit.milliseconds.microseconds(9_223_372_036_854_776) == nil)
    }
}

extension HybridDecoder {
    fileprivate mutating func numbers(_ count: Int) throws(CorruptBytes) -> [UInt32] {
        var numbers = [UInt32](repeating: 0, count: count)
        try unsafe numbers.withUnsafeMutableBufferPointer { (buffer) throws(CorruptBytes) in
            guard let base = buffer.baseAddress else { return }
            try unsafe next(count, into: base)
        }
        return numbers
    }
}

extension DeltaDecoder {
    fileprivate mutating func numbers(_ count: Int) throws(CorruptBytes) -> [Int64] {
        var numbers = [Int64](repeating: 0, count: count)
        try unsafe numbers.withUnsafeMutableBufferPointer { (buffer) throws(CorruptBytes) in
            guard let base = buffer.baseAddress else { return }
            try unsafe next(count, into: base)
        }
        return numbers
    }
}

/// The process's own memory.
private func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let pages = text.split(separator: " ").compactMap { Int($0) }
    return pages[1] * sysconf(Int32(_SC_PAGESIZE))
}
