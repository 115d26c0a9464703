import Engine
import History
import Pipelines
import Records
import Store
import Windows

/// The way of every event through one shard, each stage on the clock: decode, route, locate, apply, gather, commit, write
/// parts; then back from the store.
///
/// One thread, one slice, no hand-over between threads: the sum is less than what a worker spends.
final class Stages {
    private static let batchRecords = 2048
    private static let eventsPerCommit = 100_000

    private let traffic: JSONLines
    private let plan: Plan
    private let program: ViewProgram
    private let records: RecordBatch
    private let expressions: ExpressionEvaluator
    private let router: EventRouter
    private let events: EventBatch

    init(_ traffic: JSONLines, _ plan: Plan) {
        self.traffic = traffic
        self.plan = plan
        program = ViewProgram(plan.views[0], source: plan.sources[0])
        records = RecordBatch(types: plan.sources[0].fields.map(\.type), capacity: Self.batchRecords)
        expressions = ExpressionEvaluator(EventRouter.expressions(of: [program.plan]), capacity: Self.batchRecords)
        var first = 0
        router = EventRouter(program, firstExpression: &first)
        events = EventBatch(columnCount: program.layout.columnCount, capacity: Self.batchRecords)
    }

    /// One round in an empty folder.
    func round(folder: String) throws -> Stopwatch {
        let source = plan.sources[0]
        var decoder = JSONDecoder(fields: source.fields, eventTime: source.eventTime)
        let rows = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: Self.batchRecords)
        let log = ViewLog(
            directory: folder, program, source: source, pipeline: plan.pipeline, version: plan.version, unique: "bench",
            keepsSegments: false)
        var shard = Shard(program, slice: 0, hasColdEntities: false)
        let id = ShardID(view: 0, slice: 0)
        let store = try StateStore(path: "\(folder)/state")
        var committed = Checkpoint.ShardState()
        var watch = Stopwatch()

        var sinceCommit = 0
        for start in stride(from: 0, to: traffic.lines.count, by: Self.batchRecords) {
            let lines = start..<min(start + Self.batchRecords, traffic.lines.count)
            records.removeAll()
            events.removeAll()
            rows.removeAll()
            watch.start()
            decode(lines, &decoder)
            watch.lap("decode", events: lines.count)
            expressions.evaluate(records)
            router.route(records, expressions, sliceCount: nil) { _ in events }
            watch.lap("route", events: lines.count)
            shard.locate(events)
            watch.lap("locate", events: lines.count)
            shard.apply(events, rows: rows)
            watch.lap("insert and evaluate", events: lines.count)
            shard.advance(to: EventTime(microseconds: events.times[events.count - 1]))
            try log.append(rows, created: 0)
            watch.lap("gather rows", events: lines.count)
            sinceCommit += lines.count
            guard sinceCommit >= Self.eventsPerCommit || lines.upperBound == traffic.lines.count else { continue }
            watch.start()
            let changes = CommitRows()
            changes.append(&shard, id, before: committed)
            watch.lap("commit: encode changes", events: sinceCommit)
            var checkpoint = Checkpoint(plan: KeptPlan(plan).encoded(), sliceCount: 1, sourceCount: 1)
            for (shard, state) in changes.shards {
                committed = state
                checkpoint.shards[shard] = state
            }
            try store.commit([changes], checkpoint, isDurable: false)
            watch.lap("commit: RocksDB", events: sinceCommit)
            sinceCommit = 0
        }
        watch.start()
        for part in log.takeParts(all: true) { try part.write(sync: false) }
        watch.lap("Parquet parts", events: traffic.lines.count)
        try reload(store, id, &decoder, &watch)
        store.close()
        return watch
    }

    private func decode(_ lines: Range<Int>, _ decoder: inout JSONDecoder) {
        unsafe traffic.bytes.withUnsafeBytes { bytes in
            for index in lines {
                let range = traffic.lines[index]
                let value = unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
                let record = unsafe RawRecord(value: value, readableBytes: bytes.count - range.upperBound)
                let rejection = unsafe decoder.decode(record, into: records)
                precondition(rejection == nil, "the traffic is well-formed")
                records.partitions[records.count - 1] = 0
                records.offsets[records.count - 1] = Int64(index)
            }
        }
    }

    /// Every entity once from RocksDB's files, a multi-get per batch; measured per entity.
    private func reload(_ store: StateStore, _ id: ShardID, _ decoder: inout JSONDecoder, _ watch: inout Stopwatch) throws {
        try store.compact()
        var shard = Shard(program, slice: 0, hasColdEntities: true)
        for start in stride(from: 0, to: traffic.lines.count, by: Self.batchRecords) {
            records.removeAll()
            events.removeAll()
            decode(start..<min(start + Self.batchRecords, traffic.lines.count), &decoder)
            expressions.evaluate(records)
            router.route(records, expressions, sliceCount: nil) { _ in events }
            shard.locate(events)
            let entities = shard.awaited.count
            if entities == 0 { return }
            watch.start()
            try store.bring(&shard, id)
            watch.lap("reload, per entity", events: entities)
        }
    }
}
