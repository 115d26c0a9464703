/// Freshet's settings of librdkafka, in one place. The user's properties override them.
enum Bounds {
    static let consumer: [(name: String, value: String)] = [
        // Behaviour: positions are Freshet's own, kept with its state. librdkafka must neither store nor guess one.
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"),  // a position that is gone is the operator's to decide on, never skipped in silence
        ("enable.partition.eof", "true"),  // replays end, and idle partitions are known to be so
        ("isolation.level", "read_committed"),
        ("allow.auto.create.topics", "false"),
        ("topic.metadata.refresh.interval.ms", "10000"),  // how soon a moved leader or a new partition is noticed when idle

        // Performance and memory.
        // Messages kept ready, over all partitions that share a queue. Below this librdkafka fetches, above it sleeps for up
        // to a second: half a second's work at the fastest rate of one thread, so that it does not run dry meanwhile.
        ("queued.min.messages", "1000000"),
        ("queued.max.messages.kbytes", "131072"),  // the same queue in bytes: 128 MiB hold 550,000 messages of 234 bytes
        ("fetch.message.max.bytes", "1048576"),  // per partition and fetch; a larger message still comes, alone
        ("fetch.max.bytes", "16777216"),  // per fetch: how far one answer can overshoot the queue's bound
        ("fetch.wait.max.ms", "100"),  // an idle broker's answer; a pause or seek waits behind it
        ("check.crcs", "true"),  // its cost per message is lost in the spread of repeated measurements
        ("session.timeout.ms", "2000"),  // without group membership only this: how long a close waits for unsent commits
    ]

    static let producer: [(name: String, value: String)] = [
        // Behaviour: what a retry sends again is kept once, and in order.
        ("enable.idempotence", "true"),
        ("partitioner", "murmur2_random"),  // the Java client's, so that one key has one partition whoever writes it
        ("allow.auto.create.topics", "false"),

        // Performance and memory.
        ("linger.ms", "5"),
        ("queue.buffering.max.messages", "100000"),
        ("queue.buffering.max.kbytes", "65536"),  // what can be lost unsent, and what `send` waits for
        ("message.timeout.ms", "120000"),  // a record undelivered for so long is a failure, reported by the next call
    ]

    /// In place of `producer`'s: what is written in transactions.
    static func transactionalProducer(timeout: Duration) -> [(name: String, value: String)] {
        let timeout = String(milliseconds(timeout))
        return [
            // Behaviour: one timeout for all. What is not delivered when the transaction's time is over never will be.
            ("transaction.timeout.ms", timeout),
            ("message.timeout.ms", timeout),
            ("partitioner", "murmur2_random"),  // as `producer`'s
            ("allow.auto.create.topics", "false"),

            // Performance and memory.
            ("linger.ms", "5"),
            ("queue.buffering.max.messages", "100000"),
            ("queue.buffering.max.kbytes", "65536"),
            ("delivery.report.only.error", "true"),  // success is the transaction's
        ]
    }

    /// librdkafka waits by the millisecond, in an `int`. A remainder rounds up, lest a short wait become a busy loop.
    static func milliseconds(_ duration: Duration) -> Int32 {
        let (seconds, attoseconds) = duration.components
        if seconds < 0 || attoseconds < 0 { return 0 }
        if seconds >= 2_000_000 { return 2_000_000_000 }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
