internal import Kafka
internal import Logging
internal import Pipelines
internal import Records

/// Topics: all partitions are read by one consumer, from the positions that our own state holds.
extension Worker {
    func readTopics(_ brokers: String, _ properties: [(name: String, value: String)]) throws {
        let log = log
        let consumer = try KafkaConsumer(
            KafkaConfiguration(brokers: brokers, properties: properties), group: plan.pipeline
        ) { level, text in
            log.log(level: level <= .error ? .error : level <= .warning ? .warning : .debug, "\(text)")
        }
        defer { consumer.close() }
        wake = { consumer.wake() }
        let topics = TopicReader(consumer, tasks: tasks, isBounded: options.isBounded, log: log)
        if !options.isBounded || options.stateDirectory != nil {
            didCommit = { positions in topics.commitOffsets(positions) }
        }
        if options.isBounded {
            try topics.addBounded()
        } else {
            try topics.discover()
        }
        var batch = MessageBatch(capacity: Bounds.batchRecords)
        var discoveredAt = Clock.monotonic()
        while !shouldStop {
            if options.isBounded && topics.tasks.allSatisfy(\.isFinished) { break }
            try consumer.poll(into: &batch, timeout: .milliseconds(Bounds.pollMilliseconds))
            try take(&batch, topics)
            if !options.isBounded && Clock.monotonic() - discoveredAt >= Int64(Bounds.discoverySeconds) * 1_000_000 {
                discoveredAt = Clock.monotonic()
                topics.askBeside()
            }
            try topics.takeFindings()
        }
        topics.stopAsking()
        if !options.isBounded || options.stateDirectory != nil {
            // The last commit happens after reading; its offsets are for lag tools only.
            didCommit = { positions in topics.commitOffsets(positions, waiting: true) }
        }
        try finishReading()
    }

    private func take(_ batch: inout MessageBatch, _ topics: TopicReader) throws {
        let monotonic = Clock.monotonic()
        let wall = Clock.now()
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
            case .end(let partition, let offset): topics.reachedEnd(partition, offset)
            case .error(let error): try topics.take(error)
            }
        }
        batch.removeAll()
        for task in topics.tasks { try dispatch(task, receivedAt: monotonic) }
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
        let end = topics.end(index, partition)
        let maxAhead = task.plan.maxAhead
        for position in range {
            let message = batch[position]
            guard message.offset < end else { break }
            let timestamp = message.timestampMilliseconds.map { EventTime(microseconds: $0 &* 1_000) }
            let raw = unsafe RawRecord(value: message.value, readableBytes: 0)
            unsafe try task.accept(
                raw, partition: partition, offset: message.offset, timestamp: timestamp,
                limit: (timestamp ?? wall) + maxAhead, key: message.key, now: monotonic)
            if task.isFull || task.records.text.count >= Bounds.batchBytes {
                try dispatch(task, receivedAt: monotonic)
            }
        }
        if batch[range.upperBound - 1].offset >= end - 1 { task.reachedEnd(partition, isFinished: true) }
    }
}

/// Which partitions of which topics are read, from where, and up to where.
final class TopicReader: @unchecked Sendable {
    private let consumer: KafkaConsumer
    let tasks: [SourceTask]
    private let isBounded: Bool
    private let log: Logger
    private var taskIndexes: [[Int]] = []
    private var missing: Set<String> = []
    /// Per task and partition, the offset at which a bounded run ends.
    private var ends: [[Int32: Int64]]
    private var total: Int64 = 0

    init(_ consumer: KafkaConsumer, tasks: [SourceTask], isBounded: Bool, log: Logger) {
        self.consumer = consumer
        self.tasks = tasks
        self.isBounded = isBounded
        self.log = log
        ends = Array(repeating: [:], count: tasks.count)
    }

    private var topics: [String] { Set(tasks.map(\.plan.topic)).sorted() }

    func tasksOfTopic(_ topic: Int) -> [Int] {
        while taskIndexes.count <= topic {
            let name = consumer.topic(at: taskIndexes.count)
            taskIndexes.append(tasks.indices.filter { tasks[$0].plan.topic == name })
        }
        return taskIndexes[topic]
    }

    // MARK: - Live

    /// Starts to read partitions that are new; topics that do not exist are waited for.
    func discover() throws {
        guard let counts = askForCounts() else { return }
        try read(counts)
    }

    /// As `discover`, without waiting for the brokers: starts to ask, and `takeFindings` acts on the answer.
    func askBeside() {
        guard findings.beginAsking() else { return }
        asking?.join()
        asking = WorkThread { [self] in findings.put(askForCounts()) }
    }

    /// Starts to read what was found beside.
    func takeFindings() throws {
        if let counts = findings.take() { try read(counts) }
    }

    /// Waits until the question that is under way has ended.
    func stopAsking() {
        asking?.join()
        asking = nil
    }

    private var asking: WorkThread?
    private let findings = Findings()

    /// What the thread that asks hands to the one that reads.
    private final class Findings: @unchecked Sendable {
        private let monitor = Monitor()
        private var isAsking = false
        private var counts: [Int?]?

        /// False while an earlier question is open.
        func beginAsking() -> Bool {
            monitor.locked {
                defer { isAsking = true }
                return !isAsking
            }
        }

        func put(_ counts: [Int?]?) {
            monitor.locked {
                self.counts = counts
                isAsking = false
            }
        }

        func take() -> [Int?]? {
            monitor.locked {
                defer { counts = nil }
                return counts
            }
        }
    }

    private func askForCounts() -> [Int?]? {
        do throws(KafkaError) {
            return try consumer.partitionCounts(of: topics, timeout: .seconds(2))
        } catch {
            log.warning("\(error)")
            return nil
        }
    }

    private func read(_ counts: [Int?]) throws {
        for (topic, count) in zip(topics, counts) {
            guard let count else {
                if missing.insert(topic).inserted { log.notice("topic \(topic) does not exist yet; waiting for it") }
                continue
            }
            missing.remove(topic)
            var positions: [(TopicPartition, StartPosition)] = []
            for partition in 0..<Int32(count) {
                let key = TopicPartition(topic, partition)
                guard !reading.contains(key) else { continue }
                reading.insert(key)
                positions.append((key, start(of: key)))
            }
            guard !positions.isEmpty else { continue }
            log.info("reading \(positions.count) partitions of topic \(topic)")
            try consumer.add(positions)
        }
    }

    private var reading: Set<TopicPartition> = []

    /// The least position of the sources that read the partition.
    private func start(of key: TopicPartition) -> StartPosition {
        var least: Int64?
        for task in tasks where task.plan.topic == key.topic {
            task.addPartition(key.partition, now: Clock.monotonic())
            let next = task.nextOffset(of: key.partition) ?? 0
            least = min(least ?? next, next)
        }
        guard let least, least > 0 else { return .beginning }
        return .offset(least)
    }

    // MARK: - Bounded

    /// All partitions as they are now, up to their ends of now.
    func addBounded() throws {
        let counts = try consumer.partitionCounts(of: topics, timeout: .seconds(30))
        var positions: [(TopicPartition, StartPosition)] = []
        for (topic, count) in zip(topics, counts) {
            guard let count else { throw WorkerError("topic \(topic) does not exist") }
            for partition in 0..<Int32(count) {
                let key = TopicPartition(topic, partition)
                let (low, high) = try consumer.watermarks(of: key, timeout: .seconds(30))
                let start = start(of: key)
                for index in tasks.indices where tasks[index].plan.topic == topic {
                    ends[index][partition] = high
                    let next = max(low, tasks[index].nextOffset(of: partition) ?? 0)
                    total += max(0, high - next)
                    if next >= high { tasks[index].reachedEnd(partition, isFinished: true) }
                }
                if high > low { positions.append((key, start)) }
            }
        }
        try consumer.assign(positions)
    }

    /// The offset at which a task's reading of a partition ends, as it was fixed at the start; the greatest of all in a live run.
    func end(_ task: Int, _ partition: Int32) -> Int64 {
        isBounded ? ends[task][partition] ?? 0 : .max
    }

    func reachedEnd(_ partition: TopicPartition, _ offset: Int64) {
        for index in tasks.indices where tasks[index].plan.topic == partition.topic {
            let isFinished = isBounded && offset >= ends[index][partition.partition] ?? 0
            tasks[index].reachedEnd(partition.partition, isFinished: isFinished)
        }
    }

    func take(_ error: KafkaError) throws {
        if error.isOffsetOutOfRange {
            throw WorkerError(
                "\(error): the records from our position on are gone, most likely by the topic's retention; what they held cannot"
                    + " be made up for. Start with an empty --state to go on from what the topic still holds")
        }
        if error.isFatal { throw WorkerError(error.description) }
        log.warning("\(error)")
    }

    // MARK: - For tools and progress

    /// Tells the group's offsets to the brokers, for lag tools; nothing here ever reads them.
    func commitOffsets(_ positions: [[Int32: Int64]], waiting: Bool = false) {
        var offsets: [(TopicPartition, nextOffset: Int64)] = []
        for (task, positions) in zip(tasks, positions) {
            for (partition, next) in positions where next > 0 {
                offsets.append((TopicPartition(task.plan.topic, partition), nextOffset: next))
            }
        }
        guard !offsets.isEmpty else { return }
        if waiting { consumer.commit(offsets, waitingAtMost: .seconds(5)) } else { consumer.commit(offsets) }
    }

    /// Records that the topics hold beyond what was read.
    var lag: Int64? {
        var lag: Int64 = 0
        for task in tasks {
            for (partition, progress) in task.partitions {
                let end =
                    isBounded
                    ? ends[task.index][partition]
                    : consumer.cachedWatermarks(of: TopicPartition(task.plan.topic, partition))?.high
                if let end { lag += max(0, end - progress.nextOffset) }
            }
        }
        return lag
    }

    var fraction: Double? {
        guard isBounded, total > 0, let lag else { return nil }
        return 1 - Double(lag) / Double(total)
    }
}
