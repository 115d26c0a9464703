import Kafka
import Records
import Synchronization
import Testing

@testable import Worker

struct EmitTopicTests {
    /// A transaction whose rows were given up cannot be committed, however often that is tried: its end comes at once, not once its
    /// time is over.
    @Test func rowsThatWereGivenUpEndTheTransaction() throws {
        let cluster = try MockCluster(brokers: 1)
        try cluster.createTopic("events", partitions: 1)
        try cluster.createTopic("rows", partitions: 1)
        let lines = Mutex<[String]>([])
        let target = try EmitTopic(
            KafkaConfiguration(brokers: cluster.bootstrapServers, properties: [("message.timeout.ms", "1000")]),
            topic: "rows", name: "test.emit.rows", timeout: .seconds(120)
        ) { _, line in lines.withLock { $0.append(line) } }
        #expect(try target.open(["events": [0]]) { false } == [])
        let positions = [CommittedPosition(TopicPartition("events", 0), nextOffset: 1, metadata: "")]
        try target.send(batch(of: 10))
        try target.commit(positions)

        try cluster.setBroker(1, down: true)
        try target.send(batch(of: 10))
        let error = #expect(throws: WorkerError.self) { try target.commit(positions) }
        #expect(error?.description.contains("message(s) timed out on rows") == true)
        // librdkafka says so too, once; whoever tries again says what is tried.
        let wasTriedAgain = lines.withLock {
            $0.contains { $0.hasPrefix("send offsets to transaction") && $0.contains("message(s) timed out") }
        }
        #expect(!wasTriedAgain)
    }

    private func batch(of count: Int) -> EmitBatch {
        let batch = EmitBatch()
        for _ in 0..<count {
            batch.bytes.reserve(2)
            unsafe batch.bytes.unsafeEnd.update(repeating: UInt8(ascii: "1"), count: 2)
            batch.add(keyLength: 1, valueLength: 1, timestampMilliseconds: 1)
        }
        return batch
    }
}
