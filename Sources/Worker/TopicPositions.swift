internal import Kafka
internal import Logging
internal import Records
internal import Store

/// Holds what a topic has to what was read of it: nothing is passed over in silence, and no other topic of the same name is read as if
/// it were the one that the state is of.
final class TopicPositions {
    /// By topic, the last record that was read of each partition.
    private(set) var last: [String: [Int32: CommitMark.LastRecord]]
    /// Of partitions that are read from their last record on: what has to come there.
    private var expected: [TopicPartition: CommitMark.LastRecord] = [:]
    /// Offsets that were gone before they were read, where the run was told to go on all the same.
    private(set) var lost: [TopicPartition: Int64] = [:]
    private let onLost: WorkerOptions.LostOffsets
    private let log: Logger

    /// - Parameter last: as the state's last commit has it.
    init(_ last: [String: [Int32: CommitMark.LastRecord]], onLost: WorkerOptions.LostOffsets, log: Logger) {
        self.last = last
        self.onLost = onLost
        self.log = log
    }

    /// Where to go on with a partition of which all before `next` was read, and that holds the offsets from `low` up to, not
    /// including, `high`: at `next`, or at the last record before it, which is read again to see whether it is the same.
    func start(_ key: TopicPartition, next: Int64, low: Int64, high: Int64) throws(WorkerError) -> Int64 {
        if high < next {
            throw replaced(key, "it ends at offset \(high), but was read up to offset \(next)")
        }
        if low > next {
            guard onLost == .earliest else {
                throw WorkerError(
                    "\(key): the offsets from \(next) to \(low - 1) are gone before they were read, most likely by the topic's retention;"
                        + " what they held cannot be made up for. Start again with --on-lost-offsets earliest to go on without them, or"
                        + " with an empty --state and an empty --log to begin anew with what the topic holds")
            }
            lost[key, default: 0] += low - next
            log.warning(
                "\(key): the offsets from \(next) to \(low - 1) are gone before they were read: \(low - next) records at most are lost"
            )
            return low
        }
        guard let before = last[key.topic]?[key.partition], before.offset < next, before.offset >= low else { return next }
        expected[key] = before
        return before.offset
    }

    /// Whether `check` has to see the first record of some partition.
    var expectsAny: Bool { !expected.isEmpty }

    /// Looks at the first record that came of a partition.
    func check(_ key: TopicPartition, _ first: CommitMark.LastRecord) throws(WorkerError) {
        // What is not there any more says nothing: compaction may have taken it.
        guard let before = expected.removeValue(forKey: key), before.offset == first.offset, before != first else { return }
        throw replaced(key, "another record is at offset \(first.offset) than the one that was read there")
    }

    /// A record was read.
    func took(_ record: CommitMark.LastRecord, topic: String, partition: Int32) {
        last[topic, default: [:]][partition] = record
    }

    /// A partition, or all of the topic, is no more what it was.
    func replaced(_ key: TopicPartition, _ what: String) -> WorkerError {
        WorkerError(
            "\(key): \(what). The topic was deleted and made again, or has lost records; what it holds now does not go on from the"
                + " state. Start with an empty --state and an empty --log to read it from its beginning")
    }
}
