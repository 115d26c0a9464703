internal import Kafka
internal import Logging
internal import Pipelines
internal import Records

/// A live run reads partitions and topics that come later, too.
extension TopicReader {
    /// Starts to read partitions that are new; topics that do not exist are waited for.
    func discover() throws {
        guard let counts = askForCounts() else { return }
        try read(counts)
    }

    /// As `discover`, without waiting for the brokers: starts to ask, and `takeFindings` acts on the answer.
    func askBeside() {
        guard discovery.findings.beginAsking() else { return }
        discovery.asking?.join()
        discovery.asking = WorkThread { [self] in discovery.findings.put(askForCounts()) }
    }

    /// Starts to read what was found beside.
    func takeFindings() throws {
        if let counts = discovery.findings.take() { try read(counts) }
    }

    /// Waits until the question that is under way has ended.
    func stopAsking() {
        discovery.asking?.join()
        discovery.asking = nil
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
                if discovery.missing.insert(topic).inserted { log.notice("topic \(topic) does not exist yet; waiting for it") }
                continue
            }
            discovery.missing.remove(topic)
            var positions: [(TopicPartition, StartPosition)] = []
            for partition in 0..<Int32(count) {
                let key = TopicPartition(topic, partition)
                guard !discovery.reading.contains(key) else { continue }
                discovery.reading.insert(key)
                positions.append((key, start(of: key)))
            }
            guard !positions.isEmpty else { continue }
            log.info("reading \(positions.count) partitions of topic \(topic)")
            try consumer.add(positions)
        }
    }
}

/// What a live run knows of its topics.
final class TopicDiscovery {
    fileprivate var asking: WorkThread?
    fileprivate var missing: Set<String> = []
    fileprivate var reading: Set<TopicPartition> = []
    fileprivate let findings = Findings()

    /// What the thread that asks hands to the one that reads.
    fileprivate final class Findings: @unchecked Sendable {
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
}
