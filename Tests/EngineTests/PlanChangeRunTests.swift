import Engine
import Pipelines
import TestSupport
import Testing

/// Half of the events under one plan, the rest under another that fits its state: rows as if there had been the other alone.
struct PlanChangeRunTests {
    private struct Change {
        var old: [String]
        var oldWindows = "[5s, 1m, 1h]"
        var new: [String]
        var newWindows = "[5s, 1m, 1h]"
        var resolution: String?
    }

    private static let all = Transactions.features + ["count(i)", "avg(d)", "last(s)", "max(at)"].map { "\($0) where flag" }

    private static let changes = [
        Change(old: all, new: all.reversed()),
        // Columns that no value reads, at the front, in the middle, and the order that nobody needs.
        Change(
            old: ["last(s)", "sum(i)", "max(d)", "count(x) where flag", "first(at)"],
            new: ["stddev_samp(d)", "count()", "sum(x) where flag", "count_distinct(d)"]),
        Change(
            old: ["sum(i)", "count(s)", "min(x)"], new: ["count_distinct(s)", "max(s)", "stddev_pop(x)", "avg(i)", "count()"]),
        Change(old: all, oldWindows: "[lifetime]", new: all, newWindows: "[3s, 20m]"),
        Change(old: ["count()"], oldWindows: "[1h]", new: ["count()"], newWindows: "[1ms, 59m]"),
        Change(
            old: ["sum(i)", "stddev_pop(d)", "max(x)", "last(s)", "count()"], oldWindows: "[10s, 5m]",
            new: ["max(x)", "avg(d)", "count(i)", "count_distinct(s)"], newWindows: "[10s, 3m]",
            resolution: "{events: 128, step: 1s}"),
    ]

    @Test(arguments: 0..<changes.count, 1...4) func goesOn(change number: Int, seed: UInt64) throws {
        let change = Self.changes[number]
        var random = SeededGenerator(seed: seed * 100 + UInt64(number))
        let snapshots: SnapshotMode = seed % 3 == 0 ? .arrival : .final
        let delays = seed % 2 == 0 ? ["0s"] : ["0s", "2s"]
        func plan(_ features: [String], _ windows: String) throws -> Plan {
            try Transactions.plan(
                snapshots: snapshots, windows: windows, delays: delays, features: features, resolution: change.resolution)
        }
        let old = try plan(change.old, change.oldWindows)
        let new = try plan(change.new, change.newWindows)
        let isHot = number > 3
        let events = Transactions.random(
            isHot ? 900 : 250, cards: isHot ? 1 : [2, 40][Int(seed % 2)], step: isHot ? 300_000 : 1_500_000, using: &random)
        let after = Int.random(in: 1..<events.count, using: &random)
        let expectedBefore = NaiveRows(view: old.views[0]).rows(events)
        let expected = NaiveRows(view: new.views[0]).rows(events)
        for (batchSize, evictionOneIn, restartOneIn) in [(7, 4, 3), (64, 1, 2), (1, 30, nil)] {
            let run = ShardRun(
                old, batchSize: batchSize, evictionOneIn: evictionOneIn, restartOneIn: restartOneIn,
                place: "change \(number) after \(after), seed \(seed)")
            let result = try run.rows(events, change: (after, new), using: &random)
            guard after <= (events.count - 1) / batchSize * batchSize else { continue }
            #expect(!result.rows.isEmpty && result.rows.count + result.rowsBefore.count == events.count, "\(run.place)")
            #expect(result.rowsBefore.allSatisfy { expectedBefore[$0.key] == $0.value }, "before it: \(run.place)")
            let wrong = result.rows.filter { expected[$0.key] != $0.value }
            if let (id, row) = wrong.min(by: { $0.key < $1.key }) {
                Issue.record("\(wrong.count) rows, first \(id): \(row), not \(expected[id]!); \(run.place)")
            }
        }
    }
}
