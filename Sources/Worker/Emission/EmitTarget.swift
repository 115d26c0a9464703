internal import Glibc
internal import Kafka
internal import Records
import Synchronization

/// Where rows are emitted to: a topic that is written in transactions, which hold a consumer group's offsets too.
///
/// # Contract
/// - `open` comes first, once. It ends whatever transaction was left open under the same name: what it then gives as committed stays so
///   until the next `commit`.
/// - All else but `hurry` is called by one thread: rows, then `commit` or `abort`, in turns.
/// - `commit` returns once the rows since the last one and the positions can be read, all of them. Where it throws, they may or may
///   not be; the next `open` tells.
protocol EmitTarget: AnyObject, Sendable {
    /// Waits for the brokers; nil if `shouldStop` said so meanwhile.
    ///
    /// - Parameter topics: whose committed positions are wanted, with the partitions that are known of each.
    func open(_ topics: [String: Set<Int32>], shouldStop: () -> Bool) throws(WorkerError) -> [CommittedPosition]?
    func send(_ batch: EmitBatch) throws(WorkerError)
    func commit(_ positions: [CommittedPosition]) throws(WorkerError)
    /// What was sent since the last commit is to be forgotten, as far as that can be had quickly.
    func abort()
    /// The run is to stop: from now on brokers that are away are waited for a moment only. Any thread may call it.
    func hurry()
}

extension EmitTarget {
    func hurry() {}
}

/// A topic of Kafka.
final class EmitTopic: EmitTarget, @unchecked Sendable {
    private let configuration: KafkaConfiguration
    private let topic: String
    private let name: String
    private let timeout: TimeSpan
    private let log: KafkaLog
    private let producer: TransactionalProducer
    private var isOpen = false
    /// When the run was asked to stop.
    private let hurriedAt = Atomic<Int64>(.max)

    /// - Parameters:
    ///   - name: the transactional id, and the consumer group.
    ///   - timeout: of a transaction, and of brokers that are gone.
    init(
        _ configuration: KafkaConfiguration, topic: String, name: String, timeout: TimeSpan, log: @escaping KafkaLog
    ) throws(WorkerError) {
        self.configuration = configuration
        self.topic = topic
        self.name = name
        self.timeout = timeout
        self.log = log
        do throws(KafkaError) {
            producer = try TransactionalProducer(
                configuration, topic: topic, transactionalID: name, group: name,
                transactionTimeout: .microseconds(timeout.microseconds), log: log)
        } catch { throw WorkerError(error.description) }
    }

    func open(_ topics: [String: Set<Int32>], shouldStop: () -> Bool) throws(WorkerError) -> [CommittedPosition]? {
        let names = topics.keys.sorted()
        let consumer: KafkaConsumer
        do throws(KafkaError) { consumer = try KafkaConsumer(configuration, group: name, log: log) } catch {
            throw WorkerError(error.description)
        }
        defer { consumer.close() }
        let counts = try retrying(shouldStop) { () throws(KafkaError) in
            try consumer.partitionCounts(of: names + [topic], timeout: .seconds(2))
        }
        guard let counts else { return nil }
        guard counts[names.count] != nil else {
            throw WorkerError("topic \(topic), which rows are to be emitted to, does not exist")
        }
        let taken: Void? = try retrying(shouldStop) { () throws(KafkaError) in
            try producer.initTransactions(timeout: .seconds(2))
        }
        guard taken != nil else { return nil }
        // A partition that the brokers do not tell of at the moment may have an offset all the same: the first of each topic has
        // one if any has.
        var wanted: [TopicPartition] = []
        for (name, count) in zip(names, counts) {
            let partitions = topics[name]!.union(0..<Int32(count ?? 1)).sorted()
            wanted += partitions.map { TopicPartition(name, $0) }
        }
        let positions = try retrying(shouldStop) { () throws(KafkaError) in
            try consumer.committed(wanted, timeout: .seconds(2))
        }
        guard let committed = positions?.compactMap({ $0 }) else { return nil }
        for (name, count) in zip(names, counts) where count == nil && committed.contains(where: { $0.partition.topic == name }) {
            throw WorkerError("rows of topic \(name) were emitted, and the topic does not exist now")
        }
        return committed
    }

    func send(_ batch: EmitBatch) throws(WorkerError) {
        do throws(KafkaError) {
            try begin()
            for message in batch.messages {
                try unsafe batch.withMessage(message) { key, value throws(KafkaError) in
                    let start = Clock.monotonic()
                    while !(unsafe try producer.send(
                        key: key, value: value, timestampMilliseconds: message.timestampMilliseconds))
                    {
                        guard mayWait(since: start) else { throw producer.noRoom }
                        // Room comes when messages are delivered, or given up, which the next call says.
                        producer.wait(.milliseconds(Bounds.emitWaitMilliseconds))
                    }
                }
            }
        } catch { throw failure(error) }
    }

    private func begin() throws(KafkaError) {
        if !isOpen { try producer.begin() }
        isOpen = true
    }

    func commit(_ positions: [CommittedPosition]) throws(WorkerError) {
        do throws(KafkaError) { try begin() } catch { throw failure(error) }
        let start = Clock.monotonic()
        try retrying(since: start) { () throws(KafkaError) in try producer.sendOffsets(positions, timeout: .seconds(5)) }
        try retrying(since: start) { () throws(KafkaError) in try producer.commit(timeout: .seconds(5)) }
        isOpen = false
    }

    func abort() {
        guard isOpen else { return }
        isOpen = false
        // Otherwise the brokers do it when the transaction's time is over; readers wait until then.
        do throws(KafkaError) { try producer.abort(timeout: .seconds(5)) } catch { log(.warning, "\(error)") }
    }

    func hurry() { _ = hurriedAt.compareExchange(expected: .max, desired: Clock.monotonic(), ordering: .relaxed) }

    /// Whether brokers that do not answer since then are still waited for: as long as a transaction may last.
    private func mayWait(since start: Int64) -> Bool {
        let now = Clock.monotonic()
        return now - start < timeout.microseconds && now - hurriedAt.load(ordering: .relaxed) < Bounds.emitStopMicroseconds
    }

    /// Calls again after errors that may pass, as long as it may wait; nil if `shouldStop` said so meanwhile.
    private func retrying<R>(_ shouldStop: () -> Bool, _ call: () throws(KafkaError) -> R) throws(WorkerError) -> R? {
        let start = Clock.monotonic()
        while !shouldStop() {
            if let answer = try answer(since: start, call) { return answer }
        }
        return nil
    }

    private func retrying(since start: Int64, _ call: () throws(KafkaError) -> Void) throws(WorkerError) {
        while try answer(since: start, call) == nil {}
    }

    /// nil after an error that may pass, and a moment.
    private func answer<R>(since start: Int64, _ call: () throws(KafkaError) -> R) throws(WorkerError) -> R? {
        do throws(KafkaError) { return try call() } catch {
            guard error.isRetriable, mayWait(since: start) else { throw failure(error) }
            log(.warning, "\(error)")
            usleep(100_000)
            return nil
        }
    }

    private func failure(_ error: KafkaError) -> WorkerError {
        guard error.isFenced else { return WorkerError("emission to topic \(topic): \(error)") }
        return WorkerError(
            "emission to topic \(topic): another worker with transactional id \(name) runs and has taken over, or the brokers gave up"
                + " a transaction that took more than \(timeout.microseconds / 1_000_000) s: \(error)")
    }
}
