import Records
import TestSupport
import Testing

@testable import Store

/// The checkpoint row: what goes in comes out, corrupt bytes are refused, and the bytes stay as they are.
struct CheckpointTests {
    private static func random(_ seed: UInt64) -> Checkpoint {
        var random = SeededGenerator(seed: seed)
        var checkpoint = Checkpoint(
            plan: Array("p€ \(seed)".utf8), sliceCount: 8, sourceCount: Int.random(in: 0...3, using: &random))
        checkpoint.rowsFrom = time(&random)
        checkpoint.rowsTo = time(&random)
        for index in checkpoint.sources.indices {
            for partition in 0..<Int32.random(in: 0...9, using: &random) {
                checkpoint.sources[index].positions[partition * 7] = Checkpoint.Position(
                    nextOffset: .random(in: 0...(.max), using: &random), newest: time(&random))
            }
            checkpoint.sources[index].counters = (0..<7).map { _ in .random(in: 0...(.max), using: &random) }
        }
        for slice in 0..<Int.random(in: 0...20, using: &random) {
            var state = Checkpoint.ShardState()
            state.finishedThrough = time(&random)
            state.expiredThrough = time(&random)
            state.pending = (0..<Int.random(in: 0...3, using: &random)).map {
                Checkpoint.PendingRun(sequence: UInt64($0) * 300, newest: time(&random).microseconds)
            }
            state.nextSequence = .random(in: 0...(.max), using: &random)
            checkpoint.shards[ShardID(view: slice % 3, slice: slice)] = state
        }
        checkpoint.offlineLog = (0..<Int.random(in: 0...300, using: &random)).map { _ in .random(in: 0...255, using: &random) }
        checkpoint.deadLetterBytes = .random(in: 0...(.max), using: &random)
        if !random.isOneIn(3) {
            checkpoint.emission = Checkpoint.Emission(
                topic: "t€ \(seed)", number: .random(in: 0...(.max), using: &random), isClosed: random.isOneIn(2))
        }
        return checkpoint
    }

    private static func time(_ random: inout SeededGenerator) -> EventTime {
        EventTime(microseconds: random.isOneIn(5) ? .min : .random(in: 0...(.max), using: &random))
    }

    private func encoded(_ checkpoint: Checkpoint) -> [UInt8] {
        var writer = ByteWriter()
        checkpoint.encode(into: &writer)
        return writer.bytes
    }

    private func decoded(_ bytes: [UInt8]) throws -> Checkpoint {
        try unsafe bytes.withUnsafeBytes { bytes in
            var reader = unsafe ByteReader(bytes)
            return try Checkpoint(decoding: &reader)
        }
    }

    @Test(arguments: 1...50) func roundTrip(seed: UInt64) throws {
        let checkpoint = Self.random(seed)
        #expect(try decoded(encoded(checkpoint)) == checkpoint, "seed \(seed)")
    }

    @Test func everyTruncationIsRefused() {
        let bytes = encoded(Self.random(2))
        for length in bytes.indices { #expect(throws: CorruptBytes.self) { try decoded(Array(bytes[..<length])) } }
    }

    @Test(arguments: 1...10) func flippedBitsDoNoHarm(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = encoded(Self.random(seed))
        for _ in 0..<1_000 {
            var flipped = bytes
            for _ in 0...Int.random(in: 0...3, using: &random) {
                flipped[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            _ = try? decoded(flipped)
        }
    }

    /// Numbers that no commit writes.
    @Test func nonsenseIsRefused() {
        var writer = ByteWriter()
        writer.append(Checkpoint.format)
        writer.append(varint: 0)
        writer.append(varint: .max)
        let slices = writer.bytes + [UInt8](repeating: 0, count: 24)
        #expect(throws: CorruptBytes.self) { try decoded(slices) }
        var shards = encoded(Checkpoint(plan: [], sliceCount: 1, sourceCount: 0))
        let shardCount = shards.count - 4
        shards.replaceSubrange(shardCount...shardCount, with: [1, 0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 18))
        #expect(throws: CorruptBytes.self) { try decoded(shards) }
    }

    /// What was written before logs had their present form.
    @Test(arguments: 1...10) func formatsBeforeAreRefused(seed: UInt64) {
        let bytes = encoded(Self.random(seed))
        for format in 0..<Checkpoint.format {
            #expect(throws: CorruptBytes.self, "seed \(seed)") { try decoded([format] + bytes.dropFirst()) }
        }
    }

    @Test func golden() throws {
        #expect(try Golden.matches(encoded(Self.random(4)), "checkpoint"), "the stored form has changed")
    }
}
