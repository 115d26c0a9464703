import Aggregates
import Foundation
import Records
import Testing

@testable import Pipelines

/// What a changed pipeline needs of a state, and how it takes its columns over.
struct PlanChangeTests {
    static let old = """
        pipeline: p
        version: 1
        sources:
          tx:
            topic: tx
            format: json
            key: card
            event_time: {field: at, unit: ms}
            fields:
              at: timestamp
              card: string
              shop: string
              amount: decimal(2)
              rate: double
              ok: bool
              gone: int64?
        views:
          spend:
            source: tx
            entity: [card]
            where: amount > 0
            features:
              - {name: n, aggregate: count(), windows: [1h, 7d]}
              - {name: total, aggregate: sum(amount), windows: [1d]}
              - {name: good, aggregate: sum(amount), windows: [1d], where: ok}
              - {name: odd, aggregate: max(gone), windows: [1h]}
          shops:
            source: tx
            entity: [shop]
            features:
              - {name: ends, aggregate: last(rate), windows: [1h]}
              - {name: risk, aggregate: avg(rate), windows: [2h], delay: 1h}
          tiled:
            source: tx
            entity: [shop]
            resolution: {events: 1000, step: 1m}
            features:
              - {name: t, aggregate: sum(amount), windows: [30s, 1h]}
              - {name: c, aggregate: count(rate), windows: [1h], delay: 5m}
              - {name: d, aggregate: count_distinct(card), windows: [2m], resolution: exact}

        """

    static func plan(_ changes: [(String, String)] = [], of text: String = old) throws -> Plan {
        var text = text
        for (piece, replacement) in changes {
            let range = try #require(text.range(of: piece), "\(piece)")
            text.replaceSubrange(range, with: replacement)
        }
        return try Plan(parsing: text, file: "f")
    }

    /// A change, and a piece of what the report says of the backfill that it needs; nil: it needs none.
    static let cases: [(piece: String, replacement: String, why: String?)] = [
        ("version: 1", "version: 2", nil),
        ("name: n,", "name: m,", nil),
        ("[1h, 7d]", "[30m, 6d]", nil),
        ("[1h, 7d]", "[1h, 8d]", "n_8d: window 8d reaches further back than the 7d the state keeps"),
        ("[1h, 7d]", "[lifetime]", "window lifetime reaches further back than the 7d"),
        ("windows: [1h, 7d]", "windows: [6d], delay: 2d", "window 6d delayed by 2d reaches further back"),
        ("windows: [1h, 7d]", "windows: [6d], delay: 1d", nil),
        ("sum(amount)", "stddev_samp(amount)", nil),
        ("sum(amount)", "count_distinct(amount)", nil),
        ("sum(amount)", "first(amount)", "does not keep the order"),
        ("last(rate)", "first(rate)", nil),
        ("last(rate)", "min(rate)", nil),
        ("sum(amount)", "sum(rate)", "the state does not keep rate"),
        ("sum(amount)", "sum(amount * 2)", "the state does not keep amount * 2"),
        ("where: ok", "where: not ok", "the state does not keep amount where not ok"),
        ("where: amount > 0", "where: (amount>0)", nil),
        ("where: amount > 0", "where: amount > 1", "the view's where changed"),
        ("entity: [card]", "entity: [shop]", "the state is of other entities"),
        ("where: amount > 0", "bounds: \"[]\"", "the view's bounds changed"),
        ("topic: tx", "topic: ty", "the state is of other events"),
        ("unit: ms", "unit: us", "the events in the state have other times"),
        ("key: card", "key: shop", "the entities lie elsewhere"),
        ("key: card", "key: shop\n    idle_timeout: 1m", "the entities lie elsewhere"),
        ("format: json", "format: json\n    out_of_orderness: 9s", nil),
        ("rate: double", "rate: double?", nil),
        ("gone: int64?", "gone: int64", "field gone was int64?, is int64"),
        ("amount: decimal(2)", "amount: decimal(3)", "field amount was decimal(2), is decimal(3)"),
        ("pipeline: p", "pipeline: q", "the state is that of another pipeline"),
        ("where: amount > 0", "snapshots: arrival\n    where: amount > 0", nil),
        ("  shops:", "  stores:", "the state has no view of this name"),
        ("events: 1000", "events: 2000", "the view's resolution changed"),
        (
            "sum(amount), windows: [30s", "max(amount), windows: [30s",
            "the state's older sums of amount are not of what max needs"
        ),
        ("count(rate)", "avg(rate)", "the state's older sums of rate are not of what avg needs"),
        ("[2m], resolution", "[3m], resolution", "3m reaches further back than the 2m of which the state keeps every event"),
        ("delay: 5m", "delay: 6m", "ends before the 5m after which the state keeps sums only"),
        ("windows: [1h], delay: 5m", "windows: [59m], delay: 4m", nil),
    ]

    @Test func whatNeedsABackfill() throws {
        let kept = KeptPlan(try Self.plan())
        for change in Self.cases {
            let new = try Self.plan([(change.piece, change.replacement)])
            let result = PlanChange(from: kept, to: new)
            #expect(result.fits == (change.why == nil), "\(change.replacement)\n\(result.report)")
            guard let why = change.why else {
                check(kept.adopted(by: new), over: kept)
                continue
            }
            let parts = why.split(separator: ": ", maxSplits: 1)
            let line = result.report.split(separator: "\n").first { $0.contains(parts.last!) }
            #expect(
                line?.contains("backfill") == true && (parts.count < 2 || line!.contains(parts[0])), "\(why)\n\(result.report)")
            #expect(result.report.contains("cannot go on"))
        }
    }

    /// A plan over a state's columns: they are the state's, in its order, and its values are what its file says.
    private func check(_ adopted: KeptPlan, over kept: KeptPlan) {
        for view in adopted.plan.views {
            guard let before = kept.plan.views.firstIndex(where: { $0.name == view.name }),
                let position = adopted.plan.views.firstIndex(where: { $0.name == view.name })
            else {
                Issue.record("no view \(view.name)")
                continue
            }
            #expect(adopted.numbers[position] == kept.numbers[before])
            #expect(
                view.inputs.count == kept.plan.views[before].inputs.count && view.isOrdered == kept.plan.views[before].isOrdered)
            #expect(view.inputs.map(\.type) == kept.plan.views[before].inputs.map(\.type))
            let names = adopted.plan.sources[view.source].fields.map(\.name)
            guard let own = try? Plan(parsing: adopted.plan.text, file: "f"),
                let ownView = own.views.first(where: { $0.name == view.name })
            else {
                Issue.record("no text")
                continue
            }
            #expect(view.values.map { $0.text(view, names: names) } == ownView.values.map { $0.text(ownView, names: names) })
            for input in view.inputs { input.forEachField { #expect(adopted.plan.sources[view.source].fields[$0].stored) } }
        }
        guard let stored = KeptPlan(decoding: adopted.encoded()) else {
            Issue.record("what is stored is not read")
            return
        }
        #expect(stored.numbers == adopted.numbers && stored.encoded() == adopted.encoded())
        for (a, b) in zip(stored.plan.views.indices, adopted.plan.views.indices) {
            #expect(stored.plan.columns(of: a) == adopted.plan.columns(of: b))
        }
        #expect(PlanChange(from: stored, to: adopted.plan).fits)
    }

    @Test func viewsComeAndGoByName() throws {
        let kept = KeptPlan(try Self.plan())
        let start = try #require(Self.old.range(of: "  shops:"))
        let end = try #require(Self.old.range(of: "  tiled:"))
        let withoutShops = try Self.plan([(String(Self.old[start.lowerBound..<end.lowerBound]), "")])
        #expect(PlanChange(from: kept, to: withoutShops).fits)
        let adopted = kept.adopted(by: withoutShops)
        #expect(adopted.plan.views.map(\.name) == ["spend", "tiled"] && adopted.numbers == [0, 2])
        check(adopted, over: kept)
        // Once gone, it is new.
        let change = PlanChange(from: adopted, to: try Self.plan())
        #expect(!change.fits && change.report.contains("the state has no view of this name"))

        let spend = try #require(Self.old.range(of: "  spend:"))
        let moved = try Self.plan(
            of: String(Self.old[..<spend.lowerBound]) + String(Self.old[start.lowerBound...])
                + String(Self.old[spend.lowerBound..<start.lowerBound]))
        #expect(PlanChange(from: kept, to: moved).fits && kept.adopted(by: moved).numbers == [1, 2, 0])
        check(kept.adopted(by: moved), over: kept)
    }

    @Test func whatNoValueReadsIsKept() throws {
        let kept = KeptPlan(try Self.plan())
        let line = "      - {name: odd, aggregate: max(gone), windows: [1h]}\n"
        let ordinary = kept.adopted(by: try Self.plan([(line, "")]))
        check(ordinary, over: kept)
        // A value may read it again,
        #expect(PlanChange(from: ordinary, to: try Self.plan()).fits)
        check(ordinary.adopted(by: try Self.plan()), over: ordinary)
        // unless its field is gone meanwhile, or read in another way.
        for (replacement, why) in [("", "does not keep gone"), ("      gone: int64\n", "does not keep gone")] {
            let retired = kept.adopted(by: try Self.plan([(line, ""), ("      gone: int64?\n", replacement)]))
            check(retired, over: kept)
            let change = PlanChange(from: retired, to: try Self.plan())
            #expect(!change.fits && change.report.contains(why), "\(change.report)")
        }
    }

    /// A shorter reach is the state's from then on.
    @Test func whatIsOutOfReachIsLost() throws {
        let kept = KeptPlan(try Self.plan()).adopted(by: try Self.plan([("[1h, 7d]", "[1h, 2d]")]))
        let change = PlanChange(from: kept, to: try Self.plan())
        #expect(change.report.contains("window 7d reaches further back than the 2d the state keeps"))
    }

    /// Rows can be corrected where the state knows which they are, as far back as it has the events that they need.
    @Test func lateEvents() throws {
        let late = [("format: json", "format: json\n    late: apply"), ("    resolution: {events: 1000, step: 1m}\n", "")]
        let drop = KeptPlan(try Self.plan([late[1]]))
        let apply = try Self.plan(late)
        let report = PlanChange(from: drop, to: apply).report
        #expect(report.contains("backfill  was drop, is apply; the state does not know which rows its events have"), "\(report)")
        // `shops` has an aggregate for which the order is kept; one of `tiled` gets it, and one of `spend`.
        let ordered = [late[1], ("sum(amount)", "first(amount)"), ("sum(amount), windows: [30s", "last(amount), windows: [30s")]
        let fits = PlanChange(from: KeptPlan(try Self.plan(ordered)), to: apply)
        #expect(
            fits.fits
                && fits.report.contains(
                    "was drop, is apply: rows that need events older than the 7d that the state keeps are not corrected, but counted"
                ),
            "\(fits.report)")
        let applying = KeptPlan(try Self.plan(ordered)).adopted(by: apply)
        #expect(applying.plan.views.allSatisfy { $0.lateReach != nil && $0.isOrdered })
        check(applying, over: KeptPlan(try Self.plan(ordered)))
        // And back; the order stays.
        let back = try Self.plan([late[1]])
        #expect(PlanChange(from: applying, to: back).fits)
        let dropping = applying.adopted(by: back)
        #expect(dropping.plan.views.allSatisfy { $0.lateReach == nil && $0.isOrdered })
        #expect(PlanChange(from: dropping, to: apply).fits)
        // Rows that are those of arrival need not be known.
        let arrival = ("source: tx\n    entity: [card]", "source: tx\n    snapshots: arrival\n    entity: [card]")
        let served = PlanChange(from: drop, to: try Self.plan(late + [arrival]))
        #expect(served.views[0].fits && !served.fits, "\(served.report)")
    }

    /// Sums of a column are kept on in tiles though its value asks for less.
    @Test func tilesKeepWhatTheyHold() throws {
        let kept = KeptPlan(try Self.plan())
        let counting = kept.adopted(by: try Self.plan([("sum(amount), windows: [30s", "count(amount), windows: [30s")]))
        #expect(counting.plan.views[2].needs(of: 0) == .sum)
        #expect(PlanChange(from: counting, to: try Self.plan()).fits)
        check(counting, over: kept)
    }

    @Test func report() throws {
        let kept = KeptPlan(try Self.plan())
        let end = try #require(Self.old.range(of: "  tiled:"))
        let text =
            String(Self.old[..<end.lowerBound]) + "  more:\n    source: tx\n    entity: [shop]\n"
            + "    features: [{name: n, aggregate: count(), windows: [1h]}]\n"
        let new = try Self.plan(
            [
                ("version: 1", "version: 2"), ("ok: bool", "ok: bool\n      channel: string?"), ("[1h, 7d]", "[1h, 9d]"),
                ("sum(amount)", "avg(amount)"), ("name: good", "name: fine"),
                ("- {name: odd, aggregate: max(gone), windows: [1h]}", ""),
                ("entity: [shop]", "entity: [shop, card]"), ("name: ends", "name: end"),
            ], of: text)
        #expect(
            PlanChange(from: kept, to: new).report == """
                pipeline p, version 1 to 2

                source tx        changed
                  field channel  new                  string?

                view spend       changed    backfill
                  n_1h           unchanged  nothing
                  n_9d           new        backfill  count() over 9d; window 9d reaches further back than the 7d the state keeps
                  total_1d       changed    nothing   was sum(amount) over 1d, is avg(amount) over 1d
                  fine_1d        renamed    nothing   was good_1d
                  n_7d           gone       nothing
                  odd_1h         gone       nothing

                view shops       changed    backfill
                  entity         changed    backfill  was shop string, is shop string, card string; the state is of other entities
                  rows           changed    backfill  was exchanged by the entity's hash, is partitioned by the entity; the entities lie elsewhere in the state
                  end_1h         renamed    backfill  was ends_1h; the view's entity changed; the view's rows changed
                  risk_2h        unchanged  backfill  the view's entity changed; the view's rows changed

                view more        new        backfill  the state has no view of this name
                  n_1h           new        backfill  the view is new

                view tiled       gone       nothing   its state goes
                  t_30s          gone       nothing
                  t_1h           gone       nothing
                  t_1h_extra     gone       nothing
                  c_1h           gone       nothing
                  c_1h_extra     gone       nothing
                  d_2m           gone       nothing

                The new pipeline cannot go on from the state: 3 of 4 views need a backfill.

                """)
    }

    @Test func damagedBytesAreRefused() throws {
        let bytes = KeptPlan(try Self.plan()).encoded()
        for length in stride(from: 0, to: bytes.count, by: 7) { #expect(KeptPlan(decoding: Array(bytes[..<length])) == nil) }
        #expect(KeptPlan(decoding: bytes + [0]) == nil)
    }
}
