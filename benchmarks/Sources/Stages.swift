import Engine
import History
import Pipelines
import Records
import Store
import Windows

/// The way of every event through one shard, each stage on the clock: decode, route, locate, apply, gather, commit, write parts.
///
/// One thread, one slice, no hand-over between threads: the sum is less than what a worker spends.
final class Stages {
    private static let batchRecords = 2048
    private static let eventsPerCommit = 100_000

    private let traffic: Traffic
    private let plan: Plan
    private let program: ViewProgram

    init(_ traffic: Traffic, _ plan: Plan) {
        self.traffic = traffic
        self.plan = plan
        program = ViewProgram(plan.views[0], source: plan.sources[0])
    }

    /// One round in an empty folder.
    func round(folder: String) throws -> Stopwatch {
        let source = plan.sources[0]
        var decoder = JSONDecoder(fields: source.fields, eventTime: source.eventTime)
        let records = RecordBatch(types: source.fields.map(\.type), capacity: Self.batchRecords)
        let expressions = ExpressionEvaluator(EventRouter.expressions(of: [program.plan]), capacity: Self.batchRecords)
        var first = 0
        let router = EventRouter(program, firstExpression: &first)
        let events = EventBatch(columnCount: program.layout.columnCount, capacity: Self.batchRecords)
        let rows = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: Self.batchRecords)
        let log = ViewLog(
            directory: folder, program, source: source, pipeline: plan.pipeline, version: plan.version, unique: "bench",
            keepsSegments: false)
        var shard = Shard(program, slice: 0, hasColdEntities: false)
        let id = ShardID(view: 0, slice: 0)
        let store = try StateStore(path: "\(folder)/state")
        var committed = Checkpoint.ShardState()
        var watch = Stopwatch()

        var line = 0
        var sinceCommit = 0
        while line < traffic.lines.count {
            let end = min(line + Self.batchRecords, traffic.lines.count)
            watch.start()
            unsafe traffic.bytes.withUnsafeBytes { bytes in
                for index in line..<end {
                    let range = traffic.lines[index]
                    let value = unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
                    let record = unsafe RawRecord(value: value, readableBytes: bytes.count - range.upperBound)
                    let rejection = unsafe decoder.decode(record, into: records)
                    precondition(rejection == nil, "the traffic is well-formed")
                    records.partitions[records.count - 1] = 0
                    records.offsets[records.count - 1] = Int64(index)
                }
            }
            watch.lap("decode")
            expressions.evaluate(records)
            router.route(records, expressions, sliceCount: nil) { _ in events }
            watch.lap("route")
            shard.locate(events)
            watch.lap("locate")
            shard.apply(events, rows: rows)
            watch.lap("apply and evaluate")
            shard.advance(to: EventTime(microseconds: events.times[events.count - 1]))
            try log.append(rows, created: 0)
            watch.lap("gather rows")
            sinceCommit += end - line
            line = end
            records.removeAll()
            events.removeAll()
            rows.removeAll()
            guard sinceCommit >= Self.eventsPerCommit || line == traffic.lines.count else { continue }
            sinceCommit = 0
            watch.start()
            let changes = CommitRows()
            changes.append(&shard, id, before: committed)
            watch.lap("commit: encode changes")
            var checkpoint = Checkpoint(fingerprint: plan.stateFingerprint, sliceCount: 1, sourceCount: 1)
            for (shard, state) in changes.shards {
                committed = state
                checkpoint.shards[shard] = state
            }
            try store.commit([changes], checkpoint, isDurable: false)
            watch.lap("commit: RocksDB")
        }
        watch.start()
        for part in log.takeParts(all: true) { try part.write(sync: false) }
        watch.lap("Parquet parts")
        store.close()
        return watch
    }
}
