internal import Engine
internal import Glibc
internal import Kafka
internal import Logging
internal import Pipelines
internal import Records

/// Which partitions of which topics are read, from where, up to where, and which wait for others.
final class TopicReader: @unchecked Sendable {
    let consumer: KafkaConsumer
    let tasks: [SourceTask]
    let log: Logger
    let isBounded: Bool
    /// The event times between which rows are wanted.
    private let from: EventTime
    let to: EventTime
    private var taskIndexes: [[Int]] = []
    /// Whether reading ends at offsets that are known at its start.
    private let hasEnds: Bool
    /// Per task and partition, those offsets.
    private var ends: [[Int32: Int64]]
    /// The partitions that were read up to there.
    private var ended: [Set<Int32>]
    private var total: Int64 = 0
    private var alignments: [Alignment]
    /// Partitions that give nothing until they are resumed.
    private var paused: Set<TopicPartition> = []
    /// Those that a task is done with, though the topic holds more of them.
    private var finished: Set<TopicPartition> = []
    private var retention: RetentionCheck?
    let discovery = TopicDiscovery()
    let positions: TopicPositions
    /// Whether the run is to end; any thread may ask.
    var shouldStop: () -> Bool = { false }

    /// - Parameter upTo: per task and partition, the offset at which reading ends, where it is not the run that ends there.
    init(
        _ consumer: KafkaConsumer, tasks: [SourceTask], _ positions: TopicPositions, _ options: WorkerOptions,
        upTo: [[Int32: Int64]]? = nil, log: Logger
    ) {
        self.consumer = consumer
        self.positions = positions
        self.tasks = tasks
        self.log = log
        isBounded = options.isBounded
        from = options.filter?.from ?? .distantPast
        to = options.end
        hasEnds = options.isBounded || upTo != nil
        ends = upTo ?? Array(repeating: [:], count: tasks.count)
        ended = Array(repeating: [], count: tasks.count)
        let waitingMax = max(options.waitingRecordsMin, options.memory / Bounds.memoryPerWaitingRecord)
        alignments = Array(repeating: Alignment(waitingMax: waitingMax), count: tasks.count)
    }

    var topics: [String] { Set(tasks.map(\.plan.topic)).sorted() }

    func tasksOfTopic(_ topic: Int) -> [Int] {
        while taskIndexes.count <= topic {
            let name = consumer.topic(at: taskIndexes.count)
            taskIndexes.append(tasks.indices.filter { tasks[$0].plan.topic == name })
        }
        return taskIndexes[topic]
    }

    /// The least position of the sources that read the partition.
    func start(of key: TopicPartition) -> StartPosition {
        var least: Int64?
        for task in tasks where task.plan.topic == key.topic {
            task.addPartition(key.partition, now: Clock.monotonic())
            let next = task.nextOffset(of: key.partition) ?? 0
            least = min(least ?? next, next)
        }
        guard let least, least > 0 else { return .beginning }
        return .offset(least)
    }

    /// As `start(of:)`, where the brokers have said which offsets the partition holds.
    func start(of key: TopicPartition, held: (low: Int64, high: Int64)) throws(WorkerError) -> StartPosition {
        guard case .offset(let next) = start(of: key) else { return .beginning }
        let start = try positions.start(key, next: next, low: held.low, high: held.high)
        for task in tasks where task.plan.topic == key.topic && task.nextOffset(of: key.partition) ?? 0 < held.low {
            task.start(key.partition, at: held.low)
        }
        return .offset(start)
    }

    // MARK: - Bounded

    /// All partitions as they are now, up to their ends of now; from where rows of the run need them, unless the state says so.
    func addBounded(views: [ViewProgram]) throws {
        let names = topics
        guard let counts = try asking({ (wait) throws(KafkaError) in try consumer.partitionCounts(of: names, timeout: wait) })
        else { return }
        let check = RetentionCheck(tasks: tasks, views: views, log: log)
        retention = check
        var positions: [(TopicPartition, StartPosition)] = []
        for (topic, count) in zip(topics, counts) {
            guard let count else { throw WorkerError("topic \(topic) does not exist") }
            var skipped: Int64 = 0
            for partition in 0..<Int32(count) {
                let key = TopicPartition(topic, partition)
                let readers = tasks.indices.filter { tasks[$0].plan.topic == topic }
                let read = readers.compactMap { tasks[$0].nextOffset(of: partition) }.min() ?? 0
                guard let (low, high) = try asking({ (wait) throws(KafkaError) in try held(by: key, from: read, wait) }) else {
                    return
                }
                for index in readers { try begin(index, key, low: low, high: high, check) }
                // Of a partition that is not needed any more it does not matter what it holds.
                let isPast = readers.allSatisfy { tasks[$0].closed(partition) >= to }
                let start = isPast ? start(of: key) : try start(of: key, held: (low, high))
                for index in readers {
                    ends[index][partition] = high
                    let next = max(low, tasks[index].nextOffset(of: partition) ?? 0)
                    let isPast = tasks[index].closed(partition) >= to
                    if !isPast { total += max(0, high - next) }
                    if next >= high || isPast { reachedEnd(of: index, partition) }
                }
                if case .offset(let offset) = start { skipped += max(0, offset - low) }
                if high > low && !isDone(key) { positions.append((key, start)) }
                discovery.reading.insert(key)
            }
            if skipped > 0 { log.info("reading topic \(topic) behind its first \(skipped) records") }
        }
        try consumer.assign(positions)
    }

    /// The partitions whose ends were given, up to these, from where each task is.
    func addKnown() throws {
        var positions: [(TopicPartition, StartPosition)] = []
        for topic in topics {
            let tasks = tasks.filter { $0.plan.topic == topic }
            let partitions = tasks.reduce(into: Set<Int32>()) {
                $0.formUnion(ends[$1.index].keys)
                $0.formUnion($1.partitions.keys)
            }
            for partition in partitions.sorted() {
                let key = TopicPartition(topic, partition)
                for task in tasks {
                    task.addPartition(partition, now: Clock.monotonic())
                    if task.nextOffset(of: partition)! >= ends[task.index][partition] ?? 0 {
                        reachedEnd(of: task.index, partition)
                    }
                }
                guard !isDone(key) else { continue }
                let last = tasks.map { end($0.index, partition) }.max()!
                guard let held = try asking({ (wait) throws(KafkaError) in try held(by: key, from: last, wait) }) else { return }
                guard held.high >= last else {
                    throw WorkerError(
                        "rows of \(key) were emitted up to offset \(last), and it ends at \(held.high): it is not the topic that it was."
                            + " Emit to another topic, or delete the offsets of the group of this one")
                }
                // A state that begins reads what is there; what is gone had better been emitted.
                for task in tasks where !ended[task.index].contains(partition) && task.nextOffset(of: partition) == 0 {
                    let end = end(task.index, partition)
                    if held.low > end { _ = try self.positions.start(key, next: end, low: held.low, high: held.high) }
                    if held.low > 0 {
                        log.warning("\(key) begins at offset \(held.low): windows that reach back before it lack what was there")
                    }
                }
                let start = try start(of: key, held: held)
                for task in tasks where held.low >= end(task.index, partition) {
                    reachedEnd(of: task.index, partition, at: end(task.index, partition))
                }
                if !isDone(key) { positions.append((key, start)) }
            }
        }
        try consumer.assign(positions)
    }

    /// Sets a task's position in a partition that it has not read before.
    private func begin(_ index: Int, _ key: TopicPartition, low: Int64, high: Int64, _ check: RetentionCheck) throws {
        let task = tasks[index]
        task.addPartition(key.partition, now: Clock.monotonic())
        guard task.nextOffset(of: key.partition) == 0 else { return }
        let start = try PartitionStart.find(
            low: low, high: high, needed: check.needed(by: index, from: from),
            maxAhead: task.plan.maxAhead
        ) { timestamp throws(KafkaError) in
            try consumer.offset(of: key, atOrAfter: timestamp, timeout: .seconds(30))
        }
        if start.isUnsearched { log.notice("the brokers look up no offsets by time: \(key) is read from its beginning") }
        if start.isTruncated && low < high { check.add(index, key.partition) }
        // Below the first offset that is held, the position stays open: more may be gone until it is read.
        if start.offset > low { task.start(key.partition, at: start.offset) }
    }

    /// The offset at which a task's reading of a partition ends, as it was fixed at the start; the greatest of all in a live run.
    func end(_ task: Int, _ partition: Int32) -> Int64 {
        hasEnds ? ends[task][partition] ?? 0 : .max
    }

    /// Where reading ends at known offsets: whether it has.
    var hasReadAll: Bool { tasks.indices.allSatisfy { index in ends[index].keys.allSatisfy { ended[index].contains($0) } } }

    /// All before the offset was given. Returns whether that moved a position.
    func reachedEnd(_ partition: TopicPartition, _ offset: Int64) -> Bool {
        var moves = false
        for index in tasks.indices where tasks[index].plan.topic == partition.topic {
            let end = end(index, partition.partition)
            if offset >= end {
                if reachedEnd(of: index, partition.partition, at: isBounded ? offset : end) { moves = true }
            } else if tasks[index].reachedEnd(partition.partition, at: offset, isFinished: false) {
                moves = true
            }
        }
        return moves
    }

    /// A task has read a partition up to the offset at which that ends; `end` as of `SourceTask.reachedEnd`.
    @discardableResult
    func reachedEnd(of index: Int, _ partition: Int32, at end: Int64 = 0) -> Bool {
        ended[index].insert(partition)
        return tasks[index].reachedEnd(partition, at: end, isFinished: isBounded)
    }

    /// A task needs no more of a partition, though more of it is there; `end` as of `SourceTask.reachedEnd`.
    func finish(_ index: Int, _ partition: Int32, at end: Int64 = 0) {
        reachedEnd(of: index, partition, at: end)
        finished.insert(TopicPartition(tasks[index].plan.topic, partition))
    }

    private func isDone(_ key: TopicPartition) -> Bool {
        tasks.allSatisfy { $0.plan.topic != key.topic || ended[$0.index].contains(key.partition) }
    }

    /// Whether the first record of a partition is to be told by `tookFirst`.
    func awaitsFirst(_ index: Int, _ partition: Int32) -> Bool { retention?.awaits(index, partition) ?? false }

    func finishReading() { retention?.finish() }

    func tookFirst(_ index: Int, _ partition: Int32, _ time: EventTime) { retention?.take(index, partition, time) }

    // MARK: - Alignment

    func didRead(_ records: Int, _ index: Int, _ partition: Int32) {
        alignments[index].didRead(records, of: partition, newest: tasks[index].currentNewest ?? .distantPast)
    }

    /// Pauses partitions that are too far ahead or done with, and resumes those that no longer are.
    func align(now: Int64) throws {
        var changed = !finished.isEmpty
        for index in tasks.indices where alignments[index].isDue {
            let task = tasks[index]
            let least = task.leastNewest(now: hasEnds ? nil : now)
            if alignments[index].update(least: least, mayWait: { task.hasMore($0) }) { changed = true }
        }
        guard changed else { return }
        var wanted = paused.union(finished)
        for (index, alignment) in alignments.enumerated() {
            for partition in alignment.held { wanted.insert(TopicPartition(tasks[index].plan.topic, partition)) }
        }
        finished.removeAll()
        // Where sources share a topic, a partition is read as long as one of them wants it: they must not wait for each other.
        wanted = wanted.filter { key in
            tasks.allSatisfy { task in
                task.plan.topic != key.topic || ended[task.index].contains(key.partition)
                    || alignments[task.index].held.contains(key.partition)
            }
        }
        let pausing = wanted.subtracting(paused)
        let resuming = paused.subtracting(wanted)
        paused = wanted
        if !pausing.isEmpty { try consumer.pause(Array(pausing)) }
        if !resuming.isEmpty { try consumer.resume(Array(resuming)) }
        log.debug("\(pausing.count) partitions begin to wait, \(resuming.count) go on, \(paused.count) wait")
    }

    func take(_ error: KafkaError, of partition: TopicPartition?) throws {
        if error.isFatal { throw WorkerError(error.description) }
        log.warning("\(error)")
        if error.isUnknownTopic { askSoon() }
        if error.isOffsetOutOfRange, let partition { try addAgain(partition) }
    }

    /// A partition stands still because it does not hold the offset at which it was to be read.
    private func addAgain(_ key: TopicPartition) throws {
        try consumer.remove([key])
        paused.remove(key)
        let read = tasks.filter { $0.plan.topic == key.topic }.compactMap { $0.nextOffset(of: key.partition) }.min() ?? 0
        guard let held = try asking({ (wait) throws(KafkaError) in try held(by: key, from: read, wait) }) else { return }
        let start = try start(of: key, held: held)
        try consumer.add([(key, start)])
        for index in tasks.indices where hasEnds && tasks[index].plan.topic == key.topic {
            if tasks[index].nextOffset(of: key.partition) ?? 0 >= end(index, key.partition) {
                reachedEnd(of: index, key.partition)
            }
        }
    }

    /// The offsets that a partition holds; nil where the run is to stop meanwhile. A leader that is new may not know for a moment how
    /// far it was read: an end before `next` is asked for again for a while.
    func held(by key: TopicPartition, from next: Int64, _ timeout: Duration) throws(KafkaError) -> (low: Int64, high: Int64)? {
        let deadline = Clock.monotonic() + Bounds.earlyEndSeconds * 1_000_000
        while true {
            let held = try consumer.watermarks(of: key, timeout: timeout)
            if held.high >= next || Clock.monotonic() >= deadline { return held }
            if shouldStop() { return nil }
            usleep(200_000)
        }
    }

    /// Asks the brokers, and again while they do not answer; nil where the run is to stop meanwhile.
    func asking<R>(_ question: (Duration) throws(KafkaError) -> R?) throws -> R? {
        let deadline = Clock.monotonic() + Bounds.questionSecondsMax * 1_000_000
        while !shouldStop() {
            do throws(KafkaError) {
                return try question(.seconds(Bounds.questionSeconds))
            } catch {
                guard error.isRetriable && Clock.monotonic() < deadline else { throw error }
            }
        }
        return nil
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
        discovery.told.set(offsets)
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
