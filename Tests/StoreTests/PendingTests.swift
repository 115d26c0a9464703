import Engine
import Pipelines
import Records
import RocksDB
import TestSupport
import Testing

@testable import Store

/// Rows that wait for the watermark survive commits, evictions and restarts, each once.
struct PendingTests {
    @Test(arguments: 1...20) func everyRowOnce(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let cards = try Cards(windows: "[10s]", snapshots: .final)
        var shard = cards.newShard()
        let rows = RowBuffer(entity: cards.program.entityTypes, values: cards.program.valueTypes, capacity: 64)
        var offsets: [Int64] = []
        var applied = 0
        var committedOffsets = 0
        var now: Int64 = 1_000_000_000

        func finish(_ shard: inout Shard, _ watermark: EventTime, now: Bool) throws {
            shard.collectReady(watermark: watermark, now: now)
            try cards.store.bring(&shard, cards.id)
            while true {
                let goesOn = shard.finishRows(rows)
                offsets += (0..<rows.count).map { rows.offsets[$0] }
                rows.removeAll()
                if !goesOn { return }
            }
        }

        for _ in 0..<60 {
            let events = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                now += Int64.random(in: 0...100_000, using: &random)
                let time = now - Int64.random(in: 0...2_000_000, using: &random)
                return ("card \(Int.random(in: 0...5, using: &random))", time, Int64(1), "")
            }
            try cards.apply(&shard, events)
            applied += events.count
            let watermark = EventTime(microseconds: now - 2_000_001)
            try finish(&shard, watermark, now: random.isOneIn(3))
            guard random.isOneIn(2) else { continue }
            try finish(&shard, watermark, now: true)
            try cards.commit(&shard)
            committedOffsets = offsets.count
            if random.isOneIn(2) { shard.evict(to: 0) }
            if random.isOneIn(3) { shard = try cards.reopened() }
        }
        #expect(committedOffsets <= offsets.count)
        try finish(&shard, .distantFuture, now: true)
        #expect(offsets.sorted() == Array(0..<Int64(applied)), "seed \(seed)")
    }

    @Test func golden() throws {
        let cards = try Cards(windows: "[10s]", snapshots: .final)
        var shard = cards.newShard()
        try cards.apply(&shard, [("one", 5_000_000, 1, "a"), ("two", -7, 2, ""), ("", 6_000_000, 3, "b")])
        try cards.commit(&shard)
        var row: [UInt8] = []
        try cards.withDatabase { database in
            let key: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            try unsafe key.withUnsafeBytes { key in
                try unsafe database.get(key) { value in if let value = unsafe value { unsafe row = Array(value) } }
            }
        }
        #expect(!row.isEmpty)
        #expect(try Golden.matches(row, "pending"), "the stored form has changed")
    }

    @Test func aCorruptRunIsRefused() throws {
        let cards = try Cards(windows: "[10s]", snapshots: .final)
        var shard = cards.newShard()
        try cards.apply(&shard, [("one", 5_000_000, 1, "a"), ("two", 7, 2, "")])
        try cards.commit(&shard)
        let key: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        for value in [[1], [UInt8](repeating: 0xFF, count: 40), nil] as [[UInt8]?] {
            try cards.withDatabase { database in
                var batch = WriteBatch()
                unsafe key.withUnsafeBytes { key in
                    if let value { unsafe value.withUnsafeBytes { unsafe batch.put(key, $0) } } else { unsafe batch.delete(key) }
                }
                try database.write(batch, sync: true)
            }
            #expect(throws: StoreError.self) { _ = try cards.reopened() }
        }
    }
}
