import Engine
import Pipelines
import Records
import TestSupport
import Testing

/// Windows over more events than stay events: against counting anew by the rule, and in pieces.
struct ResolutionTests {
    private static let sums = [
        "count()", "sum(i)", "stddev_pop(d)", "min(at)", "max(b)", "count(s)", "avg(d) where flag", "count(x)",
    ]

    @Test(arguments: WindowBounds.allCases, [SnapshotMode.final, .arrival])
    func everyBound(bounds: WindowBounds, snapshots: SnapshotMode) throws {
        let seed = UInt64(WindowBounds.allCases.firstIndex(of: bounds)! + 1)
        try check(
            "{events: 128, step: 5s}", windows: "[2s, 20s, 10m, 1h]", delays: ["0s"], features: Self.sums, bounds: bounds,
            snapshots: snapshots, seed: seed)
    }

    @Test(arguments: [
        ("{events: 300, step: 10s}", "[9s, 1m, 15m, 16m, lifetime]", ["0s", "30s"]),
        ("{events: 600, step: 6s}", "[30s, 10m, 18m]", ["0s"]),
        ("{events: 200, step: 5m}", "[2m, 6m, 7m, 22m]", ["90s"]),
    ])
    func tiles(resolution: String, windows: String, delays: [String]) throws {
        try check(
            resolution, windows: windows, delays: delays,
            features: Self.sums + ["last(s)", "count_distinct(s)", "min(s)", "sum(x)", "var_samp(x)"], seed: 40)
    }

    /// Numbers of any magnitude stay events: no value may depend on what became a tile.
    @Test func doublesBeyondMeasure() throws {
        try check(
            "{events: 128, step: 5s}", windows: "[1m, 1h]", delays: ["0s"], features: ["count()", "sum(x)", "max(x)"], seed: 50,
            isTame: false)
    }

    private func check(
        _ resolution: String, windows: String, delays: [String], features: [String], bounds: WindowBounds = .openClosed,
        snapshots: SnapshotMode = .final, seed: UInt64, isTame: Bool = true
    ) throws {
        let plan = try Transactions.plan(
            snapshots: snapshots, bounds: bounds, windows: windows, delays: delays, features: features, resolution: resolution)
        let view = plan.views[0]
        let extras = view.values.indices.filter { view.values[$0].isExtra }
        #expect(!extras.isEmpty)
        var random = SeededGenerator(seed: seed)
        var events = Transactions.random(2_500, cards: 1, step: 6_000_000, using: &random)
        if isTame {
            for index in events.indices where events[index].fields[5] != .null {
                events[index].fields[5] = .word(Int64(bitPattern: Double(index % 1_000).squareRoot().bitPattern))
            }
        }
        let place = "\(resolution), \(windows), \(bounds), \(snapshots), seed \(seed)"
        let whole = try ShardRun(plan, batchSize: 128, place: place).rows(events, using: &random)
        let exact = try ShardRun(Self.exact(plan), batchSize: 128, place: place).rows(events, using: &random)
        #expect(whole.rows.count == events.count, "\(place)")
        if isTame { #expect(whole.bytes < exact.bytes * 3 / 4, "\(whole.bytes) of \(exact.bytes) bytes; \(place)") }
        if snapshots == .final {
            for (batchSize, evictionOneIn, restartOneIn) in [(1, 20, 2), (50, 1, 2), (2048, nil, nil)] as [(Int, Int?, Int?)] {
                let run = ShardRun(
                    plan, batchSize: batchSize, evictionOneIn: evictionOneIn, restartOneIn: restartOneIn, place: place)
                let rows = try run.rows(events, using: &random).rows
                let wrong = whole.rows.keys.sorted().filter { rows[$0] != whole.rows[$0] }
                #expect(wrong.isEmpty, "\(wrong.count) rows differ, the first \(wrong[0]); \(run.place)")
            }
        }
        let naive = NaiveRows(view: view)
        var loose = 0
        for index in (0..<25).map({ _ in Int.random(in: 0..<events.count, using: &random) }) {
            let event = events[index]
            let seen = snapshots == .arrival ? events[...index] : events[...]
            let row = whole.rows[RowID(partition: Int64(event.partition), offset: event.offset)]
            let expected = naive.values(seen.filter { $0.fields[1] == event.fields[1] }, at: event.time)
            for (number, value) in view.values.enumerated() where row?.values[number] != expected[number] {
                Issue.record("\(value.name): \(row?.values[number] as Any), not \(expected[number]), event \(index); \(place)")
            }
            loose += extras.contains { expected[$0] != .word(0) } ? 1 : 0
        }
        #expect(loose > 2, "windows are not exact in \(loose) of 25 rows; \(place)")
    }

    private static func exact(_ plan: Plan) -> Plan {
        var plan = plan
        for index in plan.views[0].values.indices { plan.views[0].values[index].resolution = nil }
        plan.views[0].values.removeAll { $0.isExtra }
        return plan
    }
}
