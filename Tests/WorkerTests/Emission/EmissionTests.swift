import Foundation
import Kafka
import Logging
import Pipelines
import Records
import TestSupport
import Testing

@testable import Worker

/// Whole workers over a mock's topic and a double of the emitted one, which ends them at every step of a commit.
@Suite struct EmissionTests {
    static let seeds: UInt64 =
        ProcessInfo.processInfo.environment["FRESHET_EMIT_SEEDS"].flatMap { UInt64($0) } ?? 5

    @Test(arguments: 1...EmissionTests.seeds) func crashesLoseNoRowAndGiveNoneTwice(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let input = try Input(seed: seed)
        let topic = EmittedTopic()
        for _ in 0..<12 {
            topic.crash(after: Int.random(in: 0..<(random.isOneIn(4) ? 30 : 8), using: &random))
            let commitInterval = TimeSpan.milliseconds(Int64.random(in: 1...30, using: &random))
            let why = try input.run("crashed", to: topic, commitInterval: commitInterval)
            #expect(why == nil || why!.hasPrefix("crash at"), "seed \(seed)")
            // What is lost of the state is made again, and not emitted again.
            if random.isOneIn(6) { try input.forget("crashed") }
            try input.produce(count: Int.random(in: 0...120, using: &random))
        }
        try input.produceMore()
        topic.crash(after: .max)
        #expect(try input.run("crashed", to: topic) == nil)

        let undisturbed = EmittedTopic()
        #expect(try input.run("alone", to: undisturbed) == nil)
        #expect(timeless(topic.rows) == timeless(undisturbed.rows), "seed \(seed)")
        #expect(topic.rows.count > 1_000 && topic.crashes.values.reduce(0, +) > 4, "seed \(seed): \(topic.crashes)")
        // Nothing new: nothing more.
        #expect(try input.run("crashed", to: topic) == nil)
        #expect(topic.rows.count == undisturbed.rows.count, "seed \(seed)")
    }

    /// One crash at each of a commit's steps, the next life undisturbed.
    @Test(arguments: [0, 1, 2, 3, 5, 8, 12]) func aCrashAtEveryStep(_ step: Int) throws {
        let input = try Input(seed: 77)
        let topic = EmittedTopic()
        topic.crash(after: step)
        _ = try input.run("state", to: topic, commitInterval: .milliseconds(1))
        topic.crash(after: .max)
        #expect(try input.run("state", to: topic, commitInterval: .milliseconds(1)) == nil)
        let undisturbed = EmittedTopic()
        #expect(try input.run("alone", to: undisturbed) == nil)
        #expect(timeless(topic.rows) == timeless(undisturbed.rows))
    }

    @Test func aSecondWorkerEndsTheFirst() throws {
        let input = try Input(seed: 78)
        let topic = EmittedTopic()
        let first = try input.worker("first", to: topic)
        let ended = Flag()
        WorkThread.detach {
            do { _ = try first.run() } catch { if "\(error)".contains("fenced") { ended.set() } }
        }
        while topic.commits < 2 { usleep(1_000) }
        #expect(try input.run("second", to: topic) == nil)
        try input.produceMore()
        for _ in 0..<1_000 where !ended.value { usleep(10_000) }
        #expect(ended.value)
        #expect(try input.run("second", to: topic) == nil)
        #expect(Set(timeless(topic.rows)).count == topic.rows.count)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let input = try Input(seed: 79)
        let topic = EmittedTopic()
        #expect(try input.run("state", to: topic) == nil)
        let count = topic.rows.count

        // After a clean stop, nothing is lost with the group's offsets.
        topic.forgetPositions()
        #expect(try input.run("state", to: topic) == nil)
        #expect(topic.rows.count == count)

        // Behind the transaction that begins emission.
        topic.crash(after: 2)
        try input.produceMore()
        #expect(try input.run("state", to: topic)?.contains("crash") == true)
        topic.change { $0.metadata = "" }
        #expect(try input.run("state", to: topic)?.contains("was not committed by this program") == true)
        topic.forgetPositions()
        #expect(try input.run("state", to: topic)?.contains("is not known") == true)
        // A run without emission says that what comes out meanwhile is not to be emitted.
        #expect(try input.run("state", to: nil) == nil)
        #expect(try input.run("state", to: topic) == nil)
        #expect(topic.rows.count == count)
    }

    private func timeless(_ rows: [EmittedTopic.Row]) -> [EmittedTopic.Row] {
        rows.map { row in
            EmittedTopic.Row(key: row.key, value: row.value.replacing(/"created":"[^"]*",/, with: "", maxReplacements: 1))
        }.sorted()
    }
}

/// A topic of payments on a mock, and workers over it.
private final class Input: @unchecked Sendable {
    private static let partitions: Int32 = 3
    private let folder: String
    private let mock: MockCluster
    private let plan: Plan
    private var random: SeededGenerator
    private var newest = 1_700_000_000_000
    private var ends = [Int64](repeating: 0, count: Int(partitions))

    init(seed: UInt64) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("emission-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        mock = try MockCluster(brokers: 1)
        try mock.createTopic("payments", partitions: Int(Self.partitions))
        plan = try Plan(parsing: Self.pipeline, file: "test.yaml")
        random = SeededGenerator(seed: seed)
        try produce(count: 200)
        try produceMore()
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private static let pipeline = """
        pipeline: test
        version: 3
        sources:
          payments:
            topic: payments
            format: json
            key: card
            event_time: {field: time, unit: ms}
            out_of_orderness: 5s
            fields: {time: timestamp, card: string, shop: int64, amount: decimal(2)}
        views:
          cards:
            source: payments
            entity: [card]
            features:
              - {name: n, aggregate: count(), windows: [10s, 10m]}
              - {name: sd, aggregate: stddev_samp(amount), windows: [1m]}
          at_once:
            source: payments
            entity: [card]
            snapshots: arrival
            features: [{name: n, aggregate: count(), windows: [1m]}]
          both:
            source: payments
            entity: [shop, card]
            features: [{name: total, aggregate: sum(amount), windows: [1h]}]
          silent:
            source: payments
            entity: [shop]
            snapshots: none
            features: [{name: n, aggregate: count(), windows: [1m]}]
        """

    func produce(count: Int) throws {
        let producer = try KafkaProducer(KafkaConfiguration(brokers: mock.bootstrapServers)) { _, _ in }
        for _ in 0..<count {
            newest += Int.random(in: 0...2_000, using: &random)
            let time = newest - Int.random(in: 0...4_999, using: &random)
            let card = Int.random(in: 0..<90, using: &random)
            let partition = Int32(card) % Self.partitions
            let text =
                random.isOneIn(50)
                ? "nonsense" : #"{"time": \#(time), "card": "card \#(card)", "shop": \#(card % 7), "amount": \#(time % 997).25}"#
            try unsafe Array(text.utf8).withUnsafeBytes {
                try unsafe producer.send(
                    to: "payments", partition: partition, key: nil, value: $0, timestampMilliseconds: Int64(newest))
            }
            ends[Int(partition)] += 1
        }
        try producer.flush(timeout: .seconds(30))
    }

    /// Some more, the last in every partition far behind all others, so that the watermark passes these.
    func produceMore() throws {
        try produce(count: 100)
        newest += 60_000
        try produce(count: 100)
    }

    func worker(_ state: String, to topic: EmittedTopic?, commitInterval: TimeSpan = .milliseconds(20)) throws -> Worker {
        var options = WorkerOptions(input: .brokers(mock.bootstrapServers, properties: []), isBounded: false)
        options.stateDirectory = "\(folder)/\(state)"
        options.logDirectory = "\(folder)/\(state)-log"
        options.commitInterval = commitInterval
        if let topic {
            options.emitTopic = "rows"
            options.emitTarget = EmittedTopicTarget(topic)
        }
        return try Worker(plan, options, log: Payments.log)
    }

    /// Runs a worker until all was emitted, or, without emission, applied. Gives why it ended before.
    func run(_ state: String, to topic: EmittedTopic?, commitInterval: TimeSpan = .milliseconds(20)) throws -> String? {
        let worker = try worker(state, to: topic, commitInterval: commitInterval)
        let hasEnded = Flag()
        let wanted = UInt64(ends.reduce(0, +))
        let watch = WorkThread { [self] in
            for _ in 0..<6_000 where !hasEnded.value {
                let isDone =
                    worker.status.figures.records >= wanted
                    && ends.indices.allSatisfy { partition in
                        topic.map { $0.nextOffset(TopicPartition("payments", Int32(partition))) == ends[partition] } ?? true
                    }
                if isDone { break }
                usleep(5_000)
            }
            worker.stop()
        }
        defer {
            hasEnded.set()
            watch.join()
        }
        do {
            _ = try worker.run()
            return nil
        } catch { return "\(error)" }
    }

    func forget(_ state: String) throws {
        for path in ["\(folder)/\(state)", "\(folder)/\(state)-log"] where FileManager.default.fileExists(atPath: path) {
            try FileManager.default.removeItem(atPath: path)
        }
    }
}
