import CRdKafka
import Synchronization

/// Writes messages, in the background: a message that could not be delivered makes a later call throw.
///
/// Any thread may call. What is not flushed when the producer goes is lost.
public final class KafkaProducer: Sendable {
    private let client: Client
    private let fullQueueTimeout: Duration

    /// Returns without having reached a broker. `fullQueueTimeout` bounds how long `send` waits for room.
    public init(
        _ configuration: KafkaConfiguration, fullQueueTimeout: Duration = .seconds(60), log: @escaping KafkaLog
    ) throws(KafkaError) {
        client = try Client(RD_KAFKA_PRODUCER, configuration, defaults: Bounds.producer, log: log)
        self.fullQueueTimeout = fullQueueTimeout
    }

    /// Copies the message into the queue, and waits for room there if need be. A nil partition is chosen by the key's
    /// hash, a nil key or value is Kafka's null, a nil timestamp is now. Throws the first failed delivery since the last
    /// throw before anything else; the message was then not queued.
    public func send(
        to topic: String, partition: Int32? = nil, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
        timestampMilliseconds: Int64? = nil, headers: [(name: String, value: [UInt8])] = []
    ) throws(KafkaError) {
        unsafe _ = rd_kafka_poll(client.handle, 0)
        try throwFailure()
        var waited = Duration.zero
        while true {
            let code = unsafe enqueue(topic, partition, key, value, timestampMilliseconds, headers)
            if code == RD_KAFKA_RESP_ERR_NO_ERROR { return }
            guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL, waited < fullQueueTimeout else {
                throw client.error("produce to", at: partition.map { "\(topic)[\($0)]" } ?? topic, code)
            }
            // Returns early when a delivery makes room.
            let start = ContinuousClock.now
            unsafe _ = rd_kafka_poll(client.handle, 100)
            waited += ContinuousClock.now - start
            try throwFailure()
        }
    }

    /// Waits until every message was delivered or has failed. Throws the first failure, or a timeout.
    public func flush(timeout: Duration) throws(KafkaError) {
        let code = unsafe rd_kafka_flush(client.handle, Bounds.milliseconds(timeout))
        try throwFailure()
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw client.error("flush to", at: client.brokers, code) }
    }

    /// Messages that the brokers have acknowledged, as of the last call of `send` or `flush`.
    public var deliveredCount: Int { client.context.deliveries.withLock { $0.delivered } }
    /// Messages that were given up, as of the last call of `send` or `flush`.
    public var failedCount: Int { client.context.deliveries.withLock { $0.failed } }

    private func throwFailure() throws(KafkaError) {
        let failure = client.context.deliveries.withLock { $0.takeFirstFailure() }
        if let failure { throw failure }
    }

    private func enqueue(
        _ topic: String, _ partition: Int32?, _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?,
        _ timestampMilliseconds: Int64?, _ headers: [(name: String, value: [UInt8])]
    ) -> rd_kafka_resp_err_t {
        var list: OpaquePointer?
        if !headers.isEmpty {
            unsafe list = unsafe rd_kafka_headers_new(headers.count)
            for (name, value) in headers { unsafe _ = rd_kafka_header_add(list, name, -1, value, value.count) }
        }
        // An empty buffer may have no address, which to librdkafka would be null: any address will do for no bytes.
        var nothing: UInt8 = 0
        let code = unsafe withUnsafePointer(to: &nothing) { nothing in
            let empty = unsafe UnsafeRawPointer(nothing)
            return unsafe crdkafka_produce(
                client.handle, topic, partition ?? RD_KAFKA_PARTITION_UA,
                key.map { unsafe $0.baseAddress ?? empty }, key?.count ?? 0,
                value.map { unsafe $0.baseAddress ?? empty }, value?.count ?? 0,
                timestampMilliseconds ?? 0, list)
        }
        if code != RD_KAFKA_RESP_ERR_NO_ERROR, let list = unsafe list { unsafe rd_kafka_headers_destroy(list) }
        return code
    }
}

/// The delivery reports of one producer.
struct Deliveries {
    private(set) var delivered = 0
    private(set) var failed = 0
    private var firstFailure: KafkaError?

    mutating func count(_ message: UnsafePointer<rd_kafka_message_t>) {
        let code = unsafe message.pointee.err
        if code == RD_KAFKA_RESP_ERR_NO_ERROR {
            delivered += 1
            return
        }
        failed += 1
        if firstFailure == nil {
            let topic = unsafe message.pointee.rkt.map { unsafe String(cString: rd_kafka_topic_name($0)) } ?? "?"
            let partition = unsafe TopicPartition(topic, message.pointee.partition)
            firstFailure = KafkaError("deliver to", at: partition.description, code)
        }
    }

    mutating func takeFirstFailure() -> KafkaError? {
        defer { firstFailure = nil }
        return firstFailure
    }
}
