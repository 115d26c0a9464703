import Engine
import Glibc
import Pipelines
import Records
import Store
import TestSupport
import Testing
import Windows

/// One shard over a store of its own, with all that a worker puts around it for a turn.
final class ShardHarness {
    private(set) var plan: Plan
    private(set) var program: ViewProgram
    var shard: Shard
    private let store: StateStore
    /// Little room, so that rows come out in several turns.
    private(set) var buffer: RowBuffer
    private(set) var batch: EventBatch
    let records: RecordBatch
    private(set) var overflows = 0
    private(set) var missed = 0
    private let id = ShardID(view: 0, slice: 0)
    private let folder = Folder()
    private let batchSize: Int
    private var expressions: ExpressionEvaluator
    private var router: EventRouter
    private var committed = Checkpoint.ShardState()

    init(_ plan: Plan, batchSize: Int) throws {
        self.plan = plan
        self.batchSize = batchSize
        program = Transactions.program(plan)
        store = try StateStore(path: folder.path + "/state")
        shard = Shard(program, slice: 0, hasColdEntities: false)
        records = RecordBatch(types: plan.sources[0].fields.map(\.type), capacity: batchSize)
        buffer = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: max(batchSize, 20))
        batch = EventBatch(columnCount: program.layout.columnCount, capacity: batchSize)
        expressions = ExpressionEvaluator(EventRouter.expressions(of: plan.views), capacity: batchSize)
        var first = 0
        router = EventRouter(program, firstExpression: &first)
    }

    /// The state goes on with another plan.
    func change(to next: Plan) throws {
        try commit()
        plan = next
        program = Transactions.program(next)
        buffer = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: max(batchSize, 20))
        batch = EventBatch(columnCount: program.layout.columnCount, capacity: batchSize)
        expressions = ExpressionEvaluator(EventRouter.expressions(of: next.views), capacity: batchSize)
        var first = 0
        router = EventRouter(program, firstExpression: &first)
        try restart()
    }

    /// What is in `records` becomes `batch`, and all entities of it are there.
    func route(late: [LateRecord] = []) throws {
        batch.removeAll()
        expressions.evaluate(records)
        router.route(records, expressions, sliceCount: 1, late: late) { _ in batch }
        shard.locate(batch)
        try store.bring(&shard, id)
    }

    /// - Parameter take: called whenever rows of `buffer` are to be taken out.
    func finish(_ watermark: EventTime, now: Bool, take: () -> Void) throws {
        shard.advance(to: watermark)
        guard program.plan.snapshots == .final else { return }
        shard.collectReady(watermark: watermark, now: now)
        try store.bring(&shard, id)
        while shard.finishRows(buffer) { take() }
        take()
    }

    func commit(idleMax: Int? = nil) throws {
        let rows = CommitRows()
        rows.append(&shard, id, before: committed, idleMax: idleMax)
        committed = rows.shards[0].1
        var checkpoint = Checkpoint(plan: [], sliceCount: 1, sourceCount: 1)
        checkpoint.shards[id] = committed
        try store.commit([rows], checkpoint, isDurable: false)
    }

    func compact() throws { try store.compact() }

    /// A new shard takes over from the store.
    func restart() throws {
        count()
        shard = Shard(program, slice: 0, hasColdEntities: true)
        shard.finishedThrough = committed.finishedThrough
        shard.expiredThrough = committed.expiredThrough
        try store.restorePending(&shard, id, committed)
    }

    func close() {
        count()
        store.close()
    }

    private func count() {
        overflows += shard.overflows
        missed += shard.missed
    }
}

/// A folder for one run, removed at its end.
@safe
final class Folder {
    let path: String

    init() {
        let template = unsafe strdup("/tmp/engine-tests-XXXXXX")!
        path = unsafe String(cString: mkdtemp(template))
        unsafe free(template)
    }

    deinit { unsafe _ = system("rm -rf '\(path)'") }
}
