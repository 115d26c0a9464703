import Kafka
import Logging
import Testing

@testable import Store
@testable import Worker

/// What a topic holds against what was read of it.
struct TopicPositionsTests {
    private let key = TopicPartition("t", 3)
    private let last = CommitMark.LastRecord(offset: 99, fingerprint: 1234)

    private func positions(_ onLost: WorkerOptions.LostOffsets = .stop, knowsLast: Bool = true) -> TopicPositions {
        TopicPositions(
            knowsLast ? ["t": [3: last]] : [:], onLost: onLost, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test func goesOnAtTheLastRecord() throws {
        let positions = positions()
        #expect(try positions.start(key, next: 100, low: 0, high: 200) == 99)
        #expect(positions.expectsAny)
        try positions.check(key, last)
        #expect(!positions.expectsAny)
        // At its end, with nothing new.
        #expect(try positions.start(key, next: 100, low: 99, high: 100) == 99)
    }

    @Test func goesOnBehindARecordThatIsGoneOrUnknown() throws {
        #expect(try positions().start(key, next: 100, low: 100, high: 200) == 100)
        #expect(try positions(knowsLast: false).start(key, next: 100, low: 0, high: 200) == 100)
        // A source that shares the topic is behind the last record.
        #expect(try positions().start(key, next: 50, low: 0, high: 200) == 50)
        // Behind the last record there were markers of transactions.
        #expect(try positions().start(key, next: 110, low: 0, high: 200) == 99)
        let compacted = positions()
        _ = try compacted.start(key, next: 100, low: 0, high: 200)
        try compacted.check(key, CommitMark.LastRecord(offset: 104, fingerprint: 1))
    }

    @Test func anotherTopicIsRefused() throws {
        for onLost in WorkerOptions.LostOffsets.allCases {
            #expect(throws: WorkerError.self) { try positions(onLost).start(key, next: 100, low: 0, high: 99) }
            let other = positions(onLost)
            _ = try other.start(key, next: 100, low: 0, high: 200)
            #expect(throws: WorkerError.self) { try other.check(key, CommitMark.LastRecord(offset: 99, fingerprint: 1235)) }
        }
    }

    @Test func whatIsLostIsCountedOrAStop() throws {
        #expect(throws: WorkerError.self) { try positions().start(key, next: 100, low: 101, high: 200) }
        let onward = positions(.earliest)
        #expect(try onward.start(key, next: 100, low: 150, high: 200) == 150)
        #expect(onward.lost == [key: 50])
        #expect(try onward.start(key, next: 160, low: 161, high: 200) == 161)
        #expect(onward.lost == [key: 51])
    }
}
