import Engine
import Foundation
import Pipelines
import Records
import RocksDB
import Windows

@testable import Store

/// A view over card events, and one shard of it with its store, driven by hand.
final class Cards {
    let plan: Plan
    let program: ViewProgram
    let id = ShardID(view: 0, slice: 0)
    let folder: String
    private(set) var store: StateStore
    private(set) var committed = Checkpoint.ShardState()
    private let records: RecordBatch
    private let batch: EventBatch
    private let expressions: ExpressionEvaluator
    private let router: EventRouter
    private var offset: Int64 = 0

    init(windows: String, snapshots: SnapshotMode = .none) throws {
        plan = try Plan(
            parsing: """
                pipeline: test
                version: 1
                sources:
                  events:
                    topic: events
                    format: json
                    event_time: {field: time, unit: us}
                    fields:
                      time: timestamp
                      card: string
                      amount: int64
                      text: string
                views:
                  cards:
                    source: events
                    entity: [card]
                    snapshots: \(snapshots.rawValue)
                    features:
                      - {name: n, aggregate: count(), windows: \(windows)}
                      - {name: sum, aggregate: sum(amount), windows: \(windows)}
                      - {name: sd, aggregate: stddev_pop(amount), windows: \(windows)}
                      - {name: last, aggregate: last(text), windows: \(windows)}
                      - {name: texts, aggregate: count_distinct(text), windows: \(windows)}
                """, file: "test.yaml")
        program = ViewProgram(plan.views[0], source: plan.sources[0])
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("store-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        store = try StateStore(path: folder + "/state")
        records = RecordBatch(types: plan.sources[0].fields.map(\.type), capacity: 512)
        batch = EventBatch(columnCount: program.layout.columnCount, capacity: 512)
        expressions = ExpressionEvaluator(EventRouter.expressions(of: plan.views), capacity: 512)
        var first = 0
        router = EventRouter(program, firstExpression: &first)
    }

    deinit {
        store.close()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func newShard() -> Shard { Shard(program, slice: 0, hasColdEntities: false) }

    /// A shard that takes over from what was last committed, as after a crash.
    func reopened() throws -> Shard {
        store.close()
        store = try StateStore(path: folder + "/state")
        let checkpoint = try store.checkpoint()!
        committed = checkpoint.shards[id]!
        store.restoreHorizons(checkpoint)
        var shard = Shard(program, slice: 0, hasColdEntities: true)
        shard.finishedThrough = committed.finishedThrough
        shard.expiredThrough = committed.expiredThrough
        try store.restorePending(&shard, id, committed)
        return shard
    }

    func apply(_ shard: inout Shard, _ events: [(card: String, time: Int64, amount: Int64, text: String)], rows: RowBuffer? = nil)
        throws
    {
        for start in stride(from: 0, to: events.count, by: 512) {
            try locate(&shard, Array(events[start..<min(events.count, start + 512)]))
            shard.apply(batch, rows: rows ?? RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: 0))
        }
    }

    private func locate(_ shard: inout Shard, _ events: [(card: String, time: Int64, amount: Int64, text: String)]) throws {
        records.removeAll()
        batch.removeAll()
        for (row, event) in events.enumerated() {
            for column in records.columns { column.valid[row] = 1 }
            records.columns[0].words[row] = event.time
            records.columns[1].words[row] = records.text.append(event.card).word
            records.columns[2].words[row] = event.amount
            records.columns[3].words[row] = records.text.append(event.text).word
            records.times[row] = event.time
            records.partitions[row] = 0
            records.offsets[row] = offset
            offset += 1
        }
        records.count = events.count
        expressions.evaluate(records)
        router.route(records, expressions, sliceCount: 1) { _ in batch }
        shard.locate(batch)
        try store.bring(&shard, id)
    }

    /// Brings a card's log into memory.
    func bring(_ shard: inout Shard, _ card: String) throws { try locate(&shard, [(card, 0, 0, "")]) }

    func commit(_ shard: inout Shard) throws {
        let rows = CommitRows()
        rows.append(&shard, id, before: committed)
        committed = rows.shards[0].1
        var checkpoint = Checkpoint(plan: KeptPlan(plan).encoded(), sliceCount: 1, sourceCount: 1)
        checkpoint.shards[id] = committed
        try store.commit([rows], checkpoint, isDurable: true)
    }

    /// Every row under the shard's own prefix, read and changed beside the store, which is closed meanwhile.
    func withDatabase(_ body: (Database) throws -> Void) throws {
        store.close()
        let database = try Database(path: folder + "/state")
        try body(database)
        database.close()
        store = try StateStore(path: folder + "/state")
    }

    func keys() throws -> [[UInt8]] {
        var keys: [[UInt8]] = []
        let prefix: [UInt8] = [0, 0, 0, 0]
        try withDatabase { database in
            try unsafe prefix.withUnsafeBytes { prefix in
                try unsafe database.scan(prefix: prefix, caching: false) { key, _ in
                    unsafe keys.append(Array(key))
                    return true
                }
            }
        }
        return keys
    }
}
