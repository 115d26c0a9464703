import Aggregates
import Engine
import Pipelines
import Records
import TestSupport
import Testing
import Windows

/// A shard's rows against counting every row anew.
struct ShardTests {
    private static let featuresWithCondition =
        Transactions.features + ["count(i)", "avg(d)", "stddev_samp(x)", "last(s)", "max(at)"].map { "\($0) where flag" }
    private static let bounds: [WindowBounds] = [.openClosed, .closed, .closedOpen, .open]

    /// Every aggregate, type, bound and mode.
    @Test(arguments: WindowBounds.allCases, [SnapshotMode.final, .arrival])
    func everyAggregate(bounds: WindowBounds, snapshots: SnapshotMode) throws {
        for (seed, windows) in zip(1..., ["[5s, 1h]", "[10s, lifetime]"]) {
            let plan = try Transactions.plan(
                snapshots: snapshots, bounds: bounds, windows: windows, delays: ["0s", "7s"], features: Self.featuresWithCondition
            )
            try check(plan, seed: UInt64(seed), count: 100, cards: 3)
        }
    }

    /// Windows so short that most of the log leaves, and entities come back after all theirs has.
    @Test(arguments: 1...8) func shortWindows(seed: UInt64) throws {
        let plan = try Transactions.plan(
            snapshots: seed % 3 == 0 ? .arrival : .final, bounds: Self.bounds[Int(seed % 4)],
            windows: ["[1ms]", "[1s, 3s]", "[20s]", "[1s, 90s]"][Int(seed / 4 % 4)],
            delays: seed % 2 == 0 ? ["0s"] : ["0s", "2s"],
            features: [
                "count()", "sum(i)", "avg(d)", "last(s)", "first(x)", "count_distinct(s)", "max(x)", "count(b) where flag",
            ])
        try check(plan, seed: seed, count: 700, cards: seed % 2 == 0 ? 400 : 2, step: seed % 2 == 0 ? 2_000_000 : 300_000)
    }

    private func check(_ plan: Plan, seed: UInt64, count: Int, cards: Int, step: Int64 = 1_500_000) throws {
        var random = SeededGenerator(seed: seed)
        let events = Transactions.random(count, cards: cards, step: step, using: &random)
        let expected = NaiveRows(view: plan.views[0]).rows(events)
        let overflows = overflows(expected, plan.views[0])
        for (batchSize, evictionOneIn, restartOneIn) in [
            (1, Int?.none, Int?.none), (7, 4, 3), (1024, 1, nil), (1, 30, 2), (50, 1, 2),
        ] {
            let run = ShardRun(
                plan, batchSize: batchSize, evictionOneIn: evictionOneIn, restartOneIn: restartOneIn, place: "seed \(seed)")
            let result = try run.rows(events, using: &random)
            compare(result.rows, expected, plan.views[0], run.place)
            #expect(result.overflows == overflows, "\(run.place)")
        }
    }

    private func overflows(_ rows: [RowID: Row], _ view: ViewPlan) -> Int {
        let sums = view.values.indices.filter { view.values[$0].function == .sum && view.values[$0].type == .int64 }
        return rows.values.reduce(0) { total, row in total + sums.count { row.values[$0] == .null } }
    }

    private func compare(_ rows: [RowID: Row], _ expected: [RowID: Row], _ view: ViewPlan, _ place: String) {
        guard rows != expected else { return }
        #expect(rows.count == expected.count, "\(place)")
        for id in expected.keys.sorted() where rows[id] != expected[id] {
            guard let row = rows[id], let other = expected[id] else {
                Issue.record("row \(id) is missing; \(place)")
                return
            }
            let wrong = view.values.indices.filter { row.values[$0] != other.values[$0] }
            Issue.record(
                "row \(id) at \(row.time): \(wrong.prefix(5).map { "\(view.values[$0]): \(row.values[$0]), not \(other.values[$0])" }); \(place)"
            )
            return
        }
    }

    /// One entity with so many events that its log has several groups of chunks, split, trimmed, stored and brought back.
    @Test(arguments: [("[10s, 10m, 1h]", "0s", 20_000), ("[1m, lifetime]", "30s", 8_000)])
    func hotKey(windows: String, delay: String, count: Int) throws {
        let plan = try Transactions.plan(
            windows: windows, delays: [delay], features: ["count()", "sum(i)", "stddev_pop(d)", "last(s)", "count(x)", "min(at)"])
        let seed: UInt64 = 5
        var random = SeededGenerator(seed: seed)
        let events = Transactions.random(count, cards: 1, step: 2_000_000, using: &random)
        let whole = try ShardRun(plan, batchSize: 1024, place: "seed \(seed)").rows(events, using: &random)
        let inPieces = try ShardRun(plan, batchSize: 500, evictionOneIn: 2, restartOneIn: 3, place: "seed \(seed)")
            .rows(events, using: &random)
        #expect(whole.rows.count == events.count)
        compare(inPieces.rows, whole.rows, plan.views[0], "seed \(seed)")
        let naive = NaiveRows(view: plan.views[0])
        for index in (0..<6).map({ _ in Int.random(in: 0..<events.count, using: &random) }) {
            let event = events[index]
            let row = whole.rows[RowID(partition: Int64(event.partition), offset: event.offset)]
            #expect(row?.values == naive.values(events, at: event.time), "event \(index), seed \(seed)")
        }
    }

    @Test func distinctLongTexts() throws {
        let plan = try Transactions.plan(windows: "[1m, 1h]", features: ["count_distinct(s)", "min(s)", "max(s) where flag"])
        let seed: UInt64 = 9
        var random = SeededGenerator(seed: seed)
        var events = Transactions.random(250, cards: 1, using: &random)
        for index in events.indices {
            // They differ in the last bytes alone, or are prefixes of each other.
            let length = Int.random(in: 0...400, using: &random)
            events[index].fields[6] = .text(
                String(repeating: "long ", count: random.isOneIn(2) ? 80 : length) + "\(Int.random(in: 0..<40, using: &random))")
        }
        let expected = NaiveRows(view: plan.views[0]).rows(events)
        for evictionOneIn in [Int?.none, 2] {
            let run = ShardRun(plan, batchSize: 64, evictionOneIn: evictionOneIn, restartOneIn: 2, place: "seed \(seed)")
            compare(try run.rows(events, using: &random).rows, expected, plan.views[0], run.place)
        }
    }
}
