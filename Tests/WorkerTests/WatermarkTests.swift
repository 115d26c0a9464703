import Engine
import Logging
import Pipelines
import Records
import Testing

@testable import Store
@testable import Worker

/// The watermark of a source with several partitions, and who is late.
struct WatermarkTests {
    private let plan: Plan
    private let task: SourceTask
    /// One in microseconds, as the clocks have it.
    private static let second: Int64 = 1_000_000

    init() throws {
        plan = try Plan(
            parsing: """
                pipeline: test
                version: 1
                sources:
                  events:
                    topic: events
                    format: json
                    event_time: {field: time, unit: s}
                    out_of_orderness: 5s
                    idle_timeout: 30s
                    fields: {time: timestamp, card: string}
                views:
                  cards:
                    source: events
                    entity: [card]
                    features: [{name: n, aggregate: count(), windows: [1m]}]
                """, file: "test.yaml")
        task = WatermarkTests.task(plan)
    }

    private static func task(_ plan: Plan) -> SourceTask {
        let program = ViewProgram(plan.views[0], source: plan.sources[0])
        return SourceTask(plan.sources[0], index: 0, views: [(0, program)], deadLetters: DeadLetters(.nowhere), hasLog: false)
    }

    private func accept(_ task: SourceTask, _ partition: Int32, _ offset: Int64, time: Int64, now: Int64 = 0) throws {
        let record = Array("{\"time\": \(time), \"card\": \"a\"}".utf8)
        try unsafe record.withUnsafeBytes { bytes in
            try unsafe task.accept(
                RawRecord(value: bytes, readableBytes: 0), partition: partition, offset: offset, timestamp: nil,
                limit: EventTime(microseconds: 1_000 * Self.second), key: nil, now: now * Self.second)
        }
    }

    private func watermark(_ task: SourceTask, now: Int64?) -> Int64? {
        let watermark = task.watermark(now: now.map { $0 * Self.second })
        if watermark == .distantPast { return nil }
        return watermark == .distantFuture ? .max : watermark.microseconds / Self.second
    }

    @Test func theSlowestPartitionHoldsItBack() throws {
        #expect(watermark(task, now: nil) == nil && watermark(task, now: 0) == nil)
        for partition in [Int32(0), 1, 2] { task.addPartition(partition, now: 0) }
        try accept(task, 0, 0, time: 100)
        try accept(task, 1, 0, time: 50)
        #expect(watermark(task, now: nil) == nil, "partition 2 gave nothing yet")
        try accept(task, 2, 0, time: 70)
        #expect(watermark(task, now: nil) == 45)
        try accept(task, 1, 1, time: 46)
        #expect(watermark(task, now: nil) == 45, "an older event moves nothing")
        try accept(task, 1, 2, time: 200)
        #expect(watermark(task, now: nil) == 65)
        #expect(task.counters[0] == 5)
    }

    @Test func silenceCountsOnlyLiveAndAtTheEnd() throws {
        for partition in [Int32(0), 1] { task.addPartition(partition, now: 0) }
        try accept(task, 0, 0, time: 100, now: 10)
        try accept(task, 1, 0, time: 50, now: 10)
        #expect(watermark(task, now: 100) == 45, "more may lie in the topic")
        task.reachedEnd(1, isFinished: false)
        #expect(watermark(task, now: 39) == 45)
        #expect(watermark(task, now: nil) == 45, "a bounded run knows no clock")
        #expect(watermark(task, now: 40) == 95)
        // It wakes up, behind the others: the watermark stays, its own events are not late.
        try accept(task, 1, 1, time: 60, now: 41)
        #expect(watermark(task, now: 41) == 95)
        #expect(task.counters[0] == 3)
        try accept(task, 1, 2, time: 150, now: 42)
        try accept(task, 0, 1, time: 120, now: 42)
        #expect(watermark(task, now: 42) == 115)
        for partition in [Int32(0), 1] { task.reachedEnd(partition, isFinished: false) }
        #expect(watermark(task, now: 900) == 145, "where all are silent, the furthest is the last that holds")
    }

    /// A partition that never gave a record is idle from when it was added.
    @Test func anEmptyPartition() throws {
        for partition in [Int32(0), 1] { task.addPartition(partition, now: 0) }
        task.reachedEnd(1, isFinished: false)
        try accept(task, 0, 0, time: 100, now: 31)
        #expect(watermark(task, now: 29) == nil)
        #expect(watermark(task, now: 31) == 95)
    }

    /// The position comes past what transactions leave behind the last record; what a finished partition still gives is not taken.
    @Test func theEndMovesThePosition() throws {
        for partition in [Int32(0), 1] { task.addPartition(partition, now: 0) }
        try accept(task, 0, 3, time: 100)
        #expect(task.reachedEnd(0, at: 4, isFinished: false) == false && task.nextOffset(of: 0) == 4)
        #expect(task.reachedEnd(0, at: 7, isFinished: false) && task.nextOffset(of: 0) == 7)
        #expect(task.reachedEnd(0, at: 5, isFinished: true) == false && task.nextOffset(of: 0) == 7)
        #expect(task.reachedEnd(0, at: 9, isFinished: true) == false && task.nextOffset(of: 0) == 7)
        #expect(task.reachedEnd(1, at: 2, isFinished: true) && task.nextOffset(of: 1) == 2 && task.isFinished)
        #expect(task.state.positions[0]?.nextOffset == 7 && task.newest(of: 0)?.microseconds == 100 * Self.second)
    }

    @Test func finishedPartitionsDoNotHoldItBack() throws {
        for partition in [Int32(0), 1] { task.addPartition(partition, now: 0) }
        try accept(task, 0, 0, time: 100)
        task.reachedEnd(1, isFinished: true)
        #expect(watermark(task, now: nil) == 95 && !task.isFinished)
        task.reachedEnd(0, isFinished: true)
        #expect(watermark(task, now: nil) == .max && task.isFinished)
    }

    /// Late is a matter of the partition's prefix alone; a restart takes it up where it was.
    @Test func lateByPartition() throws {
        try accept(task, 0, 0, time: 100)
        try accept(task, 0, 1, time: 95)
        try accept(task, 0, 2, time: 96)
        try accept(task, 1, 0, time: 10)
        // Not past the limit, or it would move the watermark.
        try accept(task, 0, 3, time: 1_001)
        try accept(task, 0, 4, time: 96)
        let late = 1 + RejectionReason.allCases.firstIndex(of: .late)!
        let ahead = 1 + RejectionReason.allCases.firstIndex(of: .ahead)!
        #expect(task.counters[0] == 4 && task.counters[late] == 1 && task.counters[ahead] == 1)
        let restarted = Self.task(plan)
        restarted.restore(task.state, now: 0)
        try accept(restarted, 0, 4, time: 500)
        #expect(restarted.counters == task.counters, "offset 4 was applied already")
        try accept(restarted, 0, 5, time: 95)
        try accept(restarted, 1, 1, time: 6)
        #expect(restarted.counters[late] == 2 && restarted.counters[0] == 5)
        #expect(restarted.nextOffset(of: 0) == 6)
        #expect(watermark(restarted, now: nil) == 5)
    }

    /// What one source has sent may not carry the watermark of another whose records still wait.
    @Test func aWatermarkDoesNotOvertakeItsRecords() throws {
        let source = "topic: events, format: json, event_time: {field: time, unit: s}, fields: {time: timestamp, card: string}"
        let view = "entity: [card], features: [{name: n, aggregate: count(), windows: [1m]}]"
        let plan = try Plan(
            parsing: """
                pipeline: test
                version: 1
                sources: {a: {\(source)}, b: {\(source)}}
                views: {of_a: {source: a, \(view)}, of_b: {source: b, \(view)}}
                """, file: "test.yaml")
        let options = WorkerOptions(input: .files([:]), isBounded: true)
        let worker = try Worker(plan, options, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let (a, b) = (worker.tasks[0], worker.tasks[1])
        let slack = plan.sources[0].outOfOrderness.microseconds / Self.second
        func watermarks(sending task: SourceTask?) -> [Int64?] {
            worker.watermarks(sending: task).map { $0 == .distantPast ? nil : $0.microseconds / Self.second + slack }
        }
        try accept(a, 0, 0, time: 100)
        try accept(b, 0, 0, time: 200)
        #expect(watermarks(sending: a) == [100, nil])
        a.records.removeAll()
        #expect(watermarks(sending: b) == [100, 200])
        b.records.removeAll()
        try accept(a, 0, 1, time: 300)
        #expect(watermarks(sending: b) == [100, 200])
        #expect(watermarks(sending: a) == [300, 200])
    }
}
