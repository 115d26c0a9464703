public import Engine
internal import Glibc
internal import History
internal import Kafka
public import Logging
public import Pipelines
public import Records
internal import Store
import Synchronization

/// A whole run: a thread that reads and decodes, threads that own shards, one that writes commits, one that writes parts.
///
/// The reading thread is the caller's; `run` returns when the input is over or `stop` was called.
public final class Worker: @unchecked Sendable {
    let plan: Plan
    let options: WorkerOptions
    let log: Logger
    let failure: Failure
    let context: ShardContext
    let threads: [ShardThread]
    let tasks: [SourceTask]
    let dispatcher: Dispatcher
    let deadLetters: DeadLetters
    private let partWriter = PartWriter()
    private let committer = Committer()
    private let producer: KafkaProducer?
    private let sliceCount: Int
    private let programs: [ViewProgram]
    private let startedAt = Clock.now()
    private var commit: Commit?
    private var committedAt = Clock.monotonic()
    private var horizonRaisedAt = Clock.monotonic()
    private var hasChanges = false
    private var lastWatermarks: [EventTime] = []
    private var statusLoggedAt = Clock.monotonic()
    private var recordsLogged: UInt64 = 0
    private let isStopping = Atomic<Bool>(false)
    private let recordsIn = Atomic<Int>(0)
    private var spillDirectory: String?
    /// Wakes the reading thread where it waits for records.
    var wake: (@Sendable () -> Void)?
    /// Called on the committer's thread with the offsets that a durable commit fixed.
    var didCommit: (@Sendable ([[Int32: Int64]]) -> Void)?
    public let status = RunStatus()

    public init(_ plan: Plan, _ options: WorkerOptions, log: Logger) throws {
        self.plan = plan
        self.options = options
        self.log = log
        let sources = plan.sources
        programs = plan.views.map { ViewProgram($0, source: sources[$0.source]) }
        let programs = programs
        let run = String(startedAt.microseconds, radix: 36)
        let waiters = Waiters()
        failure = Failure { waiters.wakeAll() }

        var store: StateStore?
        var checkpoint: Checkpoint?
        if let directory = options.stateDirectory {
            store = try StateStore(path: directory)
            checkpoint = try store?.checkpoint()
            if let checkpoint, checkpoint.fingerprint != plan.stateFingerprint {
                throw WorkerError(
                    "the state in \(directory) was made by another pipeline than this one: its sources, entities, conditions,"
                        + " inputs or windows differ; take the old pipeline file, or another state folder", isInput: true)
            }
        }
        if checkpoint == nil, let directory = options.logDirectory {
            let ownsSegments = options.stateDirectory != nil
            for view in plan.views
            where ViewLog.hasRows(directory: directory, view: view.name, ignoringSegments: ownsSegments) {
                throw WorkerError(
                    "\(directory) has rows of view \(view.name) already; a run that starts from nothing would double them: name the"
                        + " --state that made them, take another folder, or remove this one", isInput: true)
            }
        }
        sliceCount = checkpoint?.sliceCount ?? Bounds.exchangeSlices
        context = ShardContext(
            plan: plan, programs: programs, options: options, run: run, failure: failure, parts: partWriter.inbox,
            store: store, hasStateAtStart: checkpoint != nil)
        let context = context
        let threadCount = max(1, options.threads)
        threads = (0..<threadCount).map { ShardThread(context, index: $0, threadCount: threadCount) }
        dispatcher = Dispatcher(context, threads: threads, sliceCount: sliceCount)

        var producer: KafkaProducer?
        if let topic = options.deadLetterTopic, case .brokers(let brokers, let properties) = options.input {
            let log = log
            producer = try KafkaProducer(KafkaConfiguration(brokers: brokers, properties: properties)) { level, text in
                log.log(level: level <= .error ? .error : .debug, "\(text)")
            }
            deadLetters = DeadLetters(.topic(producer!, topic))
        } else if let directory = options.logDirectory {
            deadLetters = DeadLetters(.file(path: "\(directory)/_dead_letters/dead_letters.jsonl"))
            try Worker.makeFolder(directory)
            try deadLetters.recover(length: checkpoint?.deadLetterBytes ?? 0)
        } else {
            deadLetters = DeadLetters(.nowhere)
        }
        self.producer = producer
        let deadLetters = deadLetters
        tasks = sources.indices.map { index in
            let views = programs.indices.filter { plan.views[$0].source == index }.map { (index: $0, program: programs[$0]) }
            return SourceTask(sources[index], index: index, views: views, deadLetters: deadLetters)
        }
        if options.stateDirectory != nil {
            let states = checkpoint.map(\.offlineLog) ?? []
            try threads[0].recoverLogs(try LogState(decoding: states).views)
        }
        if let checkpoint, let store {
            let now = Clock.monotonic()
            for (task, state) in zip(tasks, checkpoint.sources) { task.restore(state, now: now) }
            for (shard, state) in checkpoint.shards.sorted(by: { $0.key < $1.key }) {
                try threads[dispatcher.thread(of: shard)].restore(shard, state, store)
            }
            store.restoreHorizons(checkpoint)
        }
        waiters.set { [committer, threads] in
            for thread in threads { thread.inbox.close() }
            committer.inbox.close()
            committer.wake()
        }
    }

    private static func makeFolder(_ path: String) throws(WorkerError) {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += made.isEmpty || made.hasSuffix("/") ? part : "/" + part
            if unsafe mkdir(made, 0o777) != 0 && errno != EEXIST { throw WorkerError(cannot: "make folder", made) }
        }
    }

    /// Asks the run to end cleanly. Any thread may call it.
    public func stop() {
        isStopping.store(true, ordering: .relaxed)
        wake?()
    }

    var shouldStop: Bool { isStopping.load(ordering: .relaxed) || failure.error != nil }

    /// Reads until the input is over or `stop` was called.
    public func run() throws -> RunSummary {
        let threads = threads
        partWriter.start(sync: options.stateDirectory != nil, failure: failure)
        for thread in threads { thread.start() }
        committer.start(context, threads: threads) { [weak self] commit in self?.didCommit?(commit.positions) }
        defer { removeSpill() }
        do {
            switch options.input {
            case .files(let paths): try readFiles(paths)
            case .brokers(let brokers, let properties): try readTopics(brokers, properties)
            }
        } catch {
            failure.report(error)
        }
        for thread in threads { thread.inbox.close() }
        for thread in threads { thread.join() }
        committer.stop()
        partWriter.stop()
        if let error = failure.error {
            // The error says what happened; what cannot be removed now stays hidden from every reader.
            if options.stateDirectory == nil { for thread in threads { try? thread.discardParts() } }
            throw error
        }
        if options.stateDirectory == nil {
            if isStopping.load(ordering: .relaxed) {
                for thread in threads { try thread.discardParts() }
                throw WorkerError("interrupted; no rows were published")
            }
            for thread in threads { try thread.publishParts() }
        } else if options.isBounded {
            try context.store?.compact()
        }
        context.store?.close()
        return summary()
    }

    private func summary() -> RunSummary {
        var summary = RunSummary()
        for task in tasks {
            summary.sources.append(RunSummary.Source(name: task.plan.name, counters: task.counters))
        }
        for view in plan.views.indices {
            var checksum = RowChecksum()
            for thread in threads { checksum.add(thread.checksum(of: view)) }
            summary.views.append(
                RunSummary.View(
                    name: plan.views[view].name, rows: threads.reduce(0) { $0 + $1.rowCount(of: view) },
                    checksum: options.logDirectory == nil ? checksum.checksum : nil))
        }
        summary.behind = threads.reduce(0) { $0 + $1.behind }
        summary.overflows = threads.reduce(0) { $0 + $1.overflows }
        return summary
    }

    // MARK: - Between turns

    /// Sends on what a task has gathered.
    func dispatch(_ task: SourceTask) {
        let gathered = task.records.count
        recordsIn.add(gathered, ordering: .relaxed)
        if gathered > 0 { hasChanges = true }
        let watermarks = watermarks()
        // Silence may move a watermark too, and rows come out.
        if watermarks != lastWatermarks { hasChanges = true }
        lastWatermarks = watermarks
        dispatcher.dispatch(task, watermarks: watermarks)
    }

    /// Between turns: begins a commit when one is due. Requires: every task was dispatched, so that the positions that the
    /// commit fixes are those of events that the shards have.
    func endTurn() throws {
        publishStatus()
        if !options.isBounded { logStatusIfDue() }
        try commitIfDue()
    }

    /// A live run says now and then how it is doing.
    private func logStatusIfDue() {
        let now = Clock.monotonic()
        guard now - statusLoggedAt >= Bounds.statusMicroseconds else { return }
        let figures = status.figures
        let rate = Double(figures.records - recordsLogged) / (Double(now - statusLoggedAt) / 1e6)
        statusLoggedAt = now
        recordsLogged = figures.records
        let rejected = tasks.reduce(0) { $0 + $1.counters.dropFirst().reduce(0, +) }
        log.info(
            "\(figures.records) records, \(Int(rate))/s, lag \(figures.lag.map(String.init) ?? "-"), watermark \(figures.watermark > .distantPast ? figures.watermark.rfc3339() : "-"), \(figures.rows) rows, \(rejected) set aside"
        )
    }

    func watermarks() -> [EventTime] {
        let now = options.isBounded ? nil : Clock.monotonic()
        let bySource = tasks.map { $0.watermark(now: now) }
        return plan.views.map { bySource[$0.source] }
    }

    /// The values of one entity over all that was applied so far; any thread may ask while the worker runs.
    ///
    /// - Parameters:
    ///   - key: the entity's fields, as text.
    ///   - time: nil for the instant that the view's `serve_at` says.
    public func read(view name: String, key: [String], at time: EventTime?) throws -> FeatureValues {
        guard let view = plan.views.firstIndex(where: { $0.name == name }) else {
            throw WorkerError("there is no view \(name)", isInput: true)
        }
        let source = plan.views[view].source
        let latest = status.figures.newestBySource.indices.contains(source) ? status.figures.newestBySource[source] : .distantPast
        let at = time ?? (plan.views[view].serveAt == .now ? Clock.now() : latest)
        let request = try ReadRequest(
            programs[view], view: view, key: key, at: at, sliceCount: sliceCount, answersExpected: threads.count)
        for thread in threads where !thread.inbox.send(.read(request)) { request.answer(nil) }
        return try request.wait(programs[view])
    }

    private func publishStatus() {
        status.publish(
            records: tasks.reduce(0) { $0 + $1.counters.reduce(0, +) }, rows: context.rowsOut.load(ordering: .relaxed),
            watermark: tasks.map(\.lastWatermark).min() ?? .distantPast, newest: tasks.map(\.newest),
            rejected: tasks.map(\.counters))
    }

    private func commitIfDue() throws {
        precondition(tasks.allSatisfy { $0.records.count == 0 }, "dispatch comes before a commit")
        if let commit, commit.isDone { self.commit = nil }
        let now = Clock.monotonic()
        let bytes = context.stateBytes.load(ordering: .relaxed)
        let isFull = bytes > options.memory / 100 * Bounds.memoryCommitPercent
        if isFull && bytes > options.memory, let commit {
            // More is in memory than may be: wait until what was committed can leave.
            try commit.waitUntilDurable(failure)
            self.commit = nil
        }
        let isTime = options.stateDirectory != nil && hasChanges && now - committedAt >= options.commitInterval.microseconds
        // Once there is a store, changes go there before they pile up: a commit's size is bounded, and when memory is short most
        // of it can leave.
        let isLarge = context.store != nil && context.dirtyEntities.load(ordering: .relaxed) > Bounds.dirtyEntitiesMax
        guard commit == nil, isTime || isFull || isLarge else { return }
        if context.store == nil { try openSpill() }
        try beginCommit(isLast: false)
    }

    private func beginCommit(isLast: Bool) throws {
        let now = Clock.monotonic()
        try deadLetters.flush()
        var checkpoint = Checkpoint(
            fingerprint: plan.stateFingerprint, sliceCount: sliceCount, sourceCount: tasks.count)
        checkpoint.sources = tasks.map(\.state)
        checkpoint.deadLetterBytes = deadLetters.length
        let raises = isLast || options.stateDirectory == nil || now - horizonRaisedAt >= 30_000_000
        if raises { horizonRaisedAt = now }
        log.debug(
            "commit of \(context.dirtyEntities.load(ordering: .relaxed)) entities, \(context.stateBytes.load(ordering: .relaxed) >> 20) MiB of state in memory; \(context.store?.memoryReport ?? "no store")"
        )
        let commit = Commit(
            checkpoint, positions: checkpoint.sources.map { $0.positions.mapValues(\.nextOffset) },
            threadCount: threads.count, isLast: isLast, raisesHorizon: raises)
        for thread in threads { thread.inbox.send(.commit(commit)) }
        committer.inbox.send(commit)
        self.commit = commit
        committedAt = now
        hasChanges = false
    }

    /// State that outgrew the memory of a run without a state folder goes to a folder of its own, removed at the end.
    private func openSpill() throws {
        let temporary = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        let parent = options.logDirectory ?? temporary
        let directory = "\(parent)/.freshet-spill-\(context.run)"
        spillDirectory = directory
        context.store = try StateStore(path: directory)
        log.info("the state outgrew --memory; entities not used of late go to \(directory)")
    }

    private func removeSpill() {
        guard let spillDirectory else { return }
        context.store?.close()
        do { try StateStore.destroy(path: spillDirectory) } catch { log.warning("cannot remove \(spillDirectory): \(error)") }
    }

    /// The input is over: rows that are still due come out, and a run with state makes its last commit.
    func finishReading() throws {
        try commit?.waitUntilDurable(failure)
        commit = nil
        guard options.stateDirectory != nil else {
            let watermarks = watermarks()
            for thread in threads { thread.inbox.send(.end(watermarks: watermarks)) }
            try deadLetters.flush()
            return
        }
        try beginCommit(isLast: true)
        try commit?.waitUntilDurable(failure)
    }
}

/// What is to be woken when a run fails; known only once all parts of the run exist.
private final class Waiters: @unchecked Sendable {
    private let monitor = Monitor()
    private var wake: (@Sendable () -> Void)?

    func set(_ wake: @escaping @Sendable () -> Void) { monitor.locked { self.wake = wake } }
    func wakeAll() { monitor.locked { wake }?() }
}

/// What a run did.
public struct RunSummary: Sendable {
    public struct Source: Sendable {
        public var name: String
        /// Applied records first, then rejected ones by `RejectionReason`'s order.
        public var counters: [UInt64]

        public var applied: UInt64 { counters[0] }
        public func rejected(_ reason: RejectionReason) -> UInt64 {
            counters[1 + RejectionReason.allCases.firstIndex(of: reason)!]
        }
    }

    public struct View: Sendable {
        public var name: String
        public var rows: Int
        /// Where rows were not written.
        public var checksum: UInt64?
    }

    public var sources: [Source] = []
    public var views: [View] = []
    /// Sums of int64 that left its range and became null.
    public var overflows = 0
    /// Events that came behind a view's watermark because their partition had been idle.
    public var behind = 0

    public init() {}
}

/// Figures of a run under way, for whoever shows them.
public final class RunStatus: @unchecked Sendable {
    public struct Figures: Sendable {
        public var records: UInt64 = 0
        public var rows = 0
        public var watermark = EventTime.distantPast
        /// The newest event time of each source.
        public var newestBySource: [EventTime] = []
        public var newest: EventTime { newestBySource.max() ?? .distantPast }
        /// Per source, as `RunSummary.Source.counters`.
        public var counters: [[UInt64]] = []
        /// Of the input, 0 to 1, where its end is known.
        public var fraction: Double?
        /// Records that the topics hold beyond what was read.
        public var lag: Int64?
    }

    private let monitor = Monitor()
    private var current = Figures()

    public var figures: Figures { monitor.locked { current } }

    func publish(records: UInt64, rows: Int, watermark: EventTime, newest: [EventTime], rejected: [[UInt64]]) {
        monitor.locked {
            current.records = records
            current.rows = rows
            current.watermark = watermark
            current.newestBySource = newest
            current.counters = rejected
        }
    }

    func publish(fraction: Double?, lag: Int64?) {
        monitor.locked {
            current.fraction = fraction
            current.lag = lag
        }
    }
}
