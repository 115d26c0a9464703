import Engine
import Pipelines
import Records
import TestSupport
import Testing
import Windows

/// One shard fed with transactions as a worker would: turns, watermarks, commits and evictions at random.
struct ShardRun {
    let plan: Plan
    var batchSize: Int
    /// One in so many turns is followed by a commit, after which all that may leave memory does; nil: never.
    var evictionOneIn: Int?
    /// One in so many commits is followed by a new shard that takes over from the store.
    var restartOneIn: Int?
    let place: String

    init(_ plan: Plan, batchSize: Int, evictionOneIn: Int? = nil, restartOneIn: Int? = nil, place: String) {
        self.plan = plan
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
        var change = change
        let harness = try ShardHarness(plan, batchSize: batchSize)
        var result = Result()
        var newest: [Int32: Int64] = [0: .min, 1: .min, 2: .min]
        var position = 0

        while position < events.count {
            if let (after, next) = change, position >= after {
                change = nil
                result.rowsBefore = result.rows
                result.rows = [:]
                let kept = try #require(KeptPlan(decoding: KeptPlan(harness.plan).encoded()))
                #expect(PlanChange(from: kept, to: next).fits, "\(place)")
                try harness.change(to: kept.adopted(by: next).plan)
            }
            harness.records.removeAll()
            for event in events[position..<min(events.count, position + batchSize)] {
                harness.records.append(event)
                newest[event.partition] = max(newest[event.partition]!, event.time)
            }
            position += batchSize
            try harness.route()
            harness.shard.apply(harness.batch, rows: harness.buffer)
            harness.buffer.collect(into: &result.rows, place)
            let least = EventTime(microseconds: newest.values.min()!)
            let watermark = least - harness.plan.sources[0].outOfOrderness
            try harness.finish(watermark, now: random.isOneIn(3)) { harness.buffer.collect(into: &result.rows, place) }
            guard let evictionOneIn, random.isOneIn(evictionOneIn) else { continue }
            try harness.finish(watermark, now: true) { harness.buffer.collect(into: &result.rows, place) }
            if random.isOneIn(3) {
                let reach = harness.program.reach(at: harness.shard.finishedThrough)
                harness.shard.expiredThrough = max(harness.shard.expiredThrough, reach)
            }
            if random.isOneIn(3) {
                // Some of the entities are written; the others stay in memory.
                let before = harness.shard.dirtyCount
                try harness.commit(idleMax: before / 2)
                harness.shard.evict(to: 0)
                let (dirty, count) = (harness.shard.dirtyCount, harness.shard.entityCount)
                #expect(dirty >= before - before / 2 && count >= dirty, "\(place)")
                guard random.isOneIn(2) else { continue }
            }
            try harness.commit()
            if random.isOneIn(3) { try harness.compact() }
            if let restartOneIn, random.isOneIn(restartOneIn) {
                try harness.restart()
            } else {
                harness.shard.evict(to: 0)
                let held = harness.shard.bytes
                #expect(held == 0 || harness.shard.pendingCount > 0, "\(place)")
            }
        }
        try harness.finish(.distantFuture, now: true) { harness.buffer.collect(into: &result.rows, place) }
        let pending = harness.shard.pendingCount
        #expect(pending == 0, "\(place)")
        result.bytes = harness.shard.bytes
        harness.close()
        result.overflows = harness.overflows
        return result
    }
}
