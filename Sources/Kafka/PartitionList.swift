import CRdKafka
import Glibc

/// Owns a `rd_kafka_topic_partition_list_t`.
@safe struct PartitionList: ~Copyable {
    let raw: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(_ partitions: some Collection<TopicPartition>) {
        unsafe raw = unsafe rd_kafka_topic_partition_list_new(Int32(partitions.count))
        for partition in partitions { append(partition, offset: Int64(RD_KAFKA_OFFSET_INVALID)) }
    }

    init(_ positions: some Collection<(TopicPartition, StartPosition)>) {
        unsafe raw = unsafe rd_kafka_topic_partition_list_new(Int32(positions.count))
        for (partition, position) in positions {
            switch position {
            case .offset(let offset): append(partition, offset: offset)
            case .beginning: append(partition, offset: Int64(RD_KAFKA_OFFSET_BEGINNING))
            case .end: append(partition, offset: Int64(RD_KAFKA_OFFSET_END))
            }
        }
    }

    init(_ positions: some Collection<CommittedPosition>) {
        unsafe raw = unsafe rd_kafka_topic_partition_list_new(Int32(positions.count))
        for position in positions {
            append(position.partition, offset: position.nextOffset)
            let element = unsafe raw.pointee.elems + (count - 1)
            // The list frees it.
            unsafe element.pointee.metadata = UnsafeMutableRawPointer(strdup(position.metadata))
            unsafe element.pointee.metadata_size = position.metadata.utf8.count
        }
    }

    deinit { unsafe rd_kafka_topic_partition_list_destroy(raw) }

    private func append(_ partition: TopicPartition, offset: Int64) {
        let element = unsafe rd_kafka_topic_partition_list_add(raw, partition.topic, partition.partition)
        unsafe element!.pointee.offset = offset
    }

    var count: Int { unsafe Int(raw.pointee.cnt) }

    /// In the order of `init`: librdkafka fills in offsets and errors, and sorts nothing.
    func offset(at index: Int) -> Int64 {
        precondition(index < count)
        return unsafe raw.pointee.elems[index].offset
    }

    func metadata(at index: Int) -> String {
        precondition(index < count)
        guard let start = unsafe raw.pointee.elems[index].metadata else { return "" }
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: raw.pointee.elems[index].metadata_size)
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    /// Throws the first partition's failure.
    func check(_ operation: String) throws(KafkaError) {
        for index in 0..<count {
            let element = unsafe raw.pointee.elems[index]
            if unsafe element.err != RD_KAFKA_RESP_ERR_NO_ERROR {
                let place = unsafe TopicPartition(String(cString: element.topic), element.partition).description
                throw unsafe KafkaError(operation, at: place, element.err)
            }
        }
    }
}
