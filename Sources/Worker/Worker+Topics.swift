internal import Engine
internal import Kafka
internal import Logging
internal import Pipelines
internal import Records
internal import Store

/// Topics: all partitions are read by one consumer, from the positions that our own state holds.
extension Worker {
    func readTopics(_ brokers: String, _ properties: [(name: String, value: String)]) throws {
        if let emission, emission.isOpen { try catchUp(emission, brokers, properties) }
        let consumer = try consumer(brokers, properties, group: plan.pipeline)
        defer { consumer.close() }
        wake = { consumer.wake() }
        let topics = TopicReader(consumer, tasks: tasks, positions, options, log: log)
        topics.shouldStop = { [unowned self] in shouldStop }
        if !options.isBounded || options.stateDirectory != nil {
            didCommit = { positions in topics.commitOffsets(positions) }
        }
        if options.isBounded {
            try topics.addBounded(views: programs)
        }
        try beginEmission()
        var batch = MessageBatch(capacity: Bounds.batchRecords)
        while !shouldStop {
            if options.isBounded && topics.tasks.allSatisfy(\.isFinished) { break }
            topics.askIfDue()
            try consumer.poll(into: &batch, timeout: .milliseconds(Bounds.pollMilliseconds))
            try take(&batch, topics)
            try topics.takeFindings()
        }
        topics.stopAsking()
        topics.finishReading()
        if !options.isBounded || options.stateDirectory != nil {
            // The last commit happens after reading; its offsets are for lag tools only.
            didCommit = { positions in topics.commitOffsets(positions, waiting: true) }
        }
        try finishReading()
    }

    func consumer(
        _ brokers: String, _ properties: [(name: String, value: String)], group: String
    ) throws -> KafkaConsumer {
        try KafkaConsumer(
            KafkaConfiguration(brokers: brokers, properties: properties), group: group, log: Worker.kafkaLog(log))
    }

    static func kafkaLog(_ log: Logger) -> KafkaLog {
        { level, text in log.log(level: level <= .error ? .error : level <= .warning ? .warning : .debug, "\(text)") }
    }

    func take(_ batch: inout MessageBatch, _ topics: TopicReader) throws {
        let monotonic = Clock.monotonic()
        let wall = context.wall.now()
        // Messages of one partition come in a row: what is the same for all of them is looked up once.
        var first = 0
        while first < batch.count {
            let end = batch.endOfPartition(from: first)
            for task in topics.tasksOfTopic(batch[first].topicIndex) {
                try take(batch, first..<end, for: task, topics, monotonic: monotonic, wall: wall)
            }
            first = end
        }
        for event in batch.events {
            switch event {
            case .end(let partition, let offset): if topics.reachedEnd(partition, offset) { hasChanges = true }
            case .error(let error, let partition): try topics.take(error, of: partition)
            }
        }
        batch.removeAll()
        for task in topics.tasks { try dispatch(task, receivedAt: monotonic) }
        try topics.align(now: monotonic)
        try endTurn()
        // It asks librdkafka about every partition.
        guard monotonic - lagPublishedAt >= Bounds.lagMicroseconds else { return }
        lagPublishedAt = monotonic
        status.publish(fraction: topics.fraction, lag: topics.lag)
    }

    /// The messages at `range`, all of one partition, for one of the tasks that read it.
    private func take(
        _ batch: borrowing MessageBatch, _ range: Range<Int>, for index: Int, _ topics: TopicReader, monotonic: Int64,
        wall: EventTime
    ) throws {
        let task = topics.tasks[index]
        let partition = batch[range.lowerBound].partition
        guard !task.isFinished(partition) else { return }
        let end = topics.end(index, partition)
        let maxAhead = task.plan.maxAhead
        let needsTimestamps = needsTimestamps
        let to = topics.to
        var isFirst = topics.awaitsFirst(index, partition)
        if positions.expectsAny {
            try positions.check(TopicPartition(task.plan.topic, partition), batch[range.lowerBound].record)
        }
        var taken = 0
        for position in range {
            let message = batch[position]
            guard message.offset < end else {
                topics.finish(index, partition, at: end)
                break
            }
            let timestamp = message.timestampMilliseconds.map { EventTime(milliseconds: $0) }
            if needsTimestamps && timestamp == nil {
                throw WorkerError(
                    missingTimestampOf: "\(TopicPartition(task.plan.topic, partition)), offset \(message.offset)")
            }
            let raw = unsafe RawRecord(value: message.value, readableBytes: 0)
            unsafe try task.accept(
                raw, partition: partition, offset: message.offset, timestamp: timestamp,
                limit: (timestamp ?? wall) + maxAhead, key: message.key, headers: message.lentHeaders,
                now: monotonic)
            if task.isFull || task.records.text.count >= Bounds.batchBytes {
                try dispatch(task, receivedAt: monotonic)
            }
            taken += 1
            if isFirst, let newest = task.currentNewest {
                isFirst = false
                topics.tookFirst(index, partition, newest)
            }
            // What enters a view after this comes at or after `to`, whatever the partition still holds.
            if task.currentClosed >= to {
                topics.finish(index, partition)
                break
            }
        }
        topics.didRead(taken, index, partition)
        if context.marks != nil && taken > 0 {
            positions.took(batch[range.lowerBound + taken - 1].record, topic: task.plan.topic, partition: partition)
        }
        if batch[range.upperBound - 1].offset >= end - 1 { topics.reachedEnd(of: index, partition) }
    }
}

extension KafkaMessage {
    /// What tells it from any other at its offset.
    fileprivate var record: CommitMark.LastRecord {
        let value = unsafe value.map { unsafe EntityKey.hash($0) } ?? 0
        return CommitMark.LastRecord(offset: offset, fingerprint: value ^ UInt64(bitPattern: timestampMilliseconds ?? -1))
    }
}
