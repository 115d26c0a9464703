import Kafka
import Testing

struct PartitionQueueTests {
    let cluster: TestCluster
    init() throws { cluster = try TestCluster() }

    private func drain(_ queue: borrowing PartitionQueue, _ consumer: KafkaConsumer, capacity: Int = 7) throws -> Received {
        var received = Received()
        var batch = MessageBatch(capacity: capacity)
        let deadline = ContinuousClock.now + .seconds(30)
        while received.ends.isEmpty {
            try #require(ContinuousClock.now < deadline, "nothing more came")
            try queue.poll(into: &batch, timeout: .milliseconds(200))
            received.append(batch, of: consumer)
        }
        return received
    }

    @Test func theCallerChoosesWhichPartitionToRead() throws {
        let topic = try cluster.createTopic("split", partitions: 3)
        try cluster.fill(topic, partitions: 3, count: 100)
        let consumer = try cluster.consumer()
        let queue1 = try consumer.split(TopicPartition(topic, 1))
        let queue0 = try consumer.split(TopicPartition(topic, 0))
        try consumer.assign((0..<3).map { (TopicPartition(topic, $0), .offset(10)) })
        let received1 = try drain(queue1, consumer)
        #expect(received1.texts(topic, 1) == numbers(1, 10..<100))
        #expect(received1.messages.count == 90)
        let received0 = try drain(queue0, consumer)
        #expect(received0.texts(topic, 0) == numbers(0, 10..<100))
        #expect(received0.ends == [TopicPartition(topic, 0): 100])
        var rest = Received()
        try rest.poll(consumer) { !$0.ends.isEmpty }
        #expect(rest.texts(topic, 2) == numbers(2, 10..<100))
        #expect(rest.messages.count == 90)
    }

    @Test func aSplitPartitionPausesSeeksAndGoesBack() throws {
        let topic = try cluster.createTopic("back")
        let partition = TopicPartition(topic, 0)
        try cluster.fill(topic, count: 50)
        let consumer = try cluster.consumer()
        do {
            let queue = try consumer.split(partition)
            try consumer.assign([(partition, .beginning)])
            _ = try drain(queue, consumer)
            try consumer.seek([(partition, .offset(45))], timeout: .seconds(10))
            let again = try drain(queue, consumer)
            #expect(again.texts(topic, 0) == numbers(0, 45..<50))
            try consumer.pause([partition])
            try consumer.resume([partition])
        }
        try cluster.fill(topic, from: 50, count: 10)
        var rest = Received()
        try rest.poll(consumer) { $0.messages.count >= 10 }
        #expect(rest.texts(topic, 0) == numbers(0, 50..<60))
    }

    @Test func anOffsetThatIsGoneIsSeenOnThePartitionsQueue() throws {
        let topic = try cluster.createTopic("splitgone")
        try cluster.fill(topic, count: 5)
        let consumer = try cluster.consumer()
        let queue = try consumer.split(TopicPartition(topic, 0))
        try consumer.assign([(TopicPartition(topic, 0), .offset(1000))])
        var received = Received()
        var batch = MessageBatch(capacity: 7)
        let deadline = ContinuousClock.now + .seconds(30)
        while received.errors.isEmpty && ContinuousClock.now < deadline {
            try queue.poll(into: &batch, timeout: .milliseconds(200))
            received.append(batch, of: consumer)
        }
        #expect(received.errors.first?.isOffsetOutOfRange == true)
    }
}
