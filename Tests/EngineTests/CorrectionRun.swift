import Engine
import Pipelines
import Records
import Store
import TestSupport
import Testing
import Windows

/// One shard fed with events of which some are late, as a worker would: turns, watermarks, corrections, commits and evictions at random.
///
/// Every row is held against a recount over what was applied by then, the moment it is made.
struct CorrectionRun {
    let plan: Plan
    var batchSize: Int
    var evictionOneIn: Int?
    var restartOneIn: Int?
    /// Whether rows are asked for before they change, as where nothing is written.
    var retracts = false
    /// Partitions that gave nothing in so many events do not hold the watermark back.
    var idleAfter: Int?
    let place: String

    struct Result {
        /// The newest of each event.
        var rows: [RowID: Row] = [:]
        /// In the order in which they were applied to the view.
        var applied: [Transaction] = []
        var corrected = 0
        var missed = 0
        /// Late events that no window reached any more.
        var dropped = 0
    }

    func run(_ events: [Transaction], using random: inout SeededGenerator) throws -> Result {
        let view = plan.views[0]
        let program = Transactions.program(plan)
        let naive = NaiveRows(view: view)
        let folder = Folder()
        let store = try StateStore(path: folder.path + "/state")
        let id = ShardID(view: 0, slice: 0)
        var committed = Checkpoint.ShardState()
        var shard = Shard(program, slice: 0, hasColdEntities: false)
        var result = Result()
        // Little room, so that a walk over the rows is interrupted.
        let buffer = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: max(batchSize, 20))
        let records = RecordBatch(types: plan.sources[0].fields.map(\.type), capacity: batchSize)
        let batch = EventBatch(columnCount: program.layout.columnCount, capacity: batchSize)
        let expressions = ExpressionEvaluator(EventRouter.expressions(of: plan.views), capacity: batchSize)
        var first = 0
        let router = EventRouter(program, firstExpression: &first)
        var newest: [Int32: Int64] = [:]
        var lastSeen: [Int32: Int] = [0: 0, 1: 0, 2: 0]
        var watermark = EventTime.distantPast
        var missedBefore = 0

        func take(isCorrection: Bool) {
            var rows: [RowID: Row] = [:]
            buffer.collect(into: &rows, place)
            for (id, row) in rows {
                let seen = result.applied.filter { $0.fields[1] == .text(row.entity) }
                #expect(naive.values(seen, at: row.time) == row.values, "row \(id) as it is made; \(place)")
                #expect((result.rows.updateValue(row, forKey: id) != nil) == isCorrection, "row \(id); \(place)")
                if isCorrection { result.corrected += 1 }
            }
        }

        func retract() {
            var rows: [RowID: Row] = [:]
            buffer.collect(into: &rows, place)
            for (id, row) in rows {
                #expect(result.rows.removeValue(forKey: id) == row, "row \(id) is taken back as it was; \(place)")
                result.corrected += 1
            }
        }

        func finish(now: Bool) throws {
            shard.advance(to: watermark)
            guard view.snapshots == .final else { return }
            shard.collectReady(watermark: watermark, now: now)
            try store.bring(&shard, id)
            while shard.finishRows(buffer) { take(isCorrection: false) }
            take(isCorrection: false)
        }

        var position = 0
        while position < events.count {
            records.removeAll()
            batch.removeAll()
            var late: [LateRecord] = []
            for event in events[position..<min(events.count, position + batchSize)] {
                position += 1
                lastSeen[event.partition] = position
                let own = newest[event.partition].map { EventTime(microseconds: $0) - plan.sources[0].outOfOrderness }
                if let own, event.time <= own.microseconds {
                    // The longest window of the plan, with its delay, and its older end where it belongs to it.
                    let closed = isClosed(event.time, own.microseconds)
                    if closed {
                        result.dropped += 1
                        if random.isOneIn(2) { continue }
                    }
                    late.append(LateRecord(row: records.count, watermark: own))
                    records.append(event)
                    if !closed { result.applied.append(event) }
                    continue
                }
                records.append(event)
                result.applied.append(event)
                newest[event.partition] = max(newest[event.partition] ?? .min, event.time)
            }
            expressions.evaluate(records)
            router.route(records, expressions, sliceCount: 1, late: late) { _ in batch }
            shard.locate(batch)
            try store.bring(&shard, id)
            let corrects = shard.noteLate(batch, retracts: retracts)
            if corrects && retracts {
                while shard.retractRows(buffer) { retract() }
                retract()
            }
            shard.apply(batch, rows: buffer)
            if view.snapshots == .arrival { collectArrivals(buffer, batch, &result, naive) }
            if corrects {
                while shard.makeLateRows(buffer) { take(isCorrection: false) }
                take(isCorrection: false)
                while shard.correctRows(buffer) { take(isCorrection: !retracts) }
                take(isCorrection: !retracts)
            }
            let holding = [Int32(0), 1, 2].filter { idleAfter == nil || position - lastSeen[$0]! < idleAfter! }
            let least = holding.map { newest[$0] ?? .min }.min() ?? .min
            watermark = max(watermark, EventTime(microseconds: least) - plan.sources[0].outOfOrderness)
            try finish(now: random.isOneIn(3))
            guard let evictionOneIn, random.isOneIn(evictionOneIn) else { continue }
            try finish(now: true)
            if random.isOneIn(2) { shard.expiredThrough = max(shard.expiredThrough, program.kept(at: shard.finishedThrough)) }
            let rows = CommitRows()
            rows.append(&shard, id, before: committed)
            committed = rows.shards[0].1
            var checkpoint = Checkpoint(plan: [], sliceCount: 1, sourceCount: 1)
            checkpoint.shards[id] = committed
            try store.commit([rows], checkpoint, isDurable: false)
            if random.isOneIn(3) { try store.compact() }
            if let restartOneIn, random.isOneIn(restartOneIn) {
                missedBefore += shard.missed
                shard = Shard(program, slice: 0, hasColdEntities: true)
                shard.finishedThrough = committed.finishedThrough
                shard.expiredThrough = committed.expiredThrough
                try store.restorePending(&shard, id, committed)
            } else {
                shard.evict(to: 0)
            }
        }
        watermark = .distantFuture
        try finish(now: true)
        result.missed = missedBefore + shard.missed
        store.close()
        return result
    }

    /// DESIGN's rule, from the view as the file has it: no window of it reaches an event any more.
    private func isClosed(_ time: Int64, _ watermark: Int64) -> Bool {
        let reaches = plan.views[0].values.map { value in value.window.map { $0.microseconds + value.delay.microseconds } }
        guard !reaches.contains(nil) else { return false }
        let reach = reaches.compactMap(\.self).max()!
        let isInclusive = plan.views[0].bounds == .closed || plan.views[0].bounds == .closedOpen
        return isInclusive ? time < watermark - reach : time <= watermark - reach
    }

    /// Rows of `arrival` mode count what was applied before; those of one batch one another's.
    private func collectArrivals(_ buffer: RowBuffer, _ batch: EventBatch, _ result: inout Result, _ naive: NaiveRows) {
        var rows: [RowID: Row] = [:]
        buffer.collect(into: &rows, place)
        let before = result.applied.count - batch.count
        for index in 0..<batch.count {
            let event = result.applied[before + index]
            let id = RowID(partition: Int64(event.partition), offset: event.offset)
            guard let row = rows[id] else { continue }
            let seen = result.applied[...(before + index)].filter { $0.fields[1] == event.fields[1] }
            #expect(naive.values(Array(seen), at: event.time) == row.values, "row \(id); \(place)")
            result.rows[id] = row
        }
    }
}
