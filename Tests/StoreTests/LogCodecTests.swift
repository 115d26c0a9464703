import Aggregates
import Foundation
import Records
import TestSupport
import Testing
import Windows

@testable import Store

/// The stored form of logs: what goes in comes out, corrupt bytes are refused, and the bytes stay as they are.
struct LogCodecTests {
    @Test(arguments: 1...40) func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let layout = RandomLog.layouts[Int(seed) % RandomLog.layouts.count]
        var log = RandomLog.make([1, 2, 63, 64, 65, 500].randomElement(using: &random)!, layout, using: &random)
        log.trimmedThrough = .random(in: .min...0, using: &random)
        var copy = try decoded(log, layout)
        #expect(copy.events(layout) == log.events(layout), "seed \(seed)")
        #expect(copy.trimmedThrough == log.trimmedThrough && copy.hasManyChunks == log.hasManyChunks, "seed \(seed)")
        if log.hasManyChunks { #expect(copy.nextChunkID == log.nextChunkID, "seed \(seed)") }
        _ = copy.free(layout)
        _ = log.free(layout)
    }

    @Test func emptyLog() throws {
        for layout in RandomLog.layouts {
            var copy = try decoded(TimeLog(), layout)
            #expect(copy.events(layout).isEmpty)
            _ = copy.free(layout)
        }
    }

    private func decoded(_ log: TimeLog, _ layout: LogLayout) throws -> TimeLog {
        let head = try decodeHead(headRow(log, layout), layout)
        #expect(head.newest == 77)
        var copy = TimeLog()
        copy.trimmedThrough = head.trimmedThrough
        if let chunk = head.chunk {
            let bytes = copy.install(chunk, layout)
            #expect(bytes > 0 || log.isEmpty)
        } else {
            let chunks = try chunkRows(log, layout).shuffled().map { try decodeChunk($0.row, id: $0.id, layout) }
            let bytes = copy.install(chunks: chunks, nextChunkID: head.nextChunkID, layout)
            #expect(bytes > 0)
        }
        return copy
    }

    @Test func everyTruncationIsRefused() throws {
        var random = SeededGenerator(seed: 3)
        for layout in RandomLog.layouts {
            for count in [1, 40, 70] {
                var log = RandomLog.make(count, layout, using: &random)
                let head = headRow(log, layout)
                for length in head.indices {
                    #expect(throws: CorruptBytes.self) { try decodeHead(Array(head[..<length]), layout) }
                }
                for (id, row) in chunkRows(log, layout).prefix(1) {
                    for length in row.indices {
                        #expect(throws: CorruptBytes.self) { try decodeChunk(Array(row[..<length]), id: id, layout) }
                    }
                }
                _ = log.free(layout)
            }
        }
    }

    /// RocksDB's checksums find flipped bits; should some get by, they may mislead but never crash nor take memory for good.
    @Test(arguments: 1...3) func flippedBitsDoNoHarm(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let layout = RandomLog.layouts[Int(seed) - 1]
        var log = RandomLog.make(60, layout, using: &random)
        let row = headRow(log, layout)
        _ = log.free(layout)
        for _ in 0..<1_500 {
            var bytes = row
            for _ in 0...Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            guard let head = try? decodeHead(bytes, layout), let chunk = head.chunk else { continue }
            #expect(chunk.events(layout).count <= 64)
            var misled = TimeLog()
            _ = misled.install(chunk, layout)
            #expect(misled.events(layout).count <= 64)
            _ = misled.free(layout)
        }
    }

    /// A long text at the front is in the chunk's heap already when the end turns out to be missing.
    @Test func refusedRowsTakeNoMemory() throws {
        let layout = LogLayout([(.text, [.distinct]), (.double, [.sum])])
        var log = TimeLog()
        var removed: [UInt32] = []
        var held = 0
        let batch = EventBatch(columnCount: 2, capacity: 1)
        let text = [UInt8](repeating: 7, count: 1 << 20)
        batch.times[0] = 5
        batch.valid[0][0] = 1
        batch.valid[1][0] = 1
        batch.words[1][0] = 0
        batch.words[0][0] = unsafe text.withUnsafeBytes { unsafe batch.text.append($0) }.word
        batch.count = 1
        log.insert(batch, row: 0, horizon: LogHorizon(reach: .min), removed: &removed, bytes: &held, layout)
        let row = Array(headRow(log, layout).dropLast())
        _ = log.free(layout)
        let before = try residentBytes()
        for _ in 0..<400 { #expect(throws: CorruptBytes.self) { try decodeHead(row, layout) } }
        let grown = try residentBytes() - before
        #expect(grown < 200 << 20, "400 rows of a megabyte left \(grown) bytes")
    }

    private func residentBytes() throws -> Int {
        let statm = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return try #require(Int(statm.split(separator: " ")[1])) * 4096
    }

    @Test func aChunkRowWithoutEventsIsRefused() {
        var writer = ByteWriter()
        writer.append(Int64(5))
        writer.append(LogCodec.format)
        writer.append(varint: 0)
        let row = writer.bytes
        #expect(throws: CorruptBytes.self) { try decodeChunk(row, id: 1, RandomLog.layouts[1]) }
    }

    @Test func golden() throws {
        for (number, layout) in RandomLog.layouts.enumerated() {
            var random = SeededGenerator(seed: 1)
            var short = RandomLog.make(20, layout, using: &random)
            short.trimmedThrough = -3
            #expect(try Golden.matches(headRow(short, layout), "head-one-chunk-\(number)"), "the stored form has changed")
            var long = RandomLog.make(70, layout, using: &random)
            #expect(try Golden.matches(headRow(long, layout), "head-many-chunks-\(number)"), "the stored form has changed")
            #expect(try Golden.matches(chunkRows(long, layout)[0].row, "chunk-\(number)"), "the stored form has changed")
            _ = short.free(layout)
            _ = long.free(layout)
        }
    }

    /// A log of many chunks, full ones too, of columns that have much in common.
    @Test func manyRegularChunks() throws {
        let layout = RandomLog.regularLayout
        var random = SeededGenerator(seed: 9)
        var log = RandomLog.makeRegular(700, using: &random)
        let rows = chunkRows(log, layout)
        #expect(rows.count > 5)
        #expect(try Golden.matches(headRow(log, layout), "head-regular"), "the stored form has changed")
        #expect(try Golden.matches(rows.flatMap { $0.row }, "chunks-regular"), "the stored form has changed")
        // Ids 2 bytes, offsets, partitions, times and one value next to nothing, texts one and some 16, numbers 1.
        #expect(rows.allSatisfy { $0.row.count < 128 * 22 + 100 })
        var copy = try decoded(log, layout)
        #expect(copy.events(layout) == log.events(layout))
        _ = copy.free(layout)
        _ = log.free(layout)
    }

    /// Numbers at the ends of their range, whose distances from each other do not fit; and steps that do where they do not.
    @Test func numbersAtTheirEnds() throws {
        var random = SeededGenerator(seed: 10)
        let ends: [Int64] = [.min, .max, .min + 1, .max - 1, 0, -1, 1 << 62, -(1 << 62)]
        for count in [1, 2, 3, 64, 127, 128] {
            for kind in 0..<5 {
                let numbers = (0..<count).map { index -> Int64 in
                    switch kind {
                    case 0: ends.randomElement(using: &random)!
                    case 1: .random(in: .min ... .max, using: &random)
                    case 2: .min &+ Int64(index) &* ((1 << 57) - 1)
                    case 3: .max - Int64(index)
                    default: .min
                    }
                }
                let bytes = encoded(numbers)
                #expect(try decoded(bytes, count: count) == numbers, "kind \(kind), \(count)")
                for length in bytes.indices {
                    #expect(throws: CorruptBytes.self) { try decoded(Array(bytes[..<length]), count: count) }
                }
            }
        }
    }

    private func encoded(_ numbers: [Int64]) -> [UInt8] {
        var writer = ByteWriter()
        LogCodec.withNumbers { lane in
            for (index, number) in numbers.enumerated() { lane[index] = number }
            LogCodec.encode(lane, count: numbers.count, into: &writer)
        }
        return writer.bytes
    }

    private func decoded(_ bytes: [UInt8], count: Int) throws -> [Int64] {
        try unsafe bytes.withUnsafeBytes { bytes in
            var reader = unsafe ByteReader(bytes)
            return try LogCodec.withNumbers { (lane) throws(CorruptBytes) in
                try LogCodec.decode(lane, count: count, from: &reader)
                return (0..<count).map { lane[$0] }
            }
        }
    }

    @Test func tilesComeBack() throws {
        let layout = RandomLog.tiledLayout
        var random = SeededGenerator(seed: 12)
        var log = RandomLog.make(1_000, layout, using: &random, settled: true)
        let rows = tileRows(log, layout)
        #expect(rows.count > 1 && tileRows(log, layout).isEmpty, "written once")
        #expect(try Golden.matches(rows[0].row, "tiles"), "the stored form has changed")
        var copy = try decoded(log, layout)
        let bytes = copy.install(tiles: try rows.shuffled().map { try decodeTiles($0.row, id: $0.id, layout) }, layout)
        #expect(bytes > 0 && copy.hasTiles && copy.tiledThrough == log.tiledThrough)
        for range in [Int64.min..<Int64.max, 3..<7, -40..<100, 5..<5] + (0..<30).map({ Int64($0) * 9..<Int64($0) * 11 }) {
            let (first, second) = (log.tileSums(range, memo: 0, layout)!, copy.tileSums(range, memo: 0, layout)!)
            #expect(first.eventCount(0) == second.eventCount(0) && first.eventCount(0) == log.tiledEvents(range))
            for column in 0..<layout.columnCount {
                #expect(first.valueCount(0, column, layout) == second.valueCount(0, column, layout))
                #expect(first.valueCount(0, column, layout) == copy.tiledValues(column, range, layout))
            }
            #expect(first.moments(0, 0, layout) == second.moments(0, 0, layout))
            #expect(first.doubleMoments(0, 2, layout).words == second.doubleMoments(0, 2, layout).words)
        }
        for length in rows[0].row.indices {
            #expect(throws: CorruptBytes.self) { try decodeTiles(Array(rows[0].row[..<length]), id: 3, layout) }
        }
        _ = log.free(layout)
        _ = copy.free(layout)
    }

    // MARK: - Rows as arrays

    private func headRow(_ log: TimeLog, _ layout: LogLayout) -> [UInt8] {
        var writer = ByteWriter()
        LogCodec.encodeHead(log, newest: 77, layout, into: &writer)
        return writer.bytes
    }

    private func chunkRows(_ log: TimeLog, _ layout: LogLayout) -> [(id: UInt32, row: [UInt8])] {
        var rows: [(id: UInt32, row: [UInt8])] = []
        log.forEachChunk(layout) { chunk in
            var writer = ByteWriter()
            LogCodec.encodeChunk(chunk, layout, into: &writer)
            rows.append((chunk.id, writer.bytes))
        }
        return rows
    }

    private func decodeHead(_ row: [UInt8], _ layout: LogLayout) throws -> LogCodec.DecodedHead {
        try unsafe row.withUnsafeBytes { bytes in try unsafe LogCodec.decodeHead(bytes, layout) }
    }

    private func decodeChunk(_ row: [UInt8], id: UInt32, _ layout: LogLayout) throws -> Chunk {
        guard case .chunk(let chunk) = try decodePart(row, id: id, layout) else { throw CorruptBytes() }
        return chunk
    }

    private func decodeTiles(_ row: [UInt8], id: UInt32, _ layout: LogLayout) throws -> TileBlock {
        guard case .tiles(let block) = try decodePart(row, id: id, layout) else { throw CorruptBytes() }
        return block
    }

    private func decodePart(_ row: [UInt8], id: UInt32, _ layout: LogLayout) throws -> LogCodec.DecodedPart {
        try unsafe row.withUnsafeBytes { bytes in try unsafe LogCodec.decodePart(bytes, id: id, layout) }
    }

    private func tileRows(_ log: TimeLog, _ layout: LogLayout) -> [(id: UInt32, row: [UInt8])] {
        var rows: [(id: UInt32, row: [UInt8])] = []
        log.takeDirtyTiles { block in
            var writer = ByteWriter()
            LogCodec.encodeTiles(block, layout, into: &writer)
            rows.append((block.id, writer.bytes))
        }
        return rows
    }
}
