internal import Glibc
internal import Kafka
internal import Records

/// Where dead letters lie: the file of a log folder, or a topic. Read from its beginning to its end of now.
public enum LetterSource: Sendable {
    case log(String)
    case topic(String, brokers: String, properties: [(name: String, value: String)])

    /// The file of a log folder.
    static func path(inLog directory: String) -> String { "\(directory)/_dead_letters/dead_letters.jsonl" }

    /// Whether a letter may be there more than once: those since a crash's last commit are sent again.
    var mayRepeat: Bool {
        if case .topic = self { true } else { false }
    }

    /// Gives `body` the letters in their order until it says false; nil stands for a line or message that is none.
    func read(_ body: (DeadLetter?) throws -> Bool) throws {
        switch self {
        case .log(let directory):
            let path = LetterSource.path(inLog: directory)
            // Where nothing was set aside there is no file.
            guard unsafe access(path, F_OK) == 0 else { return }
            let file = try FileSource(path: path)
            var goesOn = true
            while goesOn {
                var letters: [DeadLetter?] = []
                let hasMore = try unsafe file.forEachLine { (line, _) throws(WorkerError) in
                    letters.append(unsafe line.value.flatMap { unsafe DeadLetter(json: $0) })
                    return letters.count < Bounds.lettersRead
                }
                for letter in letters where goesOn { goesOn = try body(letter) }
                if !hasMore { return }
            }
        case .topic(let topic, let brokers, let properties):
            try LetterSource.readTopic(topic, KafkaConfiguration(brokers: brokers, properties: properties), body)
        }
    }

    private static func readTopic(
        _ topic: String, _ configuration: KafkaConfiguration, _ body: (DeadLetter?) throws -> Bool
    ) throws {
        let consumer = try KafkaConsumer(configuration, group: "freshet-dead-letters") { _, _ in }
        defer { consumer.close() }
        guard let count = try consumer.partitionCounts(of: [topic], timeout: .seconds(30))[0] else {
            throw WorkerError("topic \(topic) does not exist", isInput: true)
        }
        var ends: [Int32: Int64] = [:]
        for partition in 0..<Int32(count) {
            let (low, high) = try consumer.watermarks(of: TopicPartition(topic, partition), timeout: .seconds(30))
            if high > low { ends[partition] = high }
        }
        try consumer.assign(ends.keys.sorted().map { (TopicPartition(topic, $0), .beginning) })
        var batch = MessageBatch(capacity: Bounds.lettersRead)
        while !ends.isEmpty {
            try consumer.poll(into: &batch, timeout: .milliseconds(Bounds.pollMilliseconds))
            for index in 0..<batch.count {
                let message = batch[index]
                guard let end = ends[message.partition], message.offset < end else { continue }
                if message.offset == end - 1 { ends[message.partition] = nil }
                guard try body(unsafe message.value.flatMap { unsafe DeadLetter(json: $0) }) else { return }
            }
            for event in batch.events {
                switch event {
                // The last offsets may be of no message.
                case .end(let partition, let offset):
                    if let end = ends[partition.partition], offset >= end { ends[partition.partition] = nil }
                case .error(let error, _): if error.isFatal { throw WorkerError("\(error)") }
                }
            }
        }
    }
}
