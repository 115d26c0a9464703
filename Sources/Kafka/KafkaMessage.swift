import CRdKafka

/// One message of a batch: a view, valid while the batch holds it.
@safe public struct KafkaMessage: ~Escapable {
    private let raw: UnsafePointer<rd_kafka_message_t>
    /// The topic's number in its consumer, see `KafkaConsumer.topicIndex(of:)`.
    public let topicIndex: Int

    @_lifetime(borrow batch)
    init(_ raw: UnsafePointer<rd_kafka_message_t>, topicIndex: Int, in batch: borrowing MessageBatch) {
        unsafe self.raw = unsafe raw
        self.topicIndex = topicIndex
    }

    public var partition: Int32 { unsafe raw.pointee.partition }
    public var offset: Int64 { unsafe raw.pointee.offset }

    /// The producer's or the broker's time (the topic decides), in milliseconds since 1970; nil if the message has none.
    public var timestampMilliseconds: Int64? {
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let milliseconds = unsafe rd_kafka_message_timestamp(raw, &type)
        return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || milliseconds < 0 ? nil : milliseconds
    }

    /// nil is Kafka's null, which is not an empty key. The bytes live as long as the batch holds the message.
    public var key: UnsafeRawBufferPointer? {
        guard let start = unsafe raw.pointee.key else { return nil }
        return unsafe UnsafeRawBufferPointer(start: start, count: raw.pointee.key_len)
    }

    /// nil is Kafka's null, a tombstone. The bytes live as long as the batch holds the message.
    public var value: UnsafeRawBufferPointer? {
        guard let start = unsafe raw.pointee.payload else { return nil }
        return unsafe UnsafeRawBufferPointer(start: start, count: raw.pointee.len)
    }

    /// Parsed anew on each call. A header's null value is nil.
    public var headers: [(name: String, value: [UInt8]?)] { unsafe lentHeaders.all }

    /// The headers where they lie, for one who may not ask for them. Valid as long as the batch holds the message.
    @unsafe public var lentHeaders: LentHeaders { unsafe LentHeaders(raw: raw) }
}

/// A message's headers, not yet parsed.
@unsafe public struct LentHeaders: BitwiseCopyable {
    fileprivate let raw: UnsafePointer<rd_kafka_message_t>

    /// In their order. A header's null value is nil.
    public var all: [(name: String, value: [UInt8]?)] {
        var list: OpaquePointer?
        guard unsafe rd_kafka_message_headers(raw, &list) == RD_KAFKA_RESP_ERR_NO_ERROR else { return [] }
        var headers: [(name: String, value: [UInt8]?)] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while unsafe rd_kafka_header_get_all(list, headers.count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
            let bytes = unsafe value.map { unsafe Array(UnsafeRawBufferPointer(start: $0, count: size)) }
            headers.append((unsafe String(cString: name!), bytes))
        }
        return headers
    }
}
