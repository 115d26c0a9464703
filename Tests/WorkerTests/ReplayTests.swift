import Foundation
import Logging
import Pipelines
import Records
import TestSupport
import Testing
import Worker

/// Whole runs over files: nothing but the events shows in the rows.
@Suite(.serialized) struct ReplayTests {
    private func run(_ payments: Payments, _ change: (inout WorkerOptions) -> Void = { _ in }) throws -> Outcome {
        var options = payments.options()
        change(&options)
        var outcome = Outcome()
        outcome.add(try Worker(payments.plan, options, log: Payments.log).run())
        return outcome
    }

    /// Runs from the state of the run before, each stopped at some moment, until the input is over.
    private func runInPieces(_ payments: Payments, _ random: inout SeededGenerator, _ options: WorkerOptions) throws -> Outcome {
        var outcome = Outcome()
        var options = options
        for _ in 0..<3 {
            options.threads = Int.random(in: 1...4, using: &random)
            let worker = try Worker(payments.plan, options, log: Payments.log)
            let enough = UInt64(Int.random(in: 0...payments.recordCount, using: &random))
            let isOver = Flag()
            let stopping = WorkThread {
                while worker.status.figures.records < enough && !isOver.value { usleep(200) }
                worker.stop()
            }
            defer {
                isOver.set()
                stopping.join()
            }
            outcome.add(try worker.run())
        }
        outcome.add(try Worker(payments.plan, options, log: Payments.log).run())
        return outcome
    }

    @Test func threadsAndMemoryDoNotShow() throws {
        let payments = try Payments(seed: 1)
        let first = try run(payments) { $0.threads = 1 }
        let counters = first.counters["payments"] ?? []
        #expect(counters.reduce(0, +) == UInt64(payments.recordCount * 3 / 4))
        #expect(first.rows["cards"] == Int(counters[0]) && first.rows["at_once"] == Int(counters[0]))
        #expect(counters[1] > 0 && counters.last! > 0, "malformed and late ones are there")
        for threads in [2, 5] {
            for memory in [1 << 30, 150_000] {
                let other = try run(payments) {
                    $0.threads = threads
                    $0.memory = memory
                }
                #expect(other == first, "\(threads) threads, \(memory) bytes")
            }
        }
    }

    @Test(arguments: 1...4) func interruptedRunsGoOn(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let payments = try Payments(seed: seed)
        let whole = try run(payments) { $0.stateDirectory = payments.folder + "/whole" }
        var options = payments.options(state: "pieces")
        options.commitInterval = seed % 2 == 0 ? .milliseconds(1) : .seconds(10)
        options.memory = seed < 3 ? 1 << 30 : 100_000
        let pieces = try runInPieces(payments, &random, options)
        #expect(pieces == whole, "seed \(seed)")
        let nothingNew = try run(payments) { $0.stateDirectory = payments.folder + "/pieces" }
        #expect(nothingNew.rows.values.allSatisfy { $0 == 0 } && nothingNew.counters == whole.counters, "seed \(seed)")
    }

    /// Rows that wait in the state, and those that came out, are all rows.
    @Test func waitingRowsWait() throws {
        let payments = try Payments(seed: 8, recordCount: 3_000)
        let whole = try run(payments)
        let waiting = try run(payments) { $0.stateDirectory = payments.folder + "/state" }
        #expect(waiting.rows["at_once"] == whole.rows["at_once"])
        let cards = try #require(waiting.rows["cards"])
        #expect(cards < whole.rows["cards"]! && cards > whole.rows["cards"]! - 100)
    }

    @Test func rowsInParts() throws {
        let payments = try Payments(seed: 5, recordCount: 4_000)
        var random = SeededGenerator(seed: 5)
        let whole = try run(payments) {
            $0.stateDirectory = payments.folder + "/whole-state"
            $0.logDirectory = payments.folder + "/whole"
        }
        var options = payments.options(state: "state", log: "pieces")
        options.memory = 100_000
        options.commitInterval = .milliseconds(1)
        let pieces = try runInPieces(payments, &random, options)
        #expect(pieces.rows == whole.rows && pieces.counters == whole.counters)
        for view in payments.plan.views {
            guard let (left, right) = try partRows(payments, view) else { return }
            #expect(left.count == whole.rows[view.name] && left == right, "view \(view.name)")
        }
        let letters = try ["whole", "pieces"].map {
            try String(contentsOfFile: "\(payments.folder)/\($0)/_dead_letters/dead_letters.jsonl", encoding: .utf8)
                .split(separator: "\n").sorted()
        }
        #expect(letters[0] == letters[1])
    }

    /// The rows of two logs, sorted, as Python's DuckDB reads them; nil without one.
    private func partRows(_ payments: Payments, _ view: ViewPlan) throws -> ([Substring], [Substring])? {
        guard let python = ProcessInfo.processInfo.environment["FRESHET_PYTHON"] else { return nil }
        let rows = try ["whole", "pieces"].map { log in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: python)
            process.arguments = [
                "-c",
                "import sys, duckdb\nfor r in duckdb.sql(f\"select * exclude (created) replace (epoch_us(event_timestamp) as event_timestamp) from '{sys.argv[1]}/*/*.parquet' order by all\").fetchall(): print(r)",
                "\(payments.folder)/\(log)/\(view.name)",
            ]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return text.split(separator: "\n")
        }
        return (rows[0], rows[1])
    }

    @Test func anInterruptedRunWithoutStatePublishesNothing() throws {
        let payments = try Payments(seed: 6, recordCount: 3_000)
        let worker = try Worker(payments.plan, payments.options(log: "log"), log: Payments.log)
        worker.stop()
        #expect(throws: WorkerError.self) { try worker.run() }
        let files = try FileManager.default.subpathsOfDirectory(atPath: payments.folder + "/log")
        #expect(!files.contains { $0.hasSuffix(".parquet") }, "\(files)")
        let again = try run(payments) { $0.logDirectory = payments.folder + "/log" }
        #expect(again.rows == (try run(payments)).rows)
    }
}
