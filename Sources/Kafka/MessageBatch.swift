import CRdKafka

/// Messages as librdkafka made them, without copies, and what else a poll found. Reused from poll to poll.
///
/// The messages are freed by the next poll into the batch, by `removeAll` or with the batch; until then their client
/// stays alive, even if its consumer is gone.
@safe public struct MessageBatch: ~Copyable, @unchecked Sendable {
    /// What a poll finds besides messages.
    public enum Event: Hashable, Sendable {
        /// All of the partition was read for now; `offset` is the next to be written, and the position, even where
        /// the last offsets are transaction markers, which no message shows.
        case end(TopicPartition, offset: Int64)
        /// Of a partition, or of the client where none is named. The client goes on, unless `isFatal`; the partition too, unless
        /// `isOffsetOutOfRange`.
        case error(KafkaError, TopicPartition?)
    }

    /// The most messages that one poll takes.
    public let capacity: Int
    /// In the order in which they came. They concern partitions whose earlier messages are in this batch or were polled before.
    public private(set) var events: [Event] = []
    public private(set) var count = 0

    private let messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    private let topicIndices: UnsafeMutablePointer<Int32>
    private var owner: ConsumerHandle?
    private var lastTopic: UInt = 0
    private var lastTopicIndex: Int32 = 0

    /// Requires: 0 < capacity.
    public init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe messages = .allocate(capacity: capacity)
        unsafe topicIndices = .allocate(capacity: capacity)
    }

    deinit {
        for index in 0..<count { unsafe rd_kafka_message_destroy(messages[index]) }
        unsafe messages.deallocate()
        unsafe topicIndices.deallocate()
    }

    public var isEmpty: Bool { count == 0 }

    /// Requires: 0 <= index < count.
    public subscript(index: Int) -> KafkaMessage {
        @_lifetime(borrow self)
        get {
            precondition(index >= 0 && index < count)
            return unsafe KafkaMessage(messages[index]!, topicIndex: Int(topicIndices[index]), in: self)
        }
    }

    /// Where the messages end that follow the one at `index` in a row and are of its partition. Requires: 0 <= index < count.
    public func endOfPartition(from index: Int) -> Int {
        precondition(index >= 0 && index < count)
        let topic = unsafe topicIndices[index]
        let partition = unsafe messages[index]!.pointee.partition
        var end = index + 1
        while end < count, unsafe topicIndices[end] == topic, unsafe messages[end]!.pointee.partition == partition { end += 1 }
        return end
    }

    /// Frees the messages and lets go of their client.
    public mutating func removeAll() {
        removeMessages()
        owner = nil
    }

    private mutating func removeMessages() {
        for index in 0..<count { unsafe rd_kafka_message_destroy(messages[index]) }
        count = 0
        events.removeAll(keepingCapacity: true)
    }

    /// Waits for the first message or event only, then takes what is there: librdkafka's own batch call would hold them
    /// back until the batch is full or the time is over.
    mutating func fill(from queue: OpaquePointer, of consumer: ConsumerHandle, timeout: Duration) {
        removeMessages()
        if owner !== consumer {
            owner = consumer
            lastTopic = 0
        }
        let first = unsafe rd_kafka_consume_batch_queue(queue, Bounds.milliseconds(timeout), messages, 1)
        guard first == 1 else { return }
        var taken = 1
        if capacity > 1 {
            taken += max(0, unsafe rd_kafka_consume_batch_queue(queue, 0, messages + 1, capacity - 1))
        }
        for index in 0..<taken {
            let message = unsafe messages[index]!
            if unsafe message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR {
                unsafe events.append(Self.event(message, of: consumer.client))
                unsafe rd_kafka_message_destroy(message)
                continue
            }
            let topic = unsafe UInt(bitPattern: message.pointee.rkt)
            if topic != lastTopic {
                lastTopicIndex = Int32(consumer.index(ofTopicHandle: topic))
                lastTopic = topic
            }
            unsafe messages[count] = unsafe message
            unsafe topicIndices[count] = lastTopicIndex
            count += 1
        }
    }

    private static func event(_ message: UnsafeMutablePointer<rd_kafka_message_t>, of client: Client) -> Event {
        let code = unsafe message.pointee.err
        guard let topic = unsafe message.pointee.rkt else {
            var error = client.error("consume from", at: client.brokers, code)
            if !error.isFatal, let text = unsafe rd_kafka_message_errstr(message) { error.text = unsafe String(cString: text) }
            return .error(error, nil)
        }
        let partition = unsafe TopicPartition(String(cString: rd_kafka_topic_name(topic)), message.pointee.partition)
        if code == RD_KAFKA_RESP_ERR__PARTITION_EOF { return unsafe .end(partition, offset: message.pointee.offset) }
        let offset = unsafe message.pointee.offset
        let place = offset >= 0 ? "\(partition) at offset \(offset)" : partition.description
        let text = unsafe rd_kafka_message_errstr(message).map { unsafe String(cString: $0) }
        return .error(KafkaError("consume", at: place, code, text: text), partition)
    }
}
