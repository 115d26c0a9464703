import Aggregates
import Engine
import Foundation
import Pipelines
import Records
import TestSupport
import Testing

/// Late events that are applied: the newest row of every event is the one that a recount of all of them gives.
struct CorrectionTests {
    private static let features = [
        "count()", "sum(i)", "avg(d)", "last(s)", "first(x)", "count_distinct(s)", "max(x)", "count(b) where flag", "min(s)",
    ]
    private static let bounds: [WindowBounds] = [.openClosed, .closed, .closedOpen, .open]

    @Test(arguments: 1...seeds(6)) func newestRowsAreThoseOfTheSet(seed: UInt64) throws {
        let plan = try Transactions.plan(
            bounds: Self.bounds[Int(seed % 4)], windows: ["[1s, 40s]", "[5s, 2m]", "[20s, lifetime]"][Int(seed / 4 % 3)],
            delays: [["0s"], ["0s", "7s"], ["1m"]][Int(seed % 3)],
            // The order of events is kept where nothing but the rows needs it, too.
            features: seed % 2 == 0 ? Self.features : ["count()", "sum(i)"], late: .apply)
        try check(plan, seed: seed, sleeps: false)
    }

    /// A partition that was silent wakes up far behind the watermark: what its rows need may have left.
    @Test(arguments: 1...seeds(4)) func partitionsThatWakeUp(seed: UInt64) throws {
        let plan = try Transactions.plan(
            bounds: Self.bounds[Int(seed % 4)], windows: ["[5s, 20s]", "[3m]"][Int(seed / 4 % 2)],
            delays: seed % 2 == 0 ? ["0s"] : ["0s", "10s"], features: Self.features, late: .apply)
        try check(plan, seed: seed, sleeps: true)
    }

    @Test(arguments: 1...seeds(2)) func arrivalRowsStayWhatWasServed(seed: UInt64) throws {
        let plan = try Transactions.plan(
            snapshots: .arrival, bounds: Self.bounds[Int(seed % 4)], windows: "[5s, 1m]", features: Self.features, late: .apply)
        try check(plan, seed: seed, sleeps: seed % 2 == 0)
    }

    private func check(_ plan: Plan, seed: UInt64, sleeps: Bool) throws {
        var random = SeededGenerator(seed: seed)
        let events = Transactions.late(200, cards: 3, lateMax: 240_000_000, sleeps: sleeps, using: &random)
        var total = CorrectionRun.Result()
        for (batchSize, evictionOneIn, restartOneIn) in [(1, Int?.none, Int?.none), (7, 3, 3), (64, 1, nil), (150, 2, 2)] {
            let run = CorrectionRun(
                plan: plan, batchSize: batchSize, evictionOneIn: evictionOneIn, restartOneIn: restartOneIn,
                retracts: batchSize % 2 == 1, idleAfter: sleeps ? 8 : nil,
                place: "batches of \(batchSize), eviction \(evictionOneIn ?? 0), sleeps \(sleeps), seed \(seed)")
            let result = try run.run(events, using: &random)
            let expected =
                plan.views[0].snapshots == .arrival ? result.rows : NaiveRows(view: plan.views[0]).rows(result.applied)
            let different = expected.keys.filter { result.rows[$0] != expected[$0] }.sorted()
            let unknown = result.rows.keys.count { expected[$0] == nil }
            #expect(unknown == 0, "\(run.place)")
            // What could not be made right was left alone, and is known.
            #expect(sleeps || result.missed == 0, "\(run.place)")
            #expect(different.isEmpty || result.missed > 0, "\(different.prefix(5)) differ; \(run.place)")
            #expect(result.rows.count + result.missed == result.applied.count, "\(run.place)")
            total.corrected += result.corrected
            total.missed += result.missed
            total.dropped += result.dropped
        }
        if seed == 1 {
            #expect((total.corrected > 20) == (plan.views[0].snapshots == .final) && total.dropped > 0)
            #expect((total.missed > 0) == (sleeps && plan.views[0].snapshots == .final))
        }
    }
}

/// So many seeds, or as many as `FRESHET_SEEDS` asks for.
private func seeds(_ count: UInt64) -> UInt64 {
    ProcessInfo.processInfo.environment["FRESHET_SEEDS"].flatMap(UInt64.init).map { max($0, count) } ?? count
}
