import Records
import RocksDB
import TestSupport
import Testing
import Windows

@testable import Engine
@testable import Store

/// What was committed is what comes back, no more and no less.
struct StateStoreTests {
    private static let second: Int64 = 1_000_000

    @Test(arguments: 1...6) func whatComesBackIsWhatWasThere(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let cards = try Cards(windows: seed % 2 == 0 ? "[10s, 1m, lifetime]" : "[10s, 1m]")
        var live = cards.newShard()
        var now: Int64 = 1_000 * Self.second
        let names = (0..<20).map { String(repeating: "x", count: $0) }
        for _ in 0..<40 {
            let events = (0..<Int.random(in: 1...400, using: &random)).map { _ in
                now += Int64.random(in: 0...100_000, using: &random)
                // Half of the events belong to one card, whose log becomes long.
                let name = random.isOneIn(2) ? names[3] : names.randomElement(using: &random)!
                let time = now - Int64.random(in: 0...5, using: &random) * Self.second
                return (
                    name, time, Int64.random(in: -9...9, using: &random),
                    String(repeating: "t", count: Int.random(in: 0...12, using: &random))
                )
            }
            try cards.apply(&live, events)
            live.advance(to: EventTime(microseconds: now - 6 * Self.second))
            if random.isOneIn(3) { live.expiredThrough = cards.program.reach(at: live.finishedThrough) }
            if random.isOneIn(2) { try cards.commit(&live) }
            if random.isOneIn(10) { try cards.store.compact() }
        }
        try cards.commit(&live)
        var back = try cards.reopened()
        for name in names {
            try cards.bring(&back, name)
            for _ in 0..<10 {
                // Behind the watermark, events may have left.
                let time = now + Int64.random(in: -6_000_000...70_000_000, using: &random)
                #expect(values(live, name, time) == values(back, name, time), "card \(name) at \(time), seed \(seed)")
            }
        }
        // The chunks in the store are those of the live logs, but for what compaction took of those out of reach.
        var expected: Set<[UInt8]> = []
        for name in names {
            guard let log = log(live, name), log.hasManyChunks else { continue }
            log.forEachChunk(cards.program.layout) { chunk in
                let chunkID = (0..<4).map { UInt8(truncatingIfNeeded: chunk.id >> (24 - 8 * $0)) }
                expected.insert([0, 0, 0, UInt8(name.utf8.count)] + Array(name.utf8) + [1] + chunkID)
            }
        }
        let stored = Set(try cards.keys().filter { $0[12 + 4 + Int($0[15])] == 1 }.map { Array($0[12...]) })
        if seed % 2 == 0 {
            #expect(stored == expected, "seed \(seed)")
        } else {
            #expect(stored.isSubset(of: expected), "seed \(seed)")
        }
    }

    /// However many cards come once, those that come again stay; but not for ever.
    @Test func whatIsUsedAgainOutstaysWhatIsUsedOnce() throws {
        let cards = try Cards(windows: "[lifetime]")
        var shard = cards.newShard()
        let often = (0..<50).map { "often \($0)" }
        var time: Int64 = 0
        for round in 0..<6 {
            for names in [often, (0..<500).map { "round \(round) \($0)" }, often] {
                try cards.apply(
                    &shard,
                    names.map { name in
                        time += 1
                        return (name, time, 1, "")
                    })
            }
            try cards.commit(&shard)
            shard.evict(to: shard.bytes / 2)
            #expect(often.allSatisfy { log(shard, $0) != nil }, "round \(round)")
            let left = (0..<500).count { log(shard, "round \(round) \($0)") != nil }
            #expect(left < 500, "round \(round): none of the cards that came once has left")
        }
        for _ in 0..<2 { shard.evict(to: shard.bytes / 4) }
        #expect(!often.allSatisfy { log(shard, $0) != nil })
    }

    @Test func entitiesOutOfReachGoAndComeBackAnew() throws {
        let cards = try Cards(windows: "[10s]")
        var shard = cards.newShard()
        let start = 1_000 * Self.second
        try cards.apply(&shard, [("short", start, 1, "a")])
        try cards.apply(&shard, (0..<500).map { ("long", start + Int64($0), 1, "a") })
        try cards.apply(&shard, [("kept", start + 20 * Self.second, 1, "a")])
        shard.advance(to: EventTime(microseconds: start + 15 * Self.second))
        try cards.commit(&shard)
        try cards.store.compact()
        #expect(try cards.keys().count == 3 + 4, "nothing goes before the horizon rises")
        shard.expiredThrough = cards.program.reach(at: shard.finishedThrough)
        try cards.commit(&shard)
        try cards.store.compact()
        let left = try cards.keys()
        #expect(left.count == 1 && left[0].count == 12 + 4 + 4 + 1, "only the head of the card in reach is left")
        var back = try cards.reopened()
        for card in ["short", "long"] {
            try cards.apply(&back, [(card, start + 18 * Self.second, 5, "b")])
            #expect(values(back, card, start + 20 * Self.second) == ["1", "5", "0", "b", "1"])
        }
        #expect(log(back, "long")?.trimmedThrough == start + 5 * Self.second)
    }

    /// Compaction takes the older chunks of a log that goes on; the log that is brought back knows that they are gone.
    @Test func olderChunksGoAndAreMissed() throws {
        let cards = try Cards(windows: "[10s]")
        var shard = cards.newShard()
        let start = 1_000 * Self.second
        try cards.apply(&shard, (0..<500).map { ("long", start + Int64($0) * Self.second / 10, 1, "a") })
        shard.advance(to: EventTime(microseconds: start + 50 * Self.second))
        try cards.commit(&shard)
        let before = try cards.keys().count
        var whole = try cards.reopened()
        try cards.bring(&whole, "long")
        #expect(log(whole, "long")?.trimmedThrough == .min, "nothing is gone yet")
        shard.expiredThrough = cards.program.reach(at: shard.finishedThrough)
        try cards.commit(&shard)
        try cards.store.compact()
        #expect(try 1 < cards.keys().count && cards.keys().count < before)
        var back = try cards.reopened()
        try cards.bring(&back, "long")
        #expect(log(back, "long")?.trimmedThrough == start + 40 * Self.second)
    }

    /// Compaction may have taken the head of a long log and not yet all of its chunks: what is left of it must not mix with the
    /// log that begins anew under the same name.
    @Test(arguments: 0..<8) func chunksLeftOfAnExpiredLog(leftover: UInt8) throws {
        let cards = try Cards(windows: "[10s]")
        var shard = cards.newShard()
        let start = 1_000 * Self.second
        try cards.apply(&shard, (0..<500).map { ("card", start + Int64($0), 1, "a") })
        shard.advance(to: EventTime(microseconds: start + 100 * Self.second))
        shard.expiredThrough = cards.program.reach(at: shard.finishedThrough)
        try cards.commit(&shard)
        try keepOnly(chunk: leftover, cards)
        shard = try cards.reopened()
        let again = start + 200 * Self.second
        // A long log of two chunks is stored and brought back, and what was left over with it.
        try cards.apply(&shard, (0..<66).map { ("card", again + 500_000 - Int64($0), 1, "b") })
        try cards.commit(&shard)
        shard = try cards.reopened()
        var total = 66
        for turn in 0..<12 {
            // First between the others, so that chunks split and nothing leaves at the front; then behind all.
            let time = turn < 6 ? again + Int64(turn) * 1_000 : again + 600_000 + Int64(turn) * 1_000
            try cards.apply(&shard, (0..<60).map { ("card", time + Int64($0), 1, "b") })
            total += 60
            try cards.commit(&shard)
        }
        shard = try cards.reopened()
        try cards.bring(&shard, "card")
        #expect(values(shard, "card", again + Self.second)?.first == "\(total)")
    }

    private func keepOnly(chunk: UInt8, _ cards: Cards) throws {
        let keys = try cards.keys()
        try cards.withDatabase { database in
            var batch = WriteBatch()
            for key in keys where key.last != chunk || key[key.count - 5] != 1 {
                unsafe key.withUnsafeBytes { unsafe batch.delete($0) }
            }
            try database.write(batch, sync: true)
        }
    }

    // MARK: - Values of one card

    private func log(_ shard: borrowing Shard, _ card: String) -> TimeLog? {
        var arena = TextArena()
        let text = arena.append(card)
        var key = TextArena()
        unsafe EntityKey.append(text.word, type: .string, texts: arena, to: &key)
        let bytes = unsafe key.bytes(TextReference(offset: 0, length: key.count))
        guard let index = unsafe shard.table.find(EntityKey.hash(bytes), bytes) else { return nil }
        return shard.table.entities[index].log
    }

    private func values(_ shard: borrowing Shard, _ card: String, _ time: Int64) -> [String]? {
        guard let log = log(shard, card) else { return nil }
        let program = shard.program
        let rows = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: 1)
        var evaluator = Evaluator(program)
        evaluator.evaluate(log, at: time, into: rows, row: 0)
        return rows.values.map { column in
            guard column.valid[0] == 1 else { return "null" }
            return column.type == .string ? rows.text.string(TextReference(word: column.words[0])) : "\(column.words[0])"
        }
    }
}
