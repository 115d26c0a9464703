import CRdKafka
import Synchronization

/// Writes keyed messages to one topic in transactions, which hold the offsets of a consumer group too: readers with
/// `read_committed` get all of a transaction or nothing.
///
/// One thread calls. A call throws an error that `isRetriable` (call again), one that `requiresAbort` (call `abort`), or one that is
/// the producer's end.
@safe public final class TransactionalProducer: @unchecked Sendable {
    private let client: Client
    private let topic: OpaquePointer
    private let topicName: String
    private let group: OpaquePointer
    private let transactionalID: String

    /// Returns without having reached a broker.
    ///
    /// - Parameters:
    ///   - transactionalID: whoever has it last is the only one that can write.
    ///   - group: whose offsets the transactions hold.
    ///   - transactionTimeout: what the brokers give a transaction, from its first message to its end.
    public init(
        _ configuration: KafkaConfiguration, topic name: String, transactionalID: String, group: String,
        transactionTimeout: Duration, log: @escaping KafkaLog
    ) throws(KafkaError) {
        client = try Client(
            RD_KAFKA_PRODUCER, configuration,
            defaults: Bounds.transactionalProducer(timeout: transactionTimeout) + [("transactional.id", transactionalID)],
            log: log)
        guard let topic = unsafe rd_kafka_topic_new(client.handle, name, nil) else {
            throw KafkaError("open topic", at: name, rd_kafka_last_error())
        }
        topicName = name
        self.transactionalID = transactionalID
        unsafe self.topic = unsafe topic
        unsafe self.group = unsafe rd_kafka_consumer_group_metadata_new(group)
    }

    deinit {
        unsafe rd_kafka_consumer_group_metadata_destroy(group)
        unsafe rd_kafka_topic_destroy(topic)
    }

    /// Takes the transactional id over: fences who had it, aborts its open transaction, waits for one that is being committed.
    public func initTransactions(timeout: Duration) throws(KafkaError) {
        try unsafe check(
            "begin to write with transactional id", at: transactionalID,
            unsafe rd_kafka_init_transactions(client.handle, Bounds.milliseconds(timeout)))
    }

    public func begin() throws(KafkaError) {
        try unsafe check("begin transaction of", at: transactionalID, unsafe rd_kafka_begin_transaction(client.handle))
    }

    /// Copies the message into the queue; its partition is chosen by the key. False: there is no room, `wait` and send it again.
    ///
    /// - Parameter timestampMilliseconds: greater than 0.
    public func send(
        key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, timestampMilliseconds: Int64
    ) throws(KafkaError) -> Bool {
        // An empty buffer may have no address, which to librdkafka would be null: any address will do for no bytes.
        var nothing: UInt8 = 0
        let code = unsafe withUnsafePointer(to: &nothing) { nothing in
            unsafe crdkafka_produce_keyed(
                client.handle, topic, key.baseAddress ?? UnsafeRawPointer(nothing), key.count, value.baseAddress, value.count,
                timestampMilliseconds)
        }
        switch code {
        case RD_KAFKA_RESP_ERR_NO_ERROR: return true
        case RD_KAFKA_RESP_ERR__QUEUE_FULL: return false
        default:
            var error = firstFailure() ?? client.error("produce to", at: topicName, code)
            // The reason why a transaction takes no more is said by the call that ends it.
            if !error.isFatal { error.requiresAbort = true }
            error.isRetriable = false
            throw error
        }
    }

    /// For who has waited for room long enough.
    public var noRoom: KafkaError { KafkaError("produce to", at: topicName, RD_KAFKA_RESP_ERR__QUEUE_FULL) }

    /// Serves callbacks, and waits a moment for room.
    public func wait(_ duration: Duration) { unsafe _ = rd_kafka_poll(client.handle, Bounds.milliseconds(duration)) }

    /// The group's offsets become the transaction's.
    public func sendOffsets(_ positions: [CommittedPosition], timeout: Duration) throws(KafkaError) {
        let list = PartitionList(positions)
        try unsafe check(
            "send offsets to transaction of", at: transactionalID,
            unsafe rd_kafka_send_offsets_to_transaction(client.handle, list.raw, group, Bounds.milliseconds(timeout)))
    }

    /// Waits until all messages are delivered, and commits. After a retriable error the outcome is open until a further call says.
    public func commit(timeout: Duration) throws(KafkaError) {
        try unsafe check(
            "commit transaction of", at: transactionalID,
            unsafe rd_kafka_commit_transaction(client.handle, Bounds.milliseconds(timeout)))
    }

    public func abort(timeout: Duration) throws(KafkaError) {
        try unsafe check(
            "abort transaction of", at: transactionalID,
            unsafe rd_kafka_abort_transaction(client.handle, Bounds.milliseconds(timeout)))
    }

    /// Takes `answer` and frees it.
    private func check(_ operation: String, at place: String, _ answer: OpaquePointer?) throws(KafkaError) {
        guard let answer = unsafe answer else { return }
        var error = unsafe KafkaError(operation, at: place, consuming: answer)
        // A transaction fails for a message that was not delivered: which one, and why, says more than that it failed.
        if error.requiresAbort, let failure = firstFailure() { error.text += "; \(failure)" }
        throw error
    }

    private func firstFailure() -> KafkaError? { client.context.deliveries.withLock { $0.takeFirstFailure() } }
}
