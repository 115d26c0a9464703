import Engine
import Foundation
import Logging
import Pipelines
import Records
import TestSupport
import Testing
import Worker

/// A changed pipeline over the state of another: rows and values as if it had always been the changed one.
@Suite(.serialized) struct PlanChangeTests {
    /// The tests' pipeline with pieces replaced.
    private func plan(_ payments: Payments, _ changes: [(String, String)]) throws -> Plan {
        var text = payments.plan.text
        for (piece, replacement) in changes {
            let range = try #require(text.range(of: piece), "\(piece)")
            text.replaceSubrange(range, with: replacement)
        }
        return try Plan(parsing: text, file: "test.yaml")
    }

    private func run(_ plan: Plan, _ options: WorkerOptions, upTo records: UInt64? = nil) throws -> Outcome {
        let worker = try Worker(plan, options, log: Payments.log)
        let isOver = Flag()
        let stopping = records.map { enough in
            WorkThread {
                while worker.status.figures.records < enough && !isOver.value { usleep(100) }
                worker.stop()
            }
        }
        defer {
            isOver.set()
            stopping?.join()
        }
        var outcome = Outcome()
        outcome.add(try worker.run())
        return outcome
    }

    /// Views in another order, one gone, values renamed, shortened, over other aggregates, and gone.
    private static let changes = [
        ("version: 1", "version: 2"),
        ("{name: n, aggregate: count(), windows: [10s, 10m]}", "{name: many, aggregate: count(), windows: [9m]}"),
        ("stddev_samp(amount), windows: [1m]", "max(amount), windows: [30s, 2m]"),
        ("- {name: notes, aggregate: count_distinct(note), windows: [1m], delay: 10s}", ""),
        (
            "- {name: last, aggregate: last(note), windows: [1m, lifetime]}",
            "- {name: last, aggregate: first(note), windows: [2h]}"
        ),
    ]

    private func changed(_ payments: Payments) throws -> Plan {
        let text = try plan(payments, Self.changes).text
        let cards = try #require(text.range(of: "  cards:"))
        let shops = try #require(text.range(of: "  shops:"))
        let once = try #require(text.range(of: "  at_once:"))
        let visitors = try #require(text.range(of: "  visitors:"))
        return try Plan(
            parsing: String(text[..<cards.lowerBound]) + String(text[visitors.lowerBound...]) + "\n"
                + String(text[shops.lowerBound..<once.lowerBound]) + String(text[cards.lowerBound..<shops.lowerBound]),
            file: "test.yaml")
    }

    private func keys(_ payments: Payments) throws -> [(view: String, key: [String])] {
        (0..<12).flatMap { number in
            [("cards", ["card \(number * 70)"]), ("shops", ["\(number)"]), ("visitors", ["card 0", "\(number)"])]
        }
    }

    private func values(_ plan: Plan, _ payments: Payments, _ state: String) throws -> [String] {
        let reader = try StateReader(plan, directory: "\(payments.folder)/\(state)")
        return try keys(payments).map { view, key in
            let at = EventTime(microseconds: 1_700_000_000_000_000 + 4_500_000_000)
            return try "\(view) \(key) \(reader.read(view: view, key: key, at: at).values)"
        }
    }

    @Test(arguments: 1...4) func goesOn(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let payments = try Payments(seed: seed, recordCount: 5_000)
        let new = try changed(payments)
        var whole = payments.options(state: "whole", log: "whole-log")
        whole.memory = 100_000
        _ = try run(new, whole)

        var options = payments.options(state: "state", log: "log")
        options.memory = seed % 2 == 0 ? 1 << 30 : 100_000
        options.commitInterval = .milliseconds(5)
        let pieces = UInt64(Int.random(in: 500..<4_500, using: &random))
        let before = try run(payments.plan, options, upTo: pieces)
        #expect(try StateReader.change(of: payments.folder + "/state", to: new).fits)
        // What the state holds answers at once for the new values.
        _ = try values(new, payments, "state")
        options.threads = Int.random(in: 1...4, using: &random)
        let half = try run(new, options, upTo: (before.counters["payments"]?.reduce(0, +) ?? 0) + 300)
        #expect(try !StateReader.change(of: payments.folder + "/state", to: payments.plan).fits)
        #expect(throws: WorkerError.self) { try Worker(payments.plan, options, log: Payments.log) }
        _ = try run(new, options)
        #expect(try values(new, payments, "state") == values(new, payments, "whole"), "seed \(seed)")
        try checkRows(payments, new, before, half)
    }

    /// Each row once, in parts that hold what the plan wrote that made it.
    private func checkRows(_ payments: Payments, _ new: Plan, _ before: Outcome, _ half: Outcome) throws {
        guard let python = ProcessInfo.processInfo.environment["FRESHET_PYTHON"] else { return }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-c", Self.comparison, payments.folder] + new.views.map(\.name)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines.last == "done", "\(lines)")
        for view in new.views {
            #expect(lines.contains("\(view.name) \(before.rows[view.name] ?? 0) rows by version 1"), "\(lines)")
        }
    }

    /// Parts of version 2 hold a run's of the new plan; those of version 1 the other rows, with the old columns.
    private static let comparison = """
        import glob, sys, pyarrow.parquet as pq
        folder = sys.argv[1]
        def rows(log, view):
            parts = {}
            for name in sorted(glob.glob(f"{folder}/{log}/{view}/dt=*/*.parquet")):
                file = pq.ParquetFile(name)
                version = file.schema_arrow.metadata[b"freshet.version"].decode()
                for row in file.read().to_pylist():
                    row.pop("created")
                    key = row["partition"], row["offset"]
                    known = parts.setdefault(version, {})
                    assert key not in known, (name, key)
                    known[key] = row
            return parts
        for view in sys.argv[2:]:
            whole, pieces = rows("whole-log", view)["2"], rows("log", view)
            old, new = pieces.get("1", {}), pieces.get("2", {})
            assert not old.keys() & new.keys(), view
            assert old.keys() | new.keys() == whole.keys(), (view, len(old), len(new), len(whole))
            for key, row in new.items(): assert row == whole[key], (view, row, whole[key])
            names = {"cards": "n_10s", "shops": "last_lifetime", "visitors": "n_1h"}
            assert all(names[view] in row for row in old.values()), view
            print(view, len(old), "rows by version 1")
        left = rows("log", "at_once")
        assert list(left) == ["1"]
        print("done")
        """

    /// A view whose rows change their mode, or are turned off, with rows that wait.
    @Test func snapshotsChange() throws {
        let payments = try Payments(seed: 9, recordCount: 3_000)
        for mode in ["arrival", "none"] {
            let new = try plan(payments, [("entity: [card]\n", "entity: [card]\n    snapshots: \(mode)\n")])
            var options = payments.options(state: "state-\(mode)", log: "log-\(mode)")
            options.commitInterval = .milliseconds(5)
            // The first half is all that there is yet, so that there is more when the rows that wait for it are another plan's.
            let lines = try String(contentsOfFile: payments.folder + "/payments.jsonl", encoding: .utf8).split(separator: "\n")
            let half = payments.folder + "/half.jsonl"
            try lines.prefix(lines.count / 2).map { $0 + "\n" }.joined().write(toFile: half, atomically: true, encoding: .utf8)
            var first = options
            first.input = .files(["payments": half, "visits": payments.folder + "/visits.jsonl"])
            let before = try run(payments.plan, first)
            let after = try run(new, options)
            let whole = try run(payments.plan, payments.options(state: "whole-\(mode)"))
            let applied = try #require(after.counters["payments"]?.first)
            let rows = (before.rows["cards"] ?? 0) + (after.rows["cards"] ?? 0)
            #expect(
                after.counters == whole.counters && (mode == "none" || rows == Int(applied)), "\(mode): \(rows) of \(applied)")
        }
    }

    @Test func refusalsChangeNothing() throws {
        let payments = try Payments(seed: 3, recordCount: 1_000)
        var options = payments.options(state: "state", log: "log")
        options.commitInterval = .milliseconds(5)
        _ = try run(payments.plan, options, upTo: 500)
        func files() throws -> [String] {
            try FileManager.default.subpathsOfDirectory(atPath: payments.folder + "/log").sorted()
        }
        let before = try files()
        let new = try plan(payments, [("windows: [10s, 10m]", "windows: [10s, 20m]")])
        do {
            _ = try Worker(new, options, log: Payments.log)
            Issue.record("it was not refused")
        } catch let error as WorkerError {
            #expect(error.isInput && error.description.contains("reaches further back than the 10m the state keeps"), "\(error)")
        }
        #expect(throws: WorkerError.self) { try StateReader(new, directory: payments.folder + "/state") }
        #expect(try files() == before)
        _ = try run(payments.plan, options)
    }
}
