import Foundation
import Logging
import Pipelines
import Records
import TestSupport
import Worker

/// Two sources as files, and views over them that take every way through the worker.
final class Payments {
    let folder: String
    let plan: Plan
    let recordCount: Int

    /// - Parameter seed: of the files; they hold late and malformed records too.
    init(seed: UInt64, recordCount: Int = 8_000) throws {
        self.recordCount = recordCount
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("worker-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        plan = try Plan(parsing: Payments.pipeline, file: "test.yaml")
        var random = SeededGenerator(seed: seed)
        for (source, share) in [("payments", recordCount * 3 / 4), ("visits", recordCount / 4)] {
            var text = ""
            var newest = 1_700_000_000_000
            for number in 0..<share {
                newest += Int.random(in: 0...2_000, using: &random)
                var time = newest - Int.random(in: 0...4_999, using: &random)
                if random.isOneIn(100) { time -= 60_000 }
                if random.isOneIn(200) {
                    text += "{\"time\": \(time), nonsense\n"
                    continue
                }
                let card = random.isOneIn(3) ? 0 : Int.random(in: 0..<900, using: &random)
                let note = String(repeating: "n", count: number % 30)
                text += "{\"time\": \(time), \"card\": \"card \(card)\", \"shop\": \(Int.random(in: 0..<50, using: &random)),"
                text += " \"amount\": \(Int.random(in: 1...9_999, using: &random)).25, \"note\": \"\(note)\"}\n"
            }
            try text.write(toFile: "\(folder)/\(source).jsonl", atomically: true, encoding: .utf8)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private static let fields = """
            topic: events
            format: json
            event_time: {field: time, unit: ms}
            out_of_orderness: 5s
            fields: {time: timestamp, card: string, shop: int64, amount: decimal(2), note: string}
        """

    private static let pipeline = """
        pipeline: test
        version: 1
        sources:
          payments:
            key: card
        \(fields)
          visits:
        \(fields)
        views:
          cards:
            source: payments
            entity: [card]
            features:
              - {name: n, aggregate: count(), windows: [10s, 10m]}
              - {name: sd, aggregate: stddev_samp(amount), windows: [1m]}
              - {name: notes, aggregate: count_distinct(note), windows: [1m], delay: 10s}
          shops:
            source: payments
            entity: [shop]
            features:
              - {name: last, aggregate: last(note), windows: [1m, lifetime]}
              - {name: spent, aggregate: sum(amount), windows: [1m, lifetime]}
          at_once:
            source: payments
            entity: [shop]
            snapshots: arrival
            features: [{name: n, aggregate: count(), windows: [1m]}]
          visitors:
            source: visits
            entity: [card, shop]
            features: [{name: n, aggregate: count(), windows: [1h]}]
        """

    /// - Parameters:
    ///   - name: of the state's folder; nil: a run that starts with nothing and leaves none.
    ///   - log: of the log's folder; nil: rows are counted.
    func options(state name: String? = nil, log: String? = nil) -> WorkerOptions {
        var options = WorkerOptions(
            input: .files(["payments": "\(folder)/payments.jsonl", "visits": "\(folder)/visits.jsonl"]), isBounded: true)
        options.stateDirectory = name.map { "\(folder)/\($0)" }
        options.logDirectory = log.map { "\(folder)/\($0)" }
        return options
    }

    static var log: Logger {
        var log = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        log.logLevel = .error
        return log
    }
}

/// Rows and checksums by view, and what became of the records: of one run, or of several that go on from each other.
struct Outcome: Equatable {
    var rows: [String: Int] = [:]
    var checksums: [String: UInt64] = [:]
    var counters: [String: [UInt64]] = [:]

    mutating func add(_ summary: RunSummary) {
        for view in summary.views {
            rows[view.name, default: 0] += view.rows
            if let checksum = view.checksum { checksums[view.name, default: 0] &+= checksum }
        }
        // A run that goes on counts on.
        for source in summary.sources { counters[source.name] = source.counters }
    }
}
