import CRdKafka

/// A failure of the cluster, of the network or of the configuration: what was tried, where, and what librdkafka said.
public struct KafkaError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was tried: "consume", "create topic".
    public var operation: String
    /// The topic and partition, the property or the brokers that it was tried on.
    public var place: String
    /// librdkafka's number: negative for its own errors, positive for those of the Kafka protocol.
    public var code: Int32
    /// librdkafka's name for `code`: `_AUTO_OFFSET_RESET`, `UNKNOWN_TOPIC_OR_PART`.
    public var name: String
    public var text: String
    /// The client cannot go on; only a new one can.
    public var isFatal: Bool
    /// The same call may succeed later, without anyone's help.
    public var isRetriable: Bool
    /// The transaction cannot be committed any more: it has to be aborted. No call is worth another try before that.
    public var requiresAbort = false

    public var description: String { "\(operation) \(place): \(text) (\(name))" }

    /// The position lies outside what the partition still holds (or was never written): only the caller can say where
    /// to go on, and the partition stands still until then.
    public var isOffsetOutOfRange: Bool {
        code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET.rawValue || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE.rawValue
    }

    /// The cluster does not know the topic or the partition, any more or yet.
    public var isUnknownTopic: Bool {
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART.rawValue || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC.rawValue
            || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION.rawValue
    }

    /// A newer producer has the transactional id, or the coordinator gave up this one's transaction.
    public var isFenced: Bool {
        code == RD_KAFKA_RESP_ERR__FENCED.rawValue || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED.rawValue
            || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH.rawValue
    }

    public var isTimeout: Bool {
        code == RD_KAFKA_RESP_ERR__TIMED_OUT.rawValue || code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT.rawValue
            || code == RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue
    }
}

extension KafkaError {
    init(_ operation: String, at place: String, _ code: rd_kafka_resp_err_t, text: String? = nil) {
        self.init(
            operation: operation, place: place, code: code.rawValue, name: unsafe String(cString: rd_kafka_err2name(code)),
            text: unsafe text ?? String(cString: rd_kafka_err2str(code)),
            isFatal: code == RD_KAFKA_RESP_ERR__FATAL, isRetriable: Self.retriable.contains(code.rawValue))
    }

    /// Takes `error` and frees it.
    init(_ operation: String, at place: String, consuming error: OpaquePointer) {
        let code = unsafe rd_kafka_error_code(error)
        self.init(operation, at: place, code, text: unsafe String(cString: rd_kafka_error_string(error)))
        isFatal = unsafe rd_kafka_error_is_fatal(error) != 0
        if unsafe rd_kafka_error_is_retriable(error) != 0 { isRetriable = true }
        requiresAbort = unsafe rd_kafka_error_txn_requires_abort(error) != 0
        // The code may be that of what went wrong first: a timeout, which passes elsewhere.
        if requiresAbort || isFatal { isRetriable = false }
        unsafe rd_kafka_error_destroy(error)
    }

    static func check(
        _ code: rd_kafka_resp_err_t, _ operation: String, at place: @autoclosure () -> String
    ) throws(KafkaError) {
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(operation, at: place(), code) }
    }

    /// librdkafka says so only for the errors of its transactional API; these follow the Java client's `RetriableException`.
    private static let retriable: Set<Int32> = Set(
        [
            RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
            RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__IN_PROGRESS,
            RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
            RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
        ].map(\.rawValue))
}
