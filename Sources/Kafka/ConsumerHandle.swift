import CRdKafka
import Synchronization

/// What a consumer, its batches and its partition queues share: the client, its queue, and its topics' dense numbers.
@safe final class ConsumerHandle: @unchecked Sendable {
    let client: Client
    let queue: OpaquePointer
    let isClosed = Atomic(false)
    private let topics = Mutex(Topics())

    private struct Topics {
        var names: [String] = []
        /// librdkafka's topic handles as bits. Held for as long as the client, so that an address stays one topic's.
        var handles: [UInt] = []
    }

    init(_ client: Client) {
        self.client = client
        unsafe queue = unsafe rd_kafka_queue_get_consumer(client.handle)
    }

    deinit {
        topics.withLock { topics in
            for handle in topics.handles { unsafe rd_kafka_topic_destroy(OpaquePointer(bitPattern: handle)) }
        }
        unsafe rd_kafka_queue_destroy(queue)
    }

    func index(ofTopic name: String) throws(KafkaError) -> Int {
        try topics.withLock { topics throws(KafkaError) in
            if let index = topics.names.firstIndex(of: name) { return index }
            guard let handle = unsafe rd_kafka_topic_new(client.handle, name, nil) else {
                throw KafkaError("open topic", at: name, rd_kafka_last_error())
            }
            topics.names.append(name)
            topics.handles.append(UInt(bitPattern: handle))
            return topics.names.count - 1
        }
    }

    /// Requires: a message of an assigned partition, so that `index(ofTopic:)` has seen its topic.
    func index(ofTopicHandle handle: UInt) -> Int {
        guard let index = topics.withLock({ $0.handles.firstIndex(of: handle) }) else {
            preconditionFailure("a message of a topic that was never assigned")
        }
        return index
    }

    func topic(at index: Int) -> String { topics.withLock { $0.names[index] } }
}
