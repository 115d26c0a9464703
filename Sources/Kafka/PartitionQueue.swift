import CRdKafka
import Synchronization

/// One partition's messages and events, apart from the consumer's others. See `KafkaConsumer.split`.
/// When it goes, the partition's messages go to the consumer's `poll` again.
@safe public struct PartitionQueue: ~Copyable, @unchecked Sendable {
    public let partition: TopicPartition
    private let consumer: ConsumerHandle
    private let queue: OpaquePointer

    init(_ partition: TopicPartition, of consumer: ConsumerHandle) throws(KafkaError) {
        let queue = unsafe rd_kafka_queue_get_partition(consumer.client.handle, partition.topic, partition.partition)
        guard let queue = unsafe queue else {
            throw KafkaError("split", at: partition.description, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        }
        unsafe rd_kafka_queue_forward(queue, nil)
        self.partition = partition
        self.consumer = consumer
        unsafe self.queue = unsafe queue
    }

    deinit {
        if !consumer.isClosed.load(ordering: .acquiring) { unsafe rd_kafka_queue_forward(queue, consumer.queue) }
        unsafe rd_kafka_queue_destroy(queue)
    }

    /// As `KafkaConsumer.poll`, of this partition only.
    public func poll(into batch: inout MessageBatch, timeout: Duration) throws(KafkaError) {
        try unsafe consumer.poll(queue, into: &batch, timeout: timeout)
    }

    /// As `KafkaConsumer.wake`, for a poll of this queue.
    public func wake() { unsafe rd_kafka_queue_yield(queue) }
}
