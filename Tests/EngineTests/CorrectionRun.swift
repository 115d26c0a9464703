import Engine
import Pipelines
import Records
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
        let naive = NaiveRows(view: view)
        let harness = try ShardHarness(plan, batchSize: batchSize)
        var result = Result()
        var newest: [Int32: Int64] = [:]
        var lastSeen: [Int32: Int] = [0: 0, 1: 0, 2: 0]
        var watermark = EventTime.distantPast

        func take(isCorrection: Bool) {
            var rows: [RowID: Row] = [:]
            harness.buffer.collect(into: &rows, place)
            for (id, row) in rows {
                let seen = result.applied.filter { $0.fields[1] == .text(row.entity) }
                #expect(naive.values(seen, at: row.time) == row.values, "row \(id) as it is made; \(place)")
                #expect((result.rows.updateValue(row, forKey: id) != nil) == isCorrection, "row \(id); \(place)")
                if isCorrection { result.corrected += 1 }
            }
        }

        func retract() {
            var rows: [RowID: Row] = [:]
            harness.buffer.collect(into: &rows, place)
            for (id, row) in rows {
                #expect(result.rows.removeValue(forKey: id) == row, "row \(id) is taken back as it was; \(place)")
                result.corrected += 1
            }
        }

        func finish(now: Bool) throws {
            try harness.finish(watermark, now: now) { take(isCorrection: false) }
        }

        var position = 0
        while position < events.count {
            harness.records.removeAll()
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
                    late.append(LateRecord(row: harness.records.count, watermark: own))
                    harness.records.append(event)
                    if !closed { result.applied.append(event) }
                    continue
                }
                harness.records.append(event)
                result.applied.append(event)
                newest[event.partition] = max(newest[event.partition] ?? .min, event.time)
            }
            try harness.route(late: late)
            let corrects = harness.shard.noteLate(harness.batch, retracts: retracts)
            if corrects && retracts {
                while harness.shard.retractRows(harness.buffer) { retract() }
                retract()
            }
            harness.shard.apply(harness.batch, rows: harness.buffer)
            if view.snapshots == .arrival { collectArrivals(harness, &result, naive) }
            if corrects {
                while harness.shard.makeLateRows(harness.buffer) { take(isCorrection: false) }
                take(isCorrection: false)
                while harness.shard.correctRows(harness.buffer) { take(isCorrection: !retracts) }
                take(isCorrection: !retracts)
            }
            let holding = [Int32(0), 1, 2].filter { idleAfter == nil || position - lastSeen[$0]! < idleAfter! }
            let least = holding.map { newest[$0] ?? .min }.min() ?? .min
            watermark = max(watermark, EventTime(microseconds: least) - plan.sources[0].outOfOrderness)
            try finish(now: random.isOneIn(3))
            guard let evictionOneIn, random.isOneIn(evictionOneIn) else { continue }
            try finish(now: true)
            if random.isOneIn(2) {
                let kept = harness.program.kept(at: harness.shard.finishedThrough)
                harness.shard.expiredThrough = max(harness.shard.expiredThrough, kept)
            }
            try harness.commit()
            if random.isOneIn(3) { try harness.compact() }
            if let restartOneIn, random.isOneIn(restartOneIn) {
                try harness.restart()
            } else {
                harness.shard.evict(to: 0)
            }
        }
        watermark = .distantFuture
        try finish(now: true)
        harness.close()
        result.missed = harness.missed
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
    private func collectArrivals(_ harness: ShardHarness, _ result: inout Result, _ naive: NaiveRows) {
        var rows: [RowID: Row] = [:]
        harness.buffer.collect(into: &rows, place)
        let before = result.applied.count - harness.batch.count
        for index in 0..<harness.batch.count {
            let event = result.applied[before + index]
            let id = RowID(partition: Int64(event.partition), offset: event.offset)
            guard let row = rows[id] else { continue }
            let seen = result.applied[...(before + index)].filter { $0.fields[1] == event.fields[1] }
            #expect(naive.values(Array(seen), at: event.time) == row.values, "row \(id); \(place)")
            result.rows[id] = row
        }
    }
}
