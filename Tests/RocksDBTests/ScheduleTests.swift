import RocksDB
import Testing

@Suite struct ScheduleTests {
    /// A random schedule against a plain dictionary: batches, range deletes, reads of all kinds, flushes, compactions,
    /// reopenings, moves to a checkpoint.
    @Test(arguments: 1...6 as ClosedRange<UInt64>) func behavesLikeADictionary(seed: UInt64) throws {
        let scratch = Scratch()
        var random = SplitMix(state: seed)
        var options = DatabaseOptions()
        options.memtableBytes = 64 << 10
        options.tableFileBytes = 32 << 10
        options.levelOneBytes = 128 << 10
        options.blockBytes = 512
        options.blockCacheBytes = 256 << 10
        var path = scratch.database
        var database = try Database(path: path, options: options)
        var model = Model()

        func key() -> [UInt8] {
            let alphabet: [UInt8] = [0, 1, 0x7F, 0xFE, 0xFF]
            return (0..<Int.random(in: 0...6, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
        }
        func value() -> [UInt8] {
            let count = Int.random(in: 0..<50, using: &random) == 0 ? 20_000 : Int.random(in: 0..<100, using: &random)
            return Array(repeating: UInt8.random(in: 0...255, using: &random), count: count)
        }
        for step in 0..<400 {
            let context: Comment = "seed \(seed), step \(step)"
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<50:
                var batch = WriteBatch()
                for _ in 0..<Int.random(in: 0..<100, using: &random) {
                    switch Int.random(in: 0..<40, using: &random) {
                    case 0:
                        let bounds = [key(), key()].sorted { $0.lexicographicallyPrecedes($1) }
                        guard bounds[1].count > 2 else { continue }
                        batch.deleteRange(bounds[0], bounds[1])
                        model.rows = model.rows.filter {
                            $0.key.lexicographicallyPrecedes(bounds[0]) || !$0.key.lexicographicallyPrecedes(bounds[1])
                        }
                    case 1..<10:
                        let key = key()
                        batch.delete(key)
                        model.rows[key] = nil
                    default:
                        let (key, value) = (key(), value())
                        batch.put(key, value)
                        model.rows[key] = value
                    }
                }
                try database.write(batch, sync: Int.random(in: 0..<10, using: &random) == 0)
            case 50..<70:
                var keys = (0..<Int.random(in: 0..<700, using: &random)).map { _ in key() }
                if Bool.random(using: &random) { keys.sort { $0.lexicographicallyPrecedes($1) } }
                #expect(try database.values(keys) == keys.map { model.rows[$0] }, context)
            case 70..<80:
                let key = key()
                #expect(try database.value(key) == model.rows[key], context)
            case 80..<90:
                let (prefix, lower, upper) = (key(), key(), key())
                #expect(try database.rows(prefix: prefix) == model.scan { $0.starts(with: prefix) }, context)
                let expected = model.scan { !$0.lexicographicallyPrecedes(lower) && $0.lexicographicallyPrecedes(upper) }
                #expect(try database.rows(from: lower, to: upper) == expected, context)
            case 90..<94: try database.flush()
            case 94..<96: try database.compactAll()
            case 96..<98:
                database.close()
                database = try Database(path: path, options: options)
                #expect(try database.rows() == model.scan { _ in true }, context)
            default:
                let copy = scratch.path + "/checkpoint-\(step)"
                try database.checkpoint(to: copy)
                path = copy
                database = try Database(path: path, options: options)
                #expect(try database.rows() == model.scan { _ in true }, context)
            }
        }
        #expect(try database.rows() == model.scan { _ in true }, "seed \(seed)")
    }
}
