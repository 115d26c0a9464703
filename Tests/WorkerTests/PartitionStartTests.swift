import Records
import TestSupport
import Testing

@testable import Worker

/// Where reading begins, against a partition whose messages are all known.
struct PartitionStartTests {
    private struct Message {
        var offset: Int64
        /// In milliseconds.
        var timestamp: Int64
        /// In microseconds, at most `maxAhead` past the timestamp.
        var event: Int64
    }

    private let maxAhead = TimeSpan.milliseconds(500)

    private func find(
        _ messages: [Message], low: Int64, needed: Int64, asks: Bool = true
    ) -> PartitionStart {
        PartitionStart.find(
            low: low, high: (messages.last?.offset ?? low - 1) + 1, needed: EventTime(microseconds: needed), maxAhead: maxAhead
        ) { timestamp throws(Never) in
            asks ? messages.first { $0.timestamp >= timestamp }?.offset : nil
        }
    }

    /// No event from the needed instant on is skipped, whatever the lag, the disorder of timestamps and the gaps in offsets;
    /// and no event that is read is late in another way than in a reading from the beginning.
    @Test(arguments: 1...50) func nothingNeededIsSkipped(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var offset = Int64.random(in: 0...3, using: &random)
        let low = offset
        var now: Int64 = 1_000_000
        let lag = Int64.random(in: 0...5_000, using: &random)
        let messages = (0..<400).map { _ in
            offset += Int64.random(in: 1...3, using: &random)
            now += Int64.random(in: 0...20, using: &random)
            let timestamp = now - Int64.random(in: 0...300, using: &random)
            let event = (timestamp + 500 - Int64.random(in: 0...(500 + lag), using: &random)) * 1_000
            return Message(offset: offset, timestamp: timestamp, event: event)
        }
        let outOfOrderness: Int64 = 200_000
        func late(from start: Int64) -> Set<Int64> {
            var newest = Int64.min / 2
            var late: Set<Int64> = []
            for message in messages where message.offset >= start {
                if message.event <= newest - outOfOrderness { late.insert(message.offset) }
                newest = max(newest, message.event)
            }
            return late
        }
        var skipped = 0
        for _ in 0..<20 {
            let needed = messages.randomElement(using: &random)!.event + Int64.random(in: -2...2, using: &random)
            let start = find(messages, low: low, needed: needed)
            #expect(!start.isUnsearched)
            for message in messages where message.offset < start.offset {
                #expect(message.event < needed, "seed \(seed)")
                skipped += 1
            }
            let wanted = Set(messages.filter { $0.event >= needed }.map(\.offset))
            #expect(late(from: start.offset).intersection(wanted) == late(from: 0).intersection(wanted), "seed \(seed)")
        }
        #expect(skipped > 0, "seed \(seed)")
    }

    @Test func whatIsGoneIsKnown() {
        let messages = (10..<20).map { Message(offset: $0, timestamp: $0 * 1_000, event: $0 * 1_000_000) }
        #expect(find(messages, low: 10, needed: 15_000_000) == PartitionStart(offset: 15))
        // The first that is there is already needed: so may be what came before it.
        #expect(find(messages, low: 10, needed: 10_000_000) == PartitionStart(offset: 10, isTruncated: true))
        #expect(find(messages, low: 10, needed: .min) == PartitionStart(offset: 10, isTruncated: true))
        // All of it is too old.
        #expect(find(messages, low: 10, needed: 99_000_000) == PartitionStart(offset: 20))
        #expect(find([], low: 10, needed: 99_000_000) == PartitionStart(offset: 10, isTruncated: true))
    }

    @Test func brokersThatLookNothingUp() {
        let messages = (0..<10).map { Message(offset: $0, timestamp: $0 * 1_000, event: $0 * 1_000_000) }
        #expect(find(messages, low: 0, needed: 5_000_000, asks: false) == PartitionStart(offset: 0, isUnsearched: true))
    }
}
