import Glibc
import Kafka
import Testing

/// Prints what consuming costs; it asserts only that everything came. FRESHET_BENCHMARK=1 runs it, in a release build.
@Suite(.serialized, .enabled(if: unsafe getenv("FRESHET_BENCHMARK") != nil)) struct ConsumeCost {
    /// In librdkafka's mock, at most 100,000 messages or 5 MB of a partition survive.
    static let partitions = 48
    static let perPartition = 20_000
    static let messageBytes = 234

    @Test(arguments: [[], [("check.crcs", "false")], [("queued.min.messages", "100000")]] as [[(name: String, value: String)]])
    func nanosecondsPerMessage(_ properties: [(name: String, value: String)]) throws {
        let cluster = try TestCluster()
        let topic = try cluster.createTopic("cost", partitions: Self.partitions)
        do {
            let producer = try KafkaProducer(
                cluster.configuration([("enable.idempotence", "false"), ("linger.ms", "50")]), log: cluster.log.append)
            let value = (0..<Self.messageBytes).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            for _ in 0..<Self.perPartition {
                for partition in 0..<Self.partitions {
                    try unsafe value.withUnsafeBytes {
                        try unsafe producer.send(to: topic, partition: Int32(partition), key: nil, value: $0)
                    }
                }
            }
            try producer.flush(timeout: .seconds(60))
        }
        let total = Self.partitions * Self.perPartition
        let consumer = try cluster.consumer(properties)
        var batch = MessageBatch(capacity: 1024)
        try consumer.poll(into: &batch, timeout: .seconds(1))  // its threads are there, and idle
        let threadsBefore = ThreadTimes()
        let selfBefore = threadNanoseconds()
        let start = ContinuousClock.now
        try consumer.assign((0..<Self.partitions).map { (TopicPartition(topic, Int32($0)), .beginning) })
        var count = 0
        var bytes = 0
        var polls = 0
        var sum: Int64 = 0
        var firstMessage: Duration?
        var longestWait = Duration.zero
        while count < total {
            let asked = ContinuousClock.now
            try consumer.poll(into: &batch, timeout: .seconds(5))
            if firstMessage == nil {
                firstMessage = ContinuousClock.now - start
            } else {
                longestWait = max(longestWait, ContinuousClock.now - asked)
            }
            polls += 1
            for index in 0..<batch.count {
                let message = batch[index]
                unsafe bytes += message.value!.count
                sum &+= message.offset &+ Int64(message.topicIndex) &+ (message.timestampMilliseconds ?? 0)
            }
            count += batch.count
            if ContinuousClock.now - start > .seconds(60) { break }
        }
        let wall = ContinuousClock.now - start
        let polling = threadNanoseconds() - selfBefore
        let threads = ThreadTimes().since(threadsBefore)
        #expect(count == total && bytes == total * Self.messageBytes && sum != 0)
        print(
            "consume \(properties): \(count) messages in \(polls) polls, wall \(wall), "
                + "first after \(firstMessage ?? .zero), longest wait thereafter \(longestWait), "
                + "polling thread \(polling / count) ns per message")
        for (name, nanoseconds) in threads where nanoseconds > 1_000_000 {
            print("  thread \(name): \(nanoseconds / count) ns per message")
        }
    }
}

private func threadNanoseconds() -> Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// The CPU time of this process's threads: the mock brokers' own is told apart by their thread's name.
private struct ThreadTimes {
    var times: [Int: (name: String, nanoseconds: Int)] = [:]

    init() {
        guard let folder = unsafe opendir("/proc/self/task") else { return }
        defer { unsafe closedir(folder) }
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard let id = Int(name) else { continue }
            let times = Self.read("/proc/self/task/\(name)/schedstat").split(separator: " ").first.flatMap { Int($0) }
            let title = Self.read("/proc/self/task/\(name)/comm").split(separator: "\n").first.map(String.init)
            self.times[id] = (title ?? "?", times ?? 0)
        }
    }

    func since(_ before: ThreadTimes) -> [(name: String, nanoseconds: Int)] {
        times.sorted { $0.key < $1.key }.map { id, time in
            (time.name + " \(id)", time.nanoseconds - (before.times[id]?.nanoseconds ?? 0))
        }
    }

    private static func read(_ path: String) -> String {
        let file = unsafe open(path, O_RDONLY)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = unsafe Glibc.read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
