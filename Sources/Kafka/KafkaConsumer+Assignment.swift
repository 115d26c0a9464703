import CRdKafka

extension KafkaConsumer {
    /// Reads exactly these partitions, from these positions, in place of whatever was assigned before.
    public func assign(_ positions: [(TopicPartition, StartPosition)]) throws(KafkaError) {
        try handle.checkOpen("assign partitions of")
        for (partition, _) in positions { _ = try topicIndex(of: partition.topic) }
        let list = PartitionList(positions)
        try KafkaError.check(
            unsafe rd_kafka_assign(handle.client.handle, list.raw), "assign", at: Self.place(positions.map(\.0)))
    }

    /// Reads these partitions too; the others go on undisturbed. Requires: none of them is assigned.
    public func add(_ positions: [(TopicPartition, StartPosition)]) throws(KafkaError) {
        try handle.checkOpen("assign partitions of")
        for (partition, _) in positions { _ = try topicIndex(of: partition.topic) }
        let list = PartitionList(positions)
        if let error = unsafe rd_kafka_incremental_assign(handle.client.handle, list.raw) {
            throw unsafe KafkaError("assign", at: Self.place(positions.map(\.0)), consuming: error)
        }
    }

    /// Stops to read these partitions. Requires: all of them are assigned.
    public func remove(_ partitions: [TopicPartition]) throws(KafkaError) {
        try handle.checkOpen("unassign partitions of")
        let list = PartitionList(partitions)
        if let error = unsafe rd_kafka_incremental_unassign(handle.client.handle, list.raw) {
            throw unsafe KafkaError("unassign", at: Self.place(partitions), consuming: error)
        }
    }

    /// Messages that were fetched but not polled are dropped, and fetched again after `resume`.
    public func pause(_ partitions: [TopicPartition]) throws(KafkaError) {
        try handle.checkOpen("pause partitions of")
        let list = PartitionList(partitions)
        try KafkaError.check(
            unsafe rd_kafka_pause_partitions(handle.client.handle, list.raw), "pause", at: Self.place(partitions))
        try list.check("pause")
    }

    /// Goes on after the last message that was polled.
    public func resume(_ partitions: [TopicPartition]) throws(KafkaError) {
        try handle.checkOpen("resume partitions of")
        let list = PartitionList(partitions)
        try KafkaError.check(
            unsafe rd_kafka_resume_partitions(handle.client.handle, list.raw), "resume", at: Self.place(partitions))
        try list.check("resume")
    }

    /// Goes on at another position; returns when the fetcher has turned. Requires: the partitions are assigned. One that
    /// stands still after `isOffsetOutOfRange` cannot seek (`_STATE`): `remove` it and `add` it again.
    public func seek(_ positions: [(TopicPartition, StartPosition)], timeout: Duration) throws(KafkaError) {
        try handle.checkOpen("seek partitions of")
        let list = PartitionList(positions)
        let error = unsafe rd_kafka_seek_partitions(
            handle.client.handle, list.raw, max(1, Bounds.milliseconds(timeout)))
        if let error = unsafe error { throw unsafe KafkaError("seek", at: Self.place(positions.map(\.0)), consuming: error) }
        try list.check("seek")
    }

    /// Gives the partition a queue of its own, to be polled when the caller chooses. Call it before the partition is
    /// assigned, lest its first messages go to `poll`.
    ///
    /// `poll` still has to be called now and then: events that concern no partition and failed commits arrive there.
    /// The bounds on fetched messages hold for each such queue by itself.
    public func split(_ partition: TopicPartition) throws(KafkaError) -> PartitionQueue {
        try handle.checkOpen("split")
        _ = try topicIndex(of: partition.topic)
        return try PartitionQueue(partition, of: handle)
    }

    private static func place(_ partitions: [TopicPartition]) -> String {
        partitions.map(\.description).joined(separator: ", ")
    }
}
