import Kafka
import Testing

struct ConsumeTests {
    let cluster: TestCluster
    init() throws { cluster = try TestCluster() }

    @Test func everyPartAMessageCanHaveComesBack() throws {
        let topic = try cluster.createTopic("parts")
        let producer = try cluster.producer()
        let bytes: [UInt8] = [0, 1, 255]
        try unsafe bytes.withUnsafeBytes { bytes in
            let empty = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
            try unsafe producer.send(
                to: topic, partition: 0, key: bytes, value: bytes, timestampMilliseconds: 1_700_000_000_123,
                headers: [("a", [1, 2]), ("a", []), ("é", [3])])
            try unsafe producer.send(to: topic, partition: 0, key: nil, value: empty)
            try unsafe producer.send(to: topic, partition: 0, key: empty, value: nil)
        }
        try producer.flush(timeout: .seconds(30))

        let consumer = try cluster.consumer()
        try consumer.assign([(TopicPartition(topic, 0), .beginning)])
        var batch = MessageBatch(capacity: 16)
        var seen = 0
        let deadline = ContinuousClock.now + .seconds(30)
        while seen < 3 && ContinuousClock.now < deadline {
            try consumer.poll(into: &batch, timeout: .milliseconds(200))
            for index in 0..<batch.count {
                let message = batch[index]
                let offset = message.offset
                let key = unsafe message.key.map { unsafe Array($0) }
                let value = unsafe message.value.map { unsafe Array($0) }
                let headers = message.headers
                let timestamp = message.timestampMilliseconds
                #expect(offset == Int64(seen))
                switch seen {
                case 0:
                    #expect(key == bytes && value == bytes && timestamp == 1_700_000_000_123)
                    #expect(headers.map(\.name) == ["a", "a", "é"])
                    #expect(headers.map(\.value) == [[1, 2], [], [3]])
                case 1: #expect(key == nil && value == [] && headers.isEmpty && timestamp != nil)
                default: #expect(key == [] && value == nil)
                }
                seen += 1
            }
        }
        #expect(seen == 3)
    }

    @Test func partitionsComeWholeInOrderAndEnd() throws {
        let a = try cluster.createTopic("a", partitions: 3)
        let b = try cluster.createTopic("b")
        try cluster.fill(a, partitions: 3, count: 500)
        try cluster.fill(b, count: 10)
        let consumer = try cluster.consumer()
        #expect(try consumer.topicIndex(of: b) == 0)
        try consumer.assign((0..<3).map { (TopicPartition(a, $0), .beginning) } + [(TopicPartition(b, 0), .beginning)])
        #expect(try consumer.topicIndex(of: a) == 1)
        var received = Received()
        try received.poll(consumer) { $0.ends.count == 4 }
        for partition in 0..<3 {
            #expect(received.texts(a, Int32(partition)) == numbers(partition, 0..<500))
            #expect(received.ends[TopicPartition(a, Int32(partition))] == 500)
        }
        #expect(received.texts(b, 0) == numbers(0, 0..<10))
        #expect(received.errors == [])
        #expect(try consumer.watermarks(of: TopicPartition(a, 1), timeout: .seconds(10)) == (0, 500))
        let cached = try #require(consumer.cachedWatermarks(of: TopicPartition(a, 1)))
        #expect(cached.high == 500)
    }

    @Test func aReaderGoesOnAtItsPositionAndSeeksElsewhere() throws {
        let topic = try cluster.createTopic("resume")
        let partition = TopicPartition(topic, 0)
        try cluster.fill(topic, count: 100)
        let consumer = try cluster.consumer()
        try consumer.assign([(partition, .offset(40))])
        var received = Received()
        try received.poll(consumer) { !$0.ends.isEmpty }
        #expect(received.texts(topic, 0) == numbers(0, 40..<100))

        try consumer.seek([(partition, .offset(90))], timeout: .seconds(10))
        received = Received()
        try received.poll(consumer) { !$0.ends.isEmpty }
        #expect(received.texts(topic, 0) == numbers(0, 90..<100))

        try consumer.assign([(partition, .end)])
        received = Received()
        try received.poll(consumer) { !$0.ends.isEmpty }
        #expect(received.messages == [] && received.ends[partition] == 100)
    }

    @Test func aPausedPartitionIsSilentAndLosesNothing() throws {
        let topic = try cluster.createTopic("pause", partitions: 2)
        try cluster.fill(topic, partitions: 2, count: 200)
        let consumer = try cluster.consumer()
        try consumer.assign([(TopicPartition(topic, 0), .beginning), (TopicPartition(topic, 1), .beginning)])
        var received = Received()
        try received.poll(consumer, capacity: 10) { $0.texts(topic, 0).count >= 20 }
        try consumer.pause([TopicPartition(topic, 0)])
        let before = received.texts(topic, 0).count
        try received.poll(consumer, capacity: 10) { $0.texts(topic, 1).count == 200 }
        #expect(received.texts(topic, 0).count == before)
        try consumer.resume([TopicPartition(topic, 0)])
        try received.poll(consumer, capacity: 10) { $0.texts(topic, 0).count == 200 }
        #expect(received.texts(topic, 0) == numbers(0, 0..<200))
        #expect(received.texts(topic, 1) == numbers(1, 0..<200))
    }

    @Test func topicsAndPartitionsJoinARunningReader() throws {
        let first = try cluster.createTopic("first", partitions: 2)
        let late = cluster.topicName("late")
        try cluster.fill(first, partitions: 2, count: 20)
        let consumer = try cluster.consumer()
        #expect(try consumer.partitionCounts(of: [first, late], timeout: .seconds(10)) == [2, nil])
        try consumer.assign([(TopicPartition(first, 0), .beginning)])
        var received = Received()
        try received.poll(consumer) { $0.texts(first, 0).count == 20 }
        #expect(try consumer.partitionCount(of: late, timeout: .seconds(10)) == nil)  // asking has not created it

        try cluster.create(late, partitions: 3)
        var count: Int?
        let deadline = ContinuousClock.now + .seconds(30)
        while count == nil && ContinuousClock.now < deadline {
            count = try consumer.partitionCount(of: late, timeout: .seconds(10))
        }
        #expect(count == 3)
        try cluster.fill(late, partitions: 3, count: 5)
        try consumer.add([(TopicPartition(first, 1), .beginning)] + (0..<3).map { (TopicPartition(late, $0), .beginning) })
        try cluster.fill(first, from: 20, count: 5)
        try received.poll(consumer) { $0.messages.count == 25 + 20 + 15 }
        #expect(received.texts(first, 0) == numbers(0, 0..<25))
        #expect(received.texts(first, 1) == numbers(1, 0..<20))
        for partition in 0..<3 { #expect(received.texts(late, Int32(partition)) == numbers(partition, 0..<5)) }

        try consumer.remove([TopicPartition(first, 0)])
        try cluster.fill(first, partitions: 2, from: 25, count: 1)
        try received.poll(consumer) { $0.texts(first, 1).count == 21 }
        #expect(received.texts(first, 0).count == 25)
    }

    @Test func aBatchOutlivesItsConsumer() throws {
        let topic = try cluster.createTopic("outlive")
        try cluster.fill(topic, count: 10)
        var batch = MessageBatch(capacity: 4)
        do {
            let consumer = try cluster.consumer()
            try consumer.assign([(TopicPartition(topic, 0), .beginning)])
            let deadline = ContinuousClock.now + .seconds(30)
            while batch.isEmpty && ContinuousClock.now < deadline {
                try consumer.poll(into: &batch, timeout: .milliseconds(200))
            }
            consumer.close()
            var other = MessageBatch(capacity: 1)
            #expect(throws: KafkaError.self) { try consumer.poll(into: &other, timeout: .zero) }
        }
        let text = unsafe String(decoding: batch[0].value!, as: UTF8.self)
        #expect(text == "0:0")
        batch.removeAll()
        let isEmpty = batch.isEmpty
        #expect(isEmpty)
    }
}
