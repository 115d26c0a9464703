import Glibc
import Kafka
import Synchronization
import Testing

/// The cluster under test: the one that FRESHET_TEST_BROKERS names, or a mock of its own.
final class TestCluster: Sendable {
    let mock: MockCluster?
    let brokers: String
    let log = LogLines()

    static let external = unsafe getenv("FRESHET_TEST_BROKERS").map { unsafe String(cString: $0) }

    init() throws {
        mock = try Self.external == nil ? MockCluster(brokers: 1) : nil
        brokers = Self.external ?? mock!.bootstrapServers
    }

    func configuration(_ properties: [(name: String, value: String)] = []) -> KafkaConfiguration {
        KafkaConfiguration(brokers: brokers, properties: properties)
    }

    /// A name that no other test and no earlier run has used.
    func topicName(_ stem: String) -> String { "freshet-test-\(stem)-\(UInt64.random(in: 0...UInt64.max))" }

    func create(_ topic: String, partitions: Int) throws {
        if let mock {
            try mock.createTopic(topic, partitions: partitions)
        } else {
            let admin = try KafkaAdmin(configuration(), log: log.append)
            try admin.createTopic(
                topic, partitions: partitions, properties: [("retention.ms", "-1")], timeout: .seconds(30))
        }
    }

    func createTopic(_ stem: String, partitions: Int = 1) throws -> String {
        let topic = topicName(stem)
        try create(topic, partitions: partitions)
        return topic
    }

    func consumer(_ properties: [(name: String, value: String)] = [], group: String = "freshet-test") throws -> KafkaConsumer {
        try KafkaConsumer(configuration(properties), group: group, log: log.append)
    }

    func producer() throws -> KafkaProducer { try KafkaProducer(configuration(), log: log.append) }

    /// Messages "p:0", "p:1", … in each partition.
    func fill(_ topic: String, partitions: Int = 1, from first: Int = 0, count: Int) throws {
        let producer = try producer()
        for number in first..<first + count {
            for partition in 0..<partitions {
                try producer.send(topic, Int32(partition), value: "\(partition):\(number)")
            }
        }
        try producer.flush(timeout: .seconds(30))
        #expect(producer.deliveredCount == count * partitions)
        #expect(producer.failedCount == 0)
    }
}

extension KafkaProducer {
    func send(_ topic: String, _ partition: Int32, value: String) throws {
        try unsafe Array(value.utf8).withUnsafeBytes { bytes in
            try unsafe send(to: topic, partition: partition, key: nil, value: bytes)
        }
    }
}

final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    @Sendable func append(_ level: KafkaLogLevel, _ text: String) { lines.withLock { $0.append("\(level) \(text)") } }
}

/// What a consumer has delivered, copied out of its batches.
struct Received {
    struct Message: Equatable {
        var topic: String
        var partition: Int32
        var offset: Int64
        var text: String?
    }
    var messages: [Message] = []
    var ends: [TopicPartition: Int64] = [:]
    var errors: [KafkaError] = []

    func texts(_ topic: String, _ partition: Int32) -> [String] {
        messages.filter { $0.topic == topic && $0.partition == partition }.map { $0.text ?? "null" }
    }

    mutating func append(_ batch: borrowing MessageBatch, of consumer: KafkaConsumer) {
        for index in 0..<batch.count {
            let message = batch[index]
            let text = unsafe message.value.map { unsafe String(decoding: $0, as: UTF8.self) }
            messages.append(
                Message(
                    topic: consumer.topic(at: message.topicIndex), partition: message.partition, offset: message.offset,
                    text: text))
        }
        for event in batch.events {
            switch event {
            case .end(let partition, let offset): ends[partition] = offset
            case .error(let error, _): errors.append(error)
            }
        }
    }

    /// Polls until `done`; the deadline only keeps a failing test from hanging.
    mutating func poll(_ consumer: KafkaConsumer, capacity: Int = 64, until done: (borrowing Received) -> Bool) throws {
        var batch = MessageBatch(capacity: capacity)
        let deadline = ContinuousClock.now + .seconds(30)
        while !done(self) {
            try #require(ContinuousClock.now < deadline, "nothing more came")
            try consumer.poll(into: &batch, timeout: .milliseconds(200))
            append(batch, of: consumer)
        }
    }
}

func numbers(_ partition: Int, _ range: Range<Int>) -> [String] { range.map { "\(partition):\($0)" } }
