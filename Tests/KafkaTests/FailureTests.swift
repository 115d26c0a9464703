import Glibc
import Kafka
import Testing

struct FailureTests {
    let cluster: TestCluster
    init() throws { cluster = try TestCluster() }

    @Test func anOffsetThatIsGoneIsAnErrorOfItsPartitionOnly() throws {
        let topic = try cluster.createTopic("gone", partitions: 2)
        try cluster.fill(topic, partitions: 2, count: 10)
        let consumer = try cluster.consumer()
        try consumer.assign([(TopicPartition(topic, 0), .offset(1000)), (TopicPartition(topic, 1), .beginning)])
        var received = Received()
        try received.poll(consumer) { !$0.errors.isEmpty && $0.texts(topic, 1).count == 10 }
        let error = try #require(received.errors.first)
        #expect(received.errors.count == 1)
        #expect(error.isOffsetOutOfRange && !error.isFatal && !error.isRetriable)
        #expect(error.name == "_AUTO_OFFSET_RESET")
        #expect(error.place == "\(topic)[0] at offset 1000")
        #expect(received.texts(topic, 0) == [])

        try consumer.remove([TopicPartition(topic, 0)])
        try consumer.add([(TopicPartition(topic, 0), .offset(8))])
        try received.poll(consumer) { $0.texts(topic, 0).count == 2 }
    }

    @Test func brokersThatAreNotThereAreErrorsNotHangs() throws {
        let log = LogLines()
        let consumer = try KafkaConsumer(KafkaConfiguration(brokers: "127.0.0.1:1"), group: "g", log: log.append)
        let error = #expect(throws: KafkaError.self) {
            try consumer.partitionCount(of: "t", timeout: .milliseconds(300))
        }
        #expect(error?.isRetriable == true && error?.isFatal == false)
        #expect(error?.place == "127.0.0.1:1")
        try consumer.assign([(TopicPartition("t", 0), .beginning)])
        var batch = MessageBatch(capacity: 4)
        for _ in 0..<5 { try consumer.poll(into: &batch, timeout: .milliseconds(50)) }
        consumer.commit([(TopicPartition("t", 0), nextOffset: 1)])
        consumer.commit([(TopicPartition("t", 0), nextOffset: 1)], waitingAtMost: .milliseconds(50))
        #expect(log.all.contains { $0.contains("127.0.0.1:1") })
        #expect(log.all.contains { $0.contains("COMMIT commit g: ") })

        let producer = try KafkaProducer(
            KafkaConfiguration(brokers: "127.0.0.1:1", properties: [("message.timeout.ms", "200")]), log: log.append)
        try producer.send("t", 3, value: "x")
        let undelivered = #expect(throws: KafkaError.self) { try producer.flush(timeout: .seconds(20)) }
        #expect(undelivered?.place == "t[3]" && undelivered?.isTimeout == true)
        #expect(producer.failedCount == 1 && producer.deliveredCount == 0)
    }

    @Test func aFullProducerWaitsOnlySoLong() throws {
        let producer = try KafkaProducer(
            KafkaConfiguration(brokers: "127.0.0.1:1", properties: [("queue.buffering.max.messages", "2")]),
            fullQueueTimeout: .milliseconds(200)
        ) { _, _ in }
        try producer.send("t", 0, value: "x")
        try producer.send("t", 0, value: "x")
        let error = #expect(throws: KafkaError.self) { try producer.send("t", 0, value: "x") }
        #expect(error?.name == "_QUEUE_FULL")
    }

    @Test(arguments: [
        ("no.such.property", "1", "no.such.property"), ("fetch.wait.max.ms", "soon", "fetch.wait.max.ms"),
        ("isolation.level", "read_everything", "isolation.level"),
    ])
    func aBadPropertyNamesItself(_ name: String, _ value: String, _ place: String) throws {
        let error = #expect(throws: KafkaError.self) { _ = try cluster.consumer([(name, value)]) }
        #expect(error?.operation == "set librdkafka property")
        #expect(error?.place == place)
        #expect(error?.text.contains(name) == true)
    }

    @Test func settingsThatContradictEachOtherAreAnError() throws {
        #expect(throws: KafkaError.self) {
            _ = try cluster.consumer([
                ("fetch.max.bytes", "2000000"), ("message.max.bytes", "1000"), ("receive.message.max.bytes", "1000"),
            ])
        }
    }

    @Test func userPropertiesOverrideTheDefaults() throws {
        let topic = try cluster.createTopic("override")
        try cluster.fill(topic, count: 3)
        let consumer = try cluster.consumer([("auto.offset.reset", "earliest")])
        try consumer.assign([(TopicPartition(topic, 0), .offset(1000))])
        var received = Received()
        try received.poll(consumer) { $0.messages.count == 3 }
        #expect(received.errors == [])
    }

    @Test func wakeEndsAPoll() throws {
        let consumer = try cluster.consumer()
        let box = unsafe Unmanaged.passRetained(consumer)
        var thread = pthread_t()
        let started = ContinuousClock.now
        unsafe pthread_create(
            &thread, nil,
            { argument in
                usleep(100_000)
                unsafe Unmanaged<KafkaConsumer>.fromOpaque(argument!).takeRetainedValue().wake()
                return nil
            }, box.toOpaque())
        var batch = MessageBatch(capacity: 4)
        try consumer.poll(into: &batch, timeout: .seconds(60))
        #expect(ContinuousClock.now - started < .seconds(30))
        pthread_join(thread, nil)
        // One that comes between polls is not lost.
        consumer.wake()
        try consumer.poll(into: &batch, timeout: .seconds(60))
        #expect(ContinuousClock.now - started < .seconds(30))
    }

    @Test func aCommitIsSeenByAnotherClient() throws {
        let topic = try cluster.createTopic("commit", partitions: 2)
        let group = cluster.topicName("group")
        let partitions = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
        let consumer = try cluster.consumer(group: group)
        consumer.commit([(partitions[0], nextOffset: 42)], waitingAtMost: .seconds(30))
        let other = try cluster.consumer(group: group)
        #expect(try other.committed(partitions, timeout: .seconds(30)).map { $0?.nextOffset } == [42, nil])

        consumer.commit([(partitions[1], nextOffset: 7)])
        var batch = MessageBatch(capacity: 1)
        var committed: [Int64?] = []
        let deadline = ContinuousClock.now + .seconds(30)
        while committed != [42, 7] && ContinuousClock.now < deadline {
            try consumer.poll(into: &batch, timeout: .milliseconds(50))
            committed = try other.committed(partitions, timeout: .seconds(30)).map { $0?.nextOffset }
        }
        #expect(committed == [42, 7])
        #expect(cluster.log.all.filter { $0.contains("COMMIT") } == [])
    }

    @Test(.enabled(if: TestCluster.external == nil, "it stops a broker"))
    func aReaderSurvivesItsBroker() throws {
        let topic = try cluster.createTopic("down")
        try cluster.fill(topic, count: 10)
        let consumer = try cluster.consumer([("reconnect.backoff.max.ms", "200")])
        try consumer.assign([(TopicPartition(topic, 0), .beginning)])
        var received = Received()
        try received.poll(consumer) { $0.messages.count == 10 }
        try cluster.mock!.setBroker(1, down: true)
        var batch = MessageBatch(capacity: 4)
        for _ in 0..<5 { try consumer.poll(into: &batch, timeout: .milliseconds(100)) }
        try cluster.mock!.setBroker(1, down: false)
        try cluster.fill(topic, from: 10, count: 10)
        try received.poll(consumer) { $0.messages.count == 20 }
        #expect(received.texts(topic, 0) == numbers(0, 0..<20))
    }

    @Test(.enabled(if: TestCluster.external == nil, "only the mock lacks it"))
    func whatTheMockLacksIsAnError() throws {
        let admin = try KafkaAdmin(cluster.configuration(), log: cluster.log.append)
        #expect(throws: KafkaError.self) { try admin.createTopic("t", partitions: 1, timeout: .seconds(5)) }
    }

    @Test(.enabled(if: TestCluster.external != nil, "the mock has no lookup by time"))
    func offsetsAreFoundByTime() throws {
        let topic = try cluster.createTopic("time")
        let producer = try cluster.producer()
        for time in [1_000_000, 2_000_000, 3_000_000] as [Int64] {
            try unsafe producer.send(to: topic, partition: 0, key: nil, value: nil, timestampMilliseconds: time)
        }
        try producer.flush(timeout: .seconds(30))
        let consumer = try cluster.consumer()
        let partition = TopicPartition(topic, 0)
        #expect(try consumer.offset(of: partition, atOrAfter: 1_500_000, timeout: .seconds(10)) == 1)
        #expect(try consumer.offset(of: partition, atOrAfter: 3_000_001, timeout: .seconds(10)) == nil)
    }
}
