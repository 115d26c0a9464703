import RocksDB
import Testing

@Suite struct ExpiryTests {
    let scratch = Scratch()

    func row(_ shard: UInt32, _ id: UInt8, newest: Int64) -> ([UInt8], [UInt8]) {
        (bigEndian(shard) + [id], littleEndian(newest) + [id])
    }

    @Test func dropsWhatItMayAndOnlyThat() throws {
        let database = try Database(path: scratch.database)
        let kept: [([UInt8], [UInt8])] = [
            row(1, 2, newest: 101), row(1, 5, newest: .max),
            row(2, 1, newest: 51), row(2, 2, newest: 100),
            row(3, 1, newest: .min), row(0x0001_0000, 1, newest: 0),
            (bigEndian(1) + [9], [0, 0, 0, 0, 0, 0, 0]), (bigEndian(1) + [10], []),
            ([0, 0, 1], littleEndian(0)), ([], littleEndian(0)),
            row(Database.metaShard, 1, newest: 0),
        ]
        let dropped = [
            row(0, 1, newest: -7), row(1, 1, newest: 100), row(1, 3, newest: -1), row(1, 4, newest: .min), row(2, 3, newest: 50),
            (bigEndian(1), littleEndian(3)), row(0xFFFF_FFFE, 1, newest: 0),
        ]
        try database.put(kept + dropped)
        try database.compactAll()
        #expect(try database.rows().count == kept.count + dropped.count)

        for shard in [5, 4, 0, 0xFFFF_FFFE] as [UInt32] { database.setExpiryHorizon(shard: shard, newestTimeMax: 0) }
        database.setExpiryHorizon(shard: 1, newestTimeMax: 100)
        database.setExpiryHorizon(shard: 1, newestTimeMax: 40)
        database.setExpiryHorizon(shard: 2, newestTimeMax: 50)
        #expect(database.expiryHorizon(shard: 1) == 100)
        #expect(database.expiryHorizon(shard: 3) == nil)
        #expect(try database.rows().count == kept.count + dropped.count)
        try database.compactAll()
        let left = Dictionary(uniqueKeysWithValues: try database.rows().map { ($0.key, $0.value) })
        #expect(left == Dictionary(uniqueKeysWithValues: kept))
    }

    @Test func anOldVersionNeverShowsAgain() throws {
        let database = try Database(path: scratch.database)
        let older = row(1, 1, newest: 500)
        let newer = row(1, 1, newest: 10)
        try database.put([older])
        try database.flush()
        try database.put([newer])
        database.setExpiryHorizon(shard: 1, newestTimeMax: 100)
        try database.compactAll()
        #expect(try database.rows().isEmpty)

        // The other way round: the old version is dropped, the new one stays.
        try database.put([row(1, 2, newest: 10)])
        try database.flush()
        try database.put([row(1, 2, newest: 500)])
        try database.compactAll()
        #expect(try database.rows().count == 1)
    }

    @Test func horizonsAreForgottenAtClosingAndCanBeSwitchedOff() throws {
        var database = try Database(path: scratch.database)
        try database.put([row(1, 1, newest: 10)])
        database.setExpiryHorizon(shard: 1, newestTimeMax: 100)
        database.close()
        database = try Database(path: scratch.database)
        try database.compactAll()
        #expect(try database.rows().count == 1)
        database.close()

        var options = DatabaseOptions()
        options.dropsExpiredRows = false
        database = try Database(path: scratch.database, options: options)
        database.setExpiryHorizon(shard: 1, newestTimeMax: 100)
        try database.compactAll()
        #expect(try database.rows().count == 1)
    }

    /// Horizons of many shards rise while compactions run in a thread beside; what is gone at the end was below them.
    @Test func horizonsRiseWhileCompactionsRun() async throws {
        var options = DatabaseOptions()
        options.memtableBytes = 64 << 10
        let database = try Database(path: scratch.database, options: options)
        async let compactions: Void = {
            for _ in 0..<20 { try database.compactAll() }
        }()
        for round in 0..<40 as Range<Int64> {
            var batch = WriteBatch()
            for shard in 0..<32 as Range<UInt32> {
                for id in 0..<8 as Range<UInt8> {
                    let (key, value) = row(shard, id, newest: round * 10 + Int64(id))
                    batch.put(key + littleEndian(round), value)
                }
            }
            try database.write(batch, sync: false)
            for shard in 0..<32 as Range<UInt32> where shard % 2 == 0 {
                database.setExpiryHorizon(shard: shard, newestTimeMax: round * 10 - Int64(shard))
            }
        }
        try await compactions
        try database.compactAll()
        for shard in 0..<32 as Range<UInt32> {
            let left = try database.rows(prefix: bigEndian(shard)).count
            let horizon = shard % 2 == 0 ? 390 - Int64(shard) : .min
            let expected = (0..<40).flatMap { round in (0..<8).map { Int64(round * 10 + $0) } }.count { $0 > horizon }
            #expect(left == expected, "shard \(shard)")
        }
    }

    @Test func closingCancelsACompaction() async throws {
        let database = try Database(path: scratch.database)
        try database.put((0..<200_000).map { (bigEndian($0), littleEndian(1)) })
        try database.flush()
        async let compaction: Void = database.compactAll()
        // Where it is over before it was seen, there is nothing to cancel.
        var looksLeft = 10_000
        while looksLeft > 0, database.number("rocksdb.num-running-compactions") == 0 {
            looksLeft -= 1
            try await Task.sleep(for: .microseconds(100))
        }
        if looksLeft == 0 { try await compaction }
        database.close()
        try await compaction
        let reopened = try Database(path: scratch.database)
        #expect(try reopened.rows().count == 200_000)
    }
}
