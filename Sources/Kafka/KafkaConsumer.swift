import CRdKafka
import Synchronization

/// Reads the partitions that it is told to, from the positions that it is told: no group protocol, no stored offsets.
///
/// One thread polls; every other call may come from any thread. Calls that ask the brokers block, up to their timeout.
/// Brokers that are down are log lines: the client reconnects and goes on.
public final class KafkaConsumer: Sendable {
    let handle: ConsumerHandle
    private let group: String

    /// Returns without having reached a broker. `group` only names the offsets that `commit` leaves for lag tools.
    public init(_ configuration: KafkaConfiguration, group: String, log: @escaping KafkaLog) throws(KafkaError) {
        let client = try Client(
            RD_KAFKA_CONSUMER, configuration, defaults: Bounds.consumer, group: group, log: log)
        // One queue for messages and callbacks, so that a poll serves both.
        unsafe rd_kafka_poll_set_consumer(client.handle)
        handle = ConsumerHandle(client)
        self.group = group
    }

    deinit { close() }

    /// Stops to fetch, at once. Later calls throw; batches that hold messages stay valid. A commit that was not waited
    /// for may be lost. Idempotent.
    public func close() {
        if handle.isClosed.exchange(true, ordering: .acquiringAndReleasing) { return }
        unsafe _ = rd_kafka_assign(handle.client.handle, nil)
    }

    /// The number that messages of `topic` carry: dense, from 0, in the order in which this consumer first heard of the
    /// topics, and constant for the consumer's life.
    public func topicIndex(of topic: String) throws(KafkaError) -> Int { try handle.index(ofTopic: topic) }

    /// Requires: an index that this consumer gave out.
    public func topic(at index: Int) -> String { handle.topic(at: index) }

    // MARK: Polling

    /// Empties the batch and fills it: waits up to `timeout` for the first message or event, then takes what is there.
    /// Returns with an empty batch when the time is over or `wake` was called. Throws what the client cannot go on after.
    public func poll(into batch: inout MessageBatch, timeout: Duration) throws(KafkaError) {
        try unsafe handle.poll(handle.queue, into: &batch, timeout: timeout)
    }

    /// Ends the poll that waits now, or else the next one that finds nothing. It takes a lock, so a signal handler must
    /// not call it; the thread that waits for signals may.
    public func wake() { unsafe rd_kafka_queue_yield(handle.queue) }

    // MARK: Offsets for lag tools

    /// Commits the next offset to read of each partition, without waiting; a failure is a log line of a later poll.
    public func commit(_ positions: [(TopicPartition, nextOffset: Int64)]) {
        if positions.isEmpty { return }
        let list = PartitionList(positions.map { ($0.0, StartPosition.offset($0.nextOffset)) })
        let code = unsafe rd_kafka_commit(handle.client.handle, list.raw, 1)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { logCommit(KafkaError("commit", at: group, code)) }
    }

    /// Commits as `commit` does, and waits up to `timeout` for the answer. A failure is a log line.
    public func commit(_ positions: [(TopicPartition, nextOffset: Int64)], waitingAtMost timeout: Duration) {
        if positions.isEmpty { return }
        let list = PartitionList(positions.map { ($0.0, StartPosition.offset($0.nextOffset)) })
        let answers: OpaquePointer = unsafe rd_kafka_queue_new(handle.client.handle)
        defer { unsafe rd_kafka_queue_destroy(answers) }
        var code = unsafe rd_kafka_commit_queue(handle.client.handle, list.raw, answers, nil, nil)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR {
            let event = unsafe rd_kafka_queue_poll(answers, Bounds.milliseconds(timeout))
            code = unsafe event == nil ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event)
            if unsafe event != nil { unsafe rd_kafka_event_destroy(event) }
        }
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { logCommit(KafkaError("commit", at: group, code)) }
    }

    private func logCommit(_ error: KafkaError) { handle.client.context.log(.warning, "COMMIT \(error)") }

    /// What the group has committed; nil where nothing was. Offsets of transactions count once these are committed, and are
    /// waited for while they are not decided.
    public func committed(_ partitions: [TopicPartition], timeout: Duration) throws(KafkaError) -> [CommittedPosition?] {
        let list = PartitionList(partitions)
        let code = unsafe rd_kafka_committed(handle.client.handle, list.raw, Bounds.milliseconds(timeout))
        try KafkaError.check(code, "read committed offsets of", at: group)
        try list.check("read committed offset of")
        return partitions.indices.map { index in
            let offset = list.offset(at: index)
            return offset < 0
                ? nil : CommittedPosition(partitions[index], nextOffset: offset, metadata: list.metadata(at: index))
        }
    }
}

extension ConsumerHandle {
    func poll(_ queue: OpaquePointer, into batch: inout MessageBatch, timeout: Duration) throws(KafkaError) {
        try checkOpen("consume from")
        unsafe batch.fill(from: queue, of: self, timeout: timeout)
        for case .error(let error, _) in batch.events where error.isFatal { throw error }
    }

    func checkOpen(_ operation: String) throws(KafkaError) {
        if isClosed.load(ordering: .acquiring) {
            throw KafkaError(operation, at: client.brokers, RD_KAFKA_RESP_ERR__DESTROY, text: "the consumer is closed")
        }
    }
}
