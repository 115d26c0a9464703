import Pipelines
import Records
import Testing

/// What a file may say and what it then means.
struct GoodFileTests {
    private func plan(_ piece: String, _ replacement: String) throws -> Plan {
        try Plan(parsing: BadFileTests.replacing(piece, replacement), file: "f")
    }

    @Test func inputsAreSharedByStructure() throws {
        let features = """
            windows: [1h]}
                  - {name: a, aggregate: 'max(amount+1)', windows: [2h]}
                  - {name: b, aggregate: MIN( amount + 1 ), windows: [2h], where: ok}
                  - {name: c, aggregate: sum(amount + 1), windows: [2h], where: (ok)}
                  - {name: d, aggregate: count(), windows: [2h], where: ok}
            """
        let view = try plan("windows: [1h, 7d]}", features).views[0]
        #expect(view.values.map(\.input) == [nil, 0, 1, 1, 2, 3])
        #expect(view.inputs[2].argument == nil && view.inputs[2].type == nil && view.inputs[2].condition != nil)
        #expect(view.values.last?.window == nil)
        #expect(view.values.last?.name == "total_lifetime")
        #expect(view.retention == nil)
    }

    @Test func durationsAndBounds() throws {
        let source = "topic: a.b-c\n    format: json\n    out_of_orderness: 500ms\n    idle_timeout: 5m\n    max_ahead: 7d"
        let read = try plan("topic: tx\n    format: json", source).sources[0]
        #expect(read.topic == "a.b-c")
        #expect(read.outOfOrderness == .milliseconds(500))
        #expect(read.idleTimeout == .seconds(300))
        #expect(read.maxAhead == .seconds(7 * 86_400))
        for bounds in WindowBounds.allCases {
            #expect(try plan("where: amount > 0", "bounds: \"\(bounds.rawValue)\"").views[0].bounds == bounds)
        }
    }

    /// It shows where it is set, and the state does not depend on it.
    @Test func archives() throws {
        func plan(archive: Bool) throws -> Plan {
            try self.plan("format: json", "format: json\n    archive: \(archive)")
        }
        let (without, with) = (try plan(archive: false), try plan(archive: true))
        #expect(!without.sources[0].archive && with.sources[0].archive)
        #expect(PlanChange(from: KeptPlan(without), to: with).fits && PlanChange(from: KeptPlan(with), to: without).fits)
        #expect(with.sources[0].fields == without.sources[0].fields)
        #expect(!without.report.contains("archive") && with.report.contains("\n  archive"))
    }

    /// Windows reach twice: from the watermark to a late event, and from the rows that count it.
    @Test func lateEvents() throws {
        let without = try plan("windows: [lifetime], delay: 1d", "windows: [2d], delay: 1d")
        #expect(without.sources[0].late == .drop && without.views[0].lateReach == nil && !without.views[0].isOrdered)
        #expect(without.views[0].kept == without.views[0].retention && !without.report.contains("late"))
        let late = "format: json\n    late: apply"
        let endless = try plan("format: json", late).views[0]
        #expect(endless.lateReach == .endless && endless.kept == nil && endless.isOrdered)
        let text = BadFileTests.replacing("format: json", late).replacing("windows: [lifetime]", with: "windows: [2d]")
        let view = try Plan(parsing: text, file: "f").views[0]
        #expect(view.lateReach == .seconds(7 * 86_400) && view.kept == .seconds(14 * 86_400))
        #expect(try Plan(parsing: text, file: "f").report.contains("up to 7d behind the watermark, events are kept for 14d"))
        for mode in ["arrival", "none"] {
            let text = text.replacing("source: tx\n", with: "source: tx\n    snapshots: \(mode)\n")
            let view = try Plan(parsing: text, file: "f").views[0]
            #expect(!view.isOrdered && view.kept == .seconds((mode == "none" ? 7 : 14) * 86_400))
        }
    }

    /// Sums of a time into which an event may still come would have to be taken apart again.
    @Test func lateEventsAndTiles() {
        let text = BadFileTests.replacing("format: json", "format: json\n    late: apply")
        let expected =
            "the source applies late events, which may come into a time of which only sums are kept; expected 'resolution: exact', or a source with 'late: drop'"
        let feature = text.replacing(
            "count(), windows: [1h, 7d]", with: "count(), windows: [1h, 7d], resolution: {events: 1000, step: 1m}")
        #expect(BadFileTests.errors(feature) == "f:27:70: \(expected)")
        let view = text.replacing("where: amount > 0", with: "resolution: {events: 1000, step: 1m}")
        #expect(BadFileTests.errors(view) == "f:27:30: \(expected)\nf:28:34: \(expected)")
        #expect(BadFileTests.errors(view.replacing("{events: 1000, step: 1m}", with: "exact")) == "no error")
    }

    @Test func anchorsAndAliases() throws {
        let text = "windows: &w [1h, 7d]}\n      - {name: m, aggregate: &a avg(amount), windows: *w}\n"
        let view = try plan("windows: [1h, 7d]}\n", text + "      - {name: o, aggregate: *a, windows: *w}\n").views[0]
        #expect(view.values.map(\.name).prefix(6) == ["n_1h", "n_7d", "m_1h", "m_7d", "o_1h", "o_7d"])
        #expect(view.values[2].input == view.values[4].input)
    }

    @Test func starsInTextsAreNoAliases() throws {
        let plan = try plan("where: amount > 0", "where: amount * 2 > 1 and card <> '*'")
        let names = plan.sources[0].fields.map(\.name)
        #expect(plan.views[0].condition?.text(names: names) == "((amount * 2) > 1) and (card <> '*')")
    }

    @Test func timestampsHaveUnits() throws {
        let fields = try plan("ok: bool", "ok: bool\n      a: timestamp\n      b: timestamp(s)?\n      c: timestamp(us)").sources[
            0
        ].fields
        #expect(fields.suffix(5).prefix(3).map(\.unit) == [.rfc3339, .seconds, .microseconds])
    }

    @Test func aSourceThatNoViewReads() throws {
        let plan = try plan(
            "views:",
            "  other:\n    topic: other\n    format: json\n    event_time: {field: t, unit: s}\n    fields: {t: timestamp}\nviews:"
        )
        #expect(plan.sources.count == 2)
        #expect(plan.report.contains("source other: no view reads it"))
        #expect(PlanChange(from: KeptPlan(try self.plan("ok: bool", "ok: bool")), to: plan).fits)
    }

    @Test func resolutions() throws {
        let features = """
            resolution: {events: 5000, step: 1m}
                features:
                  - {name: a, aggregate: count(), windows: [30s, 1m, 1h, lifetime]}
                  - {name: b, aggregate: last(amount), windows: [10m], resolution: exact}
                  - {name: c, aggregate: sum(amount), windows: [1h], where: ok, delay: 5s}
            """
        let view = try plan("where: amount > 0\n    features:", features).views[0]
        let resolution = Resolution(events: 5_000, step: .seconds(60))
        #expect(
            view.values.prefix(8).map(\.name) == [
                "a_30s", "a_1m", "a_1h", "a_1h_extra", "a_lifetime", "b_10m", "c_1h", "c_1h_extra",
            ])
        // A window within a step stays exact, one without an older end is.
        #expect(view.values.prefix(8).map { $0.resolution != nil } == [false, false, true, true, true, false, true, true])
        #expect(view.values.prefix(8).map(\.isExtra) == [false, false, false, true, false, false, false, true])
        #expect(view.values[7].input == view.values[6].input && view.values[7].type == .int64)
        #expect(view.resolution == resolution && view.retention == nil && view.exactReach == .seconds(600))
        #expect(try plan("where: amount > 0", "resolution: exact").views[0].resolution == nil)
    }
}
