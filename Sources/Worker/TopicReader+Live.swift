internal import Kafka
internal import Logging
internal import Pipelines
internal import Records
internal import Store

/// While it runs: partitions and topics that come later are read too, and topics that go are noticed.
extension TopicReader {
    /// Starts to ask the brokers what there is, beside the loop, when it is time; `takeFindings` acts on the answer.
    func askIfDue() {
        let now = Clock.monotonic()
        guard now >= discovery.dueAt, discovery.findings.beginAsking() else { return }
        discovery.dueAt = now + Bounds.discoverySeconds * 1_000_000
        // Brokers that were away did not hear of them, and librdkafka drops what it cannot send yet.
        if let offsets = discovery.told.get() { consumer.commit(offsets) }
        discovery.asking?.join()
        let positions = isBounded ? [:] : unreadPositions()
        discovery.asking = WorkThread { [self] in
            discovery.findings.put(ask(positions))
            consumer.wake()
        }
    }

    func askSoon() { discovery.dueAt = min(discovery.dueAt, Clock.monotonic() + Bounds.discoverySecondsOpen * 1_000_000) }

    /// Starts to read what was found.
    func takeFindings() throws {
        guard let findings = discovery.findings.take() else { return }
        guard let findings else { return askSoon() }
        try read(findings)
    }

    /// Waits until the question that is under way has ended.
    func stopAsking() {
        discovery.asking?.join()
        discovery.asking = nil
    }

    /// The partitions that the state has read some of, and this run none yet.
    private func unreadPositions() -> [TopicPartition: Int64] {
        var positions: [TopicPartition: Int64] = [:]
        for task in tasks {
            for (partition, position) in task.state.positions where position.nextOffset > 0 {
                let key = TopicPartition(task.plan.topic, partition)
                guard !discovery.reading.contains(key) else { continue }
                positions[key] = min(positions[key] ?? .max, position.nextOffset)
            }
        }
        return positions
    }

    /// On a thread of its own.
    private func ask(_ positions: [TopicPartition: Int64]) -> TopicDiscovery.Answer? {
        do throws(KafkaError) {
            let timeout = Duration.seconds(Bounds.questionSeconds)
            var answer = TopicDiscovery.Answer(counts: try consumer.partitionCounts(of: topics, timeout: timeout))
            for (topic, count) in zip(topics, answer.counts) {
                for (key, next) in positions where key.topic == topic && key.partition < Int32(count ?? 0) && !shouldStop() {
                    answer.held[key] = try held(by: key, from: next, timeout)
                }
            }
            return answer
        } catch {
            // Once, not with every look: librdkafka says it too.
            log.log(level: discovery.findings.isFirstFailure ? .warning : .debug, "\(error)")
            return nil
        }
    }

    private func read(_ answer: TopicDiscovery.Answer) throws {
        for (topic, count) in zip(topics, answer.counts) {
            let read = discovery.reading.filter { $0.topic == topic }
            guard let count else {
                askSoon()
                if !read.isEmpty { try miss(topic) }
                if read.isEmpty, discovery.missing.insert(topic).inserted {
                    log.notice("topic \(topic) does not exist yet; waiting for it")
                }
                continue
            }
            discovery.missing.remove(topic)
            discovery.looksWithout[topic] = nil
            let known = read.map(\.partition) + tasks.filter { $0.plan.topic == topic }.flatMap { $0.state.positions.keys }
            if let greatest = known.max(), greatest >= Int32(count) {
                throw positions.replaced(TopicPartition(topic, greatest), "the topic has no more than \(count) partitions")
            }
            if !isBounded { try add(topic, count, answer) }
        }
    }

    private func add(_ topic: String, _ count: Int, _ answer: TopicDiscovery.Answer) throws {
        var found: [(TopicPartition, StartPosition)] = []
        for partition in 0..<Int32(count) {
            let key = TopicPartition(topic, partition)
            guard !discovery.reading.contains(key) else { continue }
            if let held = answer.held[key] {
                found.append((key, try start(of: key, held: held)))
            } else if case .beginning = start(of: key) {
                found.append((key, .beginning))
            } else {
                askSoon()
                continue
            }
            discovery.reading.insert(key)
        }
        guard !found.isEmpty else { return }
        log.info("reading \(found.count) partitions of topic \(topic)")
        try consumer.add(found)
    }

    /// A topic that is being read was not found.
    private func miss(_ topic: String) throws {
        let looks = discovery.looksWithout[topic, default: 0] + 1
        discovery.looksWithout[topic] = looks
        log.warning("topic \(topic) is not there")
        guard looks >= Bounds.looksWithoutTopic else { return }
        throw WorkerError(
            "topic \(topic) is gone: it was deleted, or may not be seen any more. All that was read of it is kept. Where it is to be made"
                + " again, start with an empty --state and an empty --log; else take its source out of the pipeline file")
    }
}

/// What a run knows of its topics.
final class TopicDiscovery {
    /// What the brokers have said.
    struct Answer {
        /// In the order of the topics: nil for one that does not exist.
        var counts: [Int?]
        /// The offsets that partitions hold of which the state has read some.
        var held: [TopicPartition: (low: Int64, high: Int64)] = [:]
    }

    var reading: Set<TopicPartition> = []
    fileprivate var asking: WorkThread?
    /// Monotonic microseconds of the next look.
    fileprivate var dueAt = Int64.min
    fileprivate var missing: Set<String> = []
    fileprivate var looksWithout: [String: Int] = [:]
    fileprivate let findings = Findings()
    let told = ToldOffsets()

    /// The offsets that were told to the brokers last.
    final class ToldOffsets: @unchecked Sendable {
        private let monitor = Monitor()
        private var offsets: [(TopicPartition, nextOffset: Int64)]?

        func set(_ offsets: [(TopicPartition, nextOffset: Int64)]) { monitor.locked { self.offsets = offsets } }
        func get() -> [(TopicPartition, nextOffset: Int64)]? { monitor.locked { offsets } }
    }

    /// What the thread that asks hands to the one that reads.
    fileprivate final class Findings: @unchecked Sendable {
        private let monitor = Monitor()
        private var isAsking = false
        private var answer: Answer??
        private var failures = 0

        /// False while an earlier question is open.
        func beginAsking() -> Bool {
            monitor.locked {
                defer { isAsking = true }
                return !isAsking
            }
        }

        var isFirstFailure: Bool { monitor.locked { failures == 0 } }

        func put(_ answer: Answer?) {
            monitor.locked {
                self.answer = .some(answer)
                failures = answer == nil ? failures + 1 : 0
                isAsking = false
            }
        }

        /// nil: there is nothing new; else the answer, if the brokers gave one.
        func take() -> Answer?? {
            monitor.locked {
                defer { answer = nil }
                return answer
            }
        }
    }
}
