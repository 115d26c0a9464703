import CRdKafka

extension KafkaConsumer {
    /// The topics' partition counts; nil where a topic does not exist, or may not be seen. Never creates a topic: it
    /// asks for the whole cluster's metadata, because some brokers create what is asked for by name.
    public func partitionCounts(of topics: [String], timeout: Duration) throws(KafkaError) -> [Int?] {
        try handle.checkOpen("list topics of")
        let brokers = handle.client.brokers
        var answer: UnsafePointer<rd_kafka_metadata>?
        let code = unsafe rd_kafka_metadata(handle.client.handle, 1, nil, &answer, Bounds.milliseconds(timeout))
        try KafkaError.check(code, "list topics of", at: brokers)
        defer { unsafe rd_kafka_metadata_destroy(answer) }
        var counts = [Int?](repeating: nil, count: topics.count)
        for index in 0..<Int(unsafe answer!.pointee.topic_cnt) {
            let found = unsafe answer!.pointee.topics[index]
            let name = unsafe String(cString: found.topic)
            for position in topics.indices where topics[position] == name {
                switch unsafe found.err {
                case RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
                    counts[position] = unsafe found.partition_cnt > 0 ? unsafe Int(found.partition_cnt) : nil
                case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: break
                default: throw unsafe KafkaError("describe topic", at: name, found.err)
                }
            }
        }
        return counts
    }

    /// As `partitionCounts`, for one topic.
    public func partitionCount(of topic: String, timeout: Duration) throws(KafkaError) -> Int? {
        try partitionCounts(of: [topic], timeout: timeout)[0]
    }

    /// The partition's first offset and the next to be written (under `read_committed`, the first of an open
    /// transaction), as the broker has them now.
    public func watermarks(of partition: TopicPartition, timeout: Duration) throws(KafkaError) -> (low: Int64, high: Int64) {
        try handle.checkOpen("query watermarks of")
        var low: Int64 = 0
        var high: Int64 = 0
        let code = unsafe rd_kafka_query_watermark_offsets(
            handle.client.handle, partition.topic, partition.partition, &low, &high, Bounds.milliseconds(timeout))
        try KafkaError.check(code, "query watermarks of", at: partition.description)
        return (low, high)
    }

    /// The same as of the last fetch, without asking; nil before one. For lag figures.
    public func cachedWatermarks(of partition: TopicPartition) -> (low: Int64, high: Int64)? {
        var low: Int64 = 0
        var high: Int64 = 0
        let code = unsafe rd_kafka_get_watermark_offsets(
            handle.client.handle, partition.topic, partition.partition, &low, &high)
        return code != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0 ? nil : (max(0, low), high)
    }

    /// The first offset whose message's timestamp is at or after the given one; nil if there is none yet.
    public func offset(
        of partition: TopicPartition, atOrAfter timestampMilliseconds: Int64, timeout: Duration
    ) throws(KafkaError) -> Int64? {
        try handle.checkOpen("look up offsets by time of")
        let list = PartitionList([(partition, StartPosition.offset(timestampMilliseconds))])
        let code = unsafe rd_kafka_offsets_for_times(handle.client.handle, list.raw, Bounds.milliseconds(timeout))
        try KafkaError.check(code, "look up offset by time of", at: partition.description)
        try list.check("look up offset by time of")
        return list.offset(at: 0) < 0 ? nil : list.offset(at: 0)
    }
}
