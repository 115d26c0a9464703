internal import Records

/// The bounds of the worker's queues and batches, each with its reason.
enum Bounds {
    /// Records decoded per turn: enough to pay for a turn's fixed costs, few enough to stay in the cache.
    static let batchRecords = 2048
    /// Bytes of values decoded per turn, so that records of a megabyte do not make turns of gigabytes.
    static let batchBytes = 8 << 20
    /// Events of one partition of an archive before another's turn: they amortise the choice, and the rows that wait for the
    /// watermark are few.
    static let laneRecords = 256
    /// Turns that may wait for a shard thread: slack for an uneven turn, no more memory than that.
    static let turnsWaiting = 8
    /// Parts that may wait for their writer; a day's parts of one view fit.
    static let partsWaiting = 64
    /// Bytes read at once from a file: what the kernel copies is then still in the second-level cache when it is decoded.
    static let readBytes = 128 << 10
    /// The longest line of a file source; a longer one is set aside as malformed, its head as its value.
    static let lineBytesMax = 64 << 20
    /// Slices that entities are spread over where a slice is not a partition.
    static let exchangeSlices = 8
    /// Milliseconds to wait for records when none are there: how late a stop or a commit may be noticed.
    static let pollMilliseconds = 50
    /// Looks at a state, 50 milliseconds apart, that a reader takes before it believes that commits are gone.
    static let readerAttempts = 20
    /// Seconds between looks for new partitions and topics, and where the last look left something open.
    static let discoverySeconds: Int64 = 10
    static let discoverySecondsOpen: Int64 = 1
    /// Looks in a row that do not find a topic that is being read, until it is taken to be deleted: a broker that has just started may
    /// not know all topics yet.
    static let looksWithoutTopic = 5
    /// Seconds for which a partition's end that lies before our position is not believed: how long a leader takes to learn it.
    static let earlyEndSeconds: Int64 = 3
    /// Seconds that a question to the brokers may take before the run looks whether it is to stop, and asks again,
    static let questionSeconds: Int64 = 2
    /// and that a bounded run asks before it gives up.
    static let questionSecondsMax: Int64 = 30
    /// Of the memory limit for each record that may be read beyond the partition that is furthest behind: an event and its
    /// waiting row take about 100 bytes, so a fifth of the limit at most waits for slow partitions;
    static let memoryPerWaitingRecord = 512
    /// but so many may wait anyhow, lest what is held and fetched again outweigh what is read.
    static let waitingRecordsMin = 16 * batchRecords
    /// Between two looks at how far the topics' ends are.
    static let lagMicroseconds: Int64 = 100_000
    /// Between two lines of a live run about itself.
    static let statusMicroseconds: Int64 = 30_000_000
    /// Dead letters are written to their file when so many bytes have gathered, and at every commit.
    static let deadLetterBytes = 1 << 16
    /// That a stop waits for brokers to take the dead letters.
    static let lettersMicrosecondsAtStop: Int64 = 10_000_000
    /// Dead letters that are read at once: they may have a megabyte each.
    static let lettersRead = 64
    /// Dead letters that may be tried again between two commits: their marks are in memory until then, some 100 bytes each.
    static let lettersMarked = 16_384
    /// Dead letters of a topic that may be listed: which they are is remembered, lest one counts twice, in some 100 bytes each.
    static let lettersListed = 10_000_000
    /// Entities that may change before a commit is due: what a commit holds twice over while it is written, some 100 MiB.
    static let dirtyEntitiesMax = 250_000
    /// Entities in one commit of a run without a state folder. Its first comes when memory is full of entities that were never
    /// written; all of them at once would double what is held. Some 100 MiB too.
    static let spilledEntitiesMax = 1_000_000
    /// Between two compactions that drop expired entities: each reads and writes all of the state.
    static let compactionMicrosecondsMin: Int64 = 60_000_000
    /// Between two commits that let the store forget what left every window.
    static let horizonMicrosecondsMin: Int64 = 30_000_000
    /// Rows that go to the emitting thread at once, in bytes: enough to pay for the queue's lock.
    static let emitBatchBytes = 256 << 10
    /// Bytes of rows that may wait for a commit's transaction, for each shard thread: what a thread makes in the time that one takes.
    static let emitLaneBytes = 16 << 20
    /// Between two looks for room in librdkafka's queue.
    static let emitWaitMilliseconds = 5
    /// Between two transactions of a run in which nothing happens: brokers keep offsets for seven days by default.
    static let emitRefreshMicroseconds: Int64 = 3_600_000_000
    /// A transaction's time is this at least, or four commit intervals: slow brokers and a restarted one are waited for.
    static let transactionTimeoutMin = TimeSpan.seconds(60)
    /// That a stop waits for brokers which are away, before it leaves the last commit's rows to the next run: with librdkafka's calls
    /// under way less than the half minute after which orchestrators kill.
    static let emitStopMicroseconds: Int64 = 10_000_000
    /// What brokers grant by default.
    static let transactionTimeoutMax = TimeSpan.seconds(900)
    /// That a stop waits for one under way.
    static let compactionMicrosecondsAtStop: Int64 = 10_000_000
    /// Of the memory limit, a training join has a part for the rows that wait, four for the values that were found, and three for keyed
    /// state.
    static let joinMemoryParts = 8
    /// Of the memory limit: a commit makes entities evictable from here on,
    static let memoryCommitPercent = 85
    /// and eviction goes down to here.
    static let memoryKeptPercent = 65
}
