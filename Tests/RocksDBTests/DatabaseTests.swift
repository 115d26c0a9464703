import RocksDB
import Testing

@Suite struct DatabaseTests {
    let scratch = Scratch()

    @Test func rowsComeBack() throws {
        let big = (0..<10_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let rows: [([UInt8], [UInt8])] = [([], [1]), ([0], []), ([0, 0], [2, 3]), ([0xFF], big), ([0xFF, 0xFF], [9])]
        for pass in 0..<3 {
            let database = try Database(path: scratch.database)
            if pass == 0 { try database.put(rows, sync: true) }
            if pass == 1 { try database.flush() }
            for (key, value) in rows {
                #expect(try database.value(key) == value)
            }
            #expect(try database.value([1]) == nil)
            #expect(try database.values(rows.map(\.0) + [[1], [0xFF]]) == rows.map(\.1) + [nil, big])
            #expect(try database.rows().map(\.key) == rows.map(\.0))
            database.close()
        }
    }

    @Test(arguments: [DatabaseOptions.Compression.none, .lz4, .zstd]) func manyKeysAtOnce(
        compression: DatabaseOptions.Compression
    ) throws {
        var options = DatabaseOptions()
        options.compression = compression
        // Small, so that rows get down to the levels that are compressed.
        options.levelOneBytes = 16 << 10
        let database = try Database(path: scratch.database, options: options)
        var random = SplitMix(state: 7)
        var model = Model()
        for _ in 0..<5 {
            var batch = WriteBatch()
            for _ in 0..<2_000 {
                let key = bigEndian(UInt32.random(in: 0..<10_000, using: &random))
                let value = Array(
                    repeating: UInt8.random(in: 0...255, using: &random), count: Int.random(in: 0..<200, using: &random))
                batch.put(key, value)
                model.rows[key] = value
            }
            try database.write(batch, sync: false)
            if random.next() % 2 == 0 { try database.flush() } else { try database.compactAll() }
        }
        try database.compactAll()
        let size = try #require(database.number("rocksdb.total-sst-files-size"))
        #expect(compression == .none ? size > 500_000 : size < 400_000, "values of one byte each compress: \(size) bytes")
        let ordered = (0..<10_000).map { bigEndian($0) }
        #expect(try database.values(ordered) == ordered.map { model.rows[$0] })
        let shuffled = (ordered + ordered[0..<500]).shuffled(using: &random)
        #expect(try database.values(shuffled) == shuffled.map { model.rows[$0] })
        #expect(try database.values(shuffled, caching: false) == shuffled.map { model.rows[$0] })
        #expect(try database.values([]).isEmpty)
    }

    /// Rows that only a memtable holds are found through its filter, others past it.
    @Test(arguments: [0, 0.02, 0.25]) func memtablesAreReadThroughTheirFilters(share: Double) throws {
        var options = DatabaseOptions()
        options.memtableFilterShare = share
        options.memtableBytes = 1 << 20
        let database = try Database(path: scratch.database, options: options)
        try database.put((0..<3_000).map { (bigEndian($0 * 2), littleEndian(Int64($0))) })
        try database.flush()
        try database.put((1_000..<5_000).map { (bigEndian($0 * 2), littleEndian(-Int64($0))) })
        let found = try database.values((0..<10_002).map { bigEndian($0) })
        for key in 0..<10_002 {
            let number = Int64(key / 2)
            let expected = key % 2 == 1 || number >= 5_000 ? nil : littleEndian(number < 1_000 ? number : -number)
            #expect(found[key] == expected, "key \(key)")
        }
    }

    @Test(arguments: [true, false]) func onlyAJournalKeepsWhatWasNotFlushed(keepsJournal: Bool) throws {
        var options = DatabaseOptions()
        options.keepsJournal = keepsJournal
        let database = try Database(path: scratch.database, options: options)
        try database.put([(bigEndian(1), [1])], sync: true)
        try database.flush()
        try database.put([(bigEndian(2), [2])], sync: true)
        try database.put([(bigEndian(3), [3])])
        #expect(try database.values([1, 2, 3].map { bigEndian($0) }) == [[1], [2], [3]])
        // What a process leaves that dies now.
        let copy = try Database(path: scratch.copy(scratch.database, to: "copy"))
        #expect(try copy.rows().map(\.value) == (keepsJournal ? [[1], [2], [3]] : [[1]]))
    }

    @Test func multiGetStopsAtTheBodysError() throws {
        let database = try Database(path: scratch.database)
        try database.put((0..<600).map { (bigEndian($0), [1]) })
        var list = KeyList()
        for number in 0..<600 as Range<UInt32> { unsafe bigEndian(number).withUnsafeBytes { unsafe list.append($0) } }
        let (count, isSorted) = (list.count, list.isSorted)
        #expect(count == 600 && isSorted)
        let raised = RocksDBError(kind: .corruption, operation: "decode", path: "row 300", message: "bad")
        var seen = 0
        do throws(RocksDBError) {
            try unsafe database.multiGet(list) { index, _ throws(RocksDBError) in
                if index == 300 { throw raised }
                seen += 1
            }
            Issue.record("no error")
        } catch {
            #expect(error == raised)
        }
        #expect(seen == 300)
        list.removeAll()
        let (countAfter, bytesAfter) = (list.count, list.byteCount)
        #expect(countAfter == 0 && bytesAfter == 0)
    }

    @Test func scansKeepToTheirBounds() throws {
        let database = try Database(path: scratch.database)
        let parts: [[UInt8]] = [
            [], [0], [1], [0xFE], [0xFF], [0xFF, 0xFF], [0xFF, 0], [1, 0xFF], [1, 0xFF, 0xFF], [2], [2, 0],
        ]
        var model = Model()
        for head in parts { for tail in parts { model.rows[head + tail] = head } }
        try database.put(model.rows.map { ($0.key, $0.value) })
        for pass in 0..<2 {
            if pass == 1 { try database.flush() }
            for bound in parts {
                #expect(try database.rows(prefix: bound) == model.scan { $0.starts(with: bound) }, "\(bound)")
                #expect(try database.rows(from: bound) == model.scan { !$0.lexicographicallyPrecedes(bound) })
                for upper in parts {
                    let expected = model.scan { !$0.lexicographicallyPrecedes(bound) && $0.lexicographicallyPrecedes(upper) }
                    #expect(try database.rows(from: bound, to: upper) == expected, "\(bound) ..< \(upper)")
                }
            }
            #expect(try database.rows(limit: 3) == Array(model.scan { _ in true }[0..<3]))
        }
    }

    @Test func aBatchCountsAndClears() throws {
        let database = try Database(path: scratch.database)
        var batch = WriteBatch()
        let (atFirst, bytesAtFirst) = (batch.count, batch.byteCount)
        #expect(atFirst == 0 && bytesAtFirst == 12)
        batch.put([1], [1])
        batch.put([2], [2])
        batch.delete([1])
        batch.deleteRange([2], [2])
        let count = batch.count
        #expect(count == 4)
        try database.write(batch, sync: true)
        #expect(try database.rows() == [Row(key: [2], value: [2])])
        batch.clear()
        let wasCleared = batch.isEmpty
        #expect(wasCleared)
        try database.write(batch, sync: false)
        batch.deleteRange([0], [3])
        batch.put([1], [7])
        try database.write(batch, sync: false)
        #expect(try database.rows() == [Row(key: [1], value: [7])])
    }

    @Test func checkpointsPropertiesAndDestroy() throws {
        let database = try Database(path: scratch.database)
        try database.put((0..<100).map { (bigEndian($0), [1]) })
        #expect(database.number("rocksdb.estimate-num-keys") == 100)
        #expect(database.property("rocksdb.stats")?.isEmpty == false)
        #expect(database.property("rocksdb.no-such") == nil && database.number("rocksdb.no-such") == nil)

        let copy = scratch.path + "/checkpoint"
        try database.checkpoint(to: copy)
        try database.put([([9], [9])])
        #expect(throws: RocksDBError.self) { try database.checkpoint(to: copy) }
        let copied = try Database(path: copy)
        #expect(try copied.rows().count == 100)
        copied.close()
        #expect(try database.rows().count == 101)

        #expect(throws: RocksDBError.self) { try Database.destroy(path: scratch.database) }
        database.close()
        database.close()
        try Database.destroy(path: scratch.database)
        var options = DatabaseOptions()
        options.createIfMissing = false
        #expect(openError(scratch.database, options)?.kind == .invalidArgument)
    }
}
