import Engine
import Glibc
import Pipelines
import Records
import Store
import TestSupport
import Testing
import Windows

/// One shard fed with transactions as a worker would: turns, watermarks, commits and evictions at random.
struct ShardRun {
    let plan: Plan
    let program: ViewProgram
    var batchSize: Int
    /// One in so many turns is followed by a commit, after which all that may leave memory does; nil: never.
    var evictionOneIn: Int?
    /// One in so many commits is followed by a new shard that takes over from the store.
    var restartOneIn: Int?
    let place: String

    init(_ plan: Plan, batchSize: Int, evictionOneIn: Int? = nil, restartOneIn: Int? = nil, place: String) {
        self.plan = plan
        program = Transactions.program(plan)
        self.batchSize = batchSize
        self.evictionOneIn = evictionOneIn
        self.restartOneIn = restartOneIn
        self.place = "batches of \(batchSize), eviction \(evictionOneIn ?? 0), \(place)"
    }

    struct Result {
        var rows: [RowID: Row] = [:]
        /// Those that were out when the plan changed, which `rows` are not.
        var rowsBefore: [RowID: Row] = [:]
        var overflows = 0
        /// Held at the end, in memory.
        var bytes = 0
    }

    /// - Parameter change: a plan that goes on from the state once so many events are applied.
    func rows(
        _ events: [Transaction], change: (after: Int, plan: Plan)? = nil, using random: inout SeededGenerator
    ) throws -> Result {
        var (plan, program) = (plan, program)
        var change = change
        let folder = Folder()
        let store = try StateStore(path: folder.path + "/state")
        let id = ShardID(view: 0, slice: 0)
        var committed = Checkpoint.ShardState()
        var shard = Shard(program, slice: 0, hasColdEntities: false)
        var result = Result()
        // Little room, so that rows come out in several turns.
        var buffer = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: max(batchSize, 50))
        let records = RecordBatch(types: plan.sources[0].fields.map(\.type), capacity: batchSize)
        var batch = EventBatch(columnCount: program.layout.columnCount, capacity: batchSize)
        var expressions = ExpressionEvaluator(EventRouter.expressions(of: plan.views), capacity: batchSize)
        var first = 0
        var router = EventRouter(program, firstExpression: &first)
        var newest: [Int32: Int64] = [0: .min, 1: .min, 2: .min]
        var position = 0

        func finish(_ shard: inout Shard, _ watermark: EventTime, now: Bool) throws {
            shard.advance(to: watermark)
            guard program.plan.snapshots == .final else { return }
            shard.collectReady(watermark: watermark, now: now)
            try store.bring(&shard, id)
            while shard.finishRows(buffer) { buffer.collect(into: &result.rows, place) }
            buffer.collect(into: &result.rows, place)
        }

        func commit(_ shard: inout Shard, idleMax: Int? = nil) throws {
            let rows = CommitRows()
            rows.append(&shard, id, before: committed, idleMax: idleMax)
            committed = rows.shards[0].1
            var checkpoint = Checkpoint(plan: [], sliceCount: 1, sourceCount: 1)
            checkpoint.shards[id] = committed
            try store.commit([rows], checkpoint, isDurable: false)
        }
        func restart() throws {
            result.overflows += shard.overflows
            shard = Shard(program, slice: 0, hasColdEntities: true)
            shard.finishedThrough = committed.finishedThrough
            shard.expiredThrough = committed.expiredThrough
            try store.restorePending(&shard, id, committed)
        }

        while position < events.count {
            if let (after, next) = change, position >= after {
                change = nil
                try commit(&shard)
                result.rowsBefore = result.rows
                result.rows = [:]
                let kept = try #require(KeptPlan(decoding: KeptPlan(plan).encoded()))
                #expect(PlanChange(from: kept, to: next).fits, "\(place)")
                plan = kept.adopted(by: next).plan
                program = Transactions.program(plan)
                buffer = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: max(batchSize, 50))
                batch = EventBatch(columnCount: program.layout.columnCount, capacity: batchSize)
                expressions = ExpressionEvaluator(EventRouter.expressions(of: plan.views), capacity: batchSize)
                var first = 0
                router = EventRouter(program, firstExpression: &first)
                try restart()
            }
            records.removeAll()
            batch.removeAll()
            for event in events[position..<min(events.count, position + batchSize)] {
                records.append(event)
                newest[event.partition] = max(newest[event.partition]!, event.time)
            }
            position += batchSize
            expressions.evaluate(records)
            router.route(records, expressions, sliceCount: 1) { _ in batch }
            shard.locate(batch)
            try store.bring(&shard, id)
            shard.apply(batch, rows: buffer)
            buffer.collect(into: &result.rows, place)
            let least = EventTime(microseconds: newest.values.min()!)
            let watermark = least - plan.sources[0].outOfOrderness
            try finish(&shard, watermark, now: random.isOneIn(3))
            guard let evictionOneIn, random.isOneIn(evictionOneIn) else { continue }
            try finish(&shard, watermark, now: true)
            if random.isOneIn(3) { shard.expiredThrough = max(shard.expiredThrough, program.reach(at: shard.finishedThrough)) }
            if random.isOneIn(3) {
                // Some of the entities are written; the others stay in memory.
                let before = shard.dirtyCount
                try commit(&shard, idleMax: before / 2)
                shard.evict(to: 0)
                let (dirty, count) = (shard.dirtyCount, shard.entityCount)
                #expect(dirty >= before - before / 2 && count >= dirty, "\(place)")
                guard random.isOneIn(2) else { continue }
            }
            try commit(&shard)
            if random.isOneIn(3) { try store.compact() }
            if let restartOneIn, random.isOneIn(restartOneIn) {
                try restart()
            } else {
                shard.evict(to: 0)
                let held = shard.bytes
                #expect(held == 0 || shard.pendingCount > 0, "\(place)")
            }
        }
        try finish(&shard, .distantFuture, now: true)
        let pending = shard.pendingCount
        #expect(pending == 0, "\(place)")
        result.overflows += shard.overflows
        result.bytes = shard.bytes
        store.close()
        return result
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
