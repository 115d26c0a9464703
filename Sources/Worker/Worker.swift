internal import Engine
internal import Glibc
internal import History
internal import Kafka
public import Logging
public import Pipelines
internal import Records
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
    let committer = Committer()
    let emission: Emission?
    /// What the state keeps; every commit names it.
    let keptPlan: [UInt8]
    /// The state of views that this plan does not have, until a commit has left it behind.
    var leftShards: [ShardID: Checkpoint.ShardState]
    let sliceCount: Int
    /// Per source, the instant up to which rows were out when the run began.
    let reachedAtStart: [EventTime]
    let programs: [ViewProgram]
    /// The log folder's, while the run writes into it.
    private var lock: FolderLock?
    let positions: TopicPositions
    var commit: Commit?
    var committedAt = Clock.monotonic()
    /// The first commit of a run may raise it: runs that are killed again and again would never let go of anything.
    var horizonRaisedAt = Int64.min / 2
    var hasChanges = false
    var lastWatermarks: [EventTime] = []
    var statusLoggedAt = Clock.monotonic()
    var recordsLogged: UInt64 = 0
    var latencyLogged = RunLatency()
    var lagPublishedAt: Int64 = .min / 2
    var recordsSeen: UInt64 = 0
    let isStopping = Atomic<Bool>(false)
    var spillDirectory: String?
    /// Reading ends at offsets that are known: no partition is waited for beyond them.
    var knownEnds = false
    /// Wakes the reading thread where it waits for records.
    var wake: (@Sendable () -> Void)?
    /// Called on the committer's thread with the offsets that a durable commit fixed.
    var didCommit: (@Sendable ([[Int32: Int64]]) -> Void)?
    public let status: RunStatus

    public init(_ wanted: Plan, _ options: WorkerOptions, log: Logger, status: RunStatus = RunStatus()) throws {
        self.status = status
        self.log = log
        var options = options
        let folders = try RunFolders(options)
        let store = folders.store
        lock = folders.lock
        positions = TopicPositions(folders.mark?.topics ?? [:], onLost: options.onLostOffsets, log: log)
        let wall = WallClock(floor: folders.mark?.time ?? .distantPast)
        var adoption: Adoption?
        if let directory = options.stateDirectory, let committed = try store?.checkpoint() {
            adoption = try Adoption(committed, by: wanted, directory: directory)
            options.filter = try RowFilter(of: committed).continued(
                by: options.filter, isBounded: options.isBounded, directory: directory)
        }
        self.options = options
        for warning in adoption?.warnings ?? [] { log.warning("\(warning)") }
        let checkpoint = adoption?.checkpoint
        let kept = adoption?.kept ?? KeptPlan(wanted)
        keptPlan = kept.encoded()
        leftShards = checkpoint?.left ?? [:]
        let plan = kept.plan
        self.plan = plan
        let sources = plan.sources
        programs = plan.views.map {
            ViewProgram(
                $0, source: sources[$0.source], visibility: options.join?.visibility, feedsLetters: options.letters != nil)
        }
        let programs = programs
        // Clocks may say the same twice.
        let run = String(wall.now().microseconds, radix: 36) + String(UInt32.random(in: .min ... .max), radix: 36)
        let waiters = Waiters()
        failure = Failure { waiters.wakeAll() }

        if checkpoint == nil, let directory = options.logDirectory {
            let ownsSegments = options.stateDirectory != nil
            for source in plan.sources where source.archive {
                let folder = Archive.folder(of: source.name)
                guard ViewLog.hasRows(directory: directory, view: folder, ignoringSegments: ownsSegments) else { continue }
                throw WorkerError(
                    "\(directory)/\(folder) has events of source \(source.name) already; a run that starts from nothing would"
                        + " double them: name the --state that made them, take another folder, or remove this one",
                    isInput: true)
            }
            for view in plan.views
            where ViewLog.hasRows(directory: directory, view: view.name, ignoringSegments: ownsSegments) {
                throw WorkerError(
                    "\(directory) has rows of view \(view.name) already; a run that starts from nothing would double them: name the"
                        + " --state that made them, take another folder, or remove this one", isInput: true)
            }
        }
        sliceCount = checkpoint?.sliceCount ?? Bounds.exchangeSlices
        emission = try Worker.emission(plan, options, mark: checkpoint?.emission, wall: wall, log: log)
        context = ShardContext(
            plan: plan, programs: programs, options: options, run: run, failure: failure, parts: partWriter.inbox,
            store: store, hasStateAtStart: checkpoint != nil, viewNumbers: kept.numbers,
            leavesViews: adoption?.leavesViews ?? false, wall: wall,
            marks: options.stateDirectory.map { CommitMarks(folders.mark, state: $0, log: options.logDirectory, wall: wall) },
            emission: emission)
        let context = context
        let threadCount = max(1, options.threads)
        threads = (0..<threadCount).map { ShardThread(context, index: $0) }
        dispatcher = Dispatcher(context, threads: threads, sliceCount: sliceCount)

        if let topic = options.deadLetterTopic, case .brokers(let brokers, let properties) = options.input {
            let log = log
            // Brokers that are away are waited for, however long.
            let patient = KafkaConfiguration(brokers: brokers, properties: [("message.timeout.ms", "0")] + properties)
            let producer = try KafkaProducer(patient) { level, text in
                log.log(level: level <= .error ? .error : .debug, "\(text)")
            }
            deadLetters = DeadLetters(.topic(producer, topic))
        } else if let directory = options.logDirectory {
            deadLetters = DeadLetters(.file(path: LetterSource.path(inLog: directory)))
        } else {
            deadLetters = DeadLetters(.nowhere)
        }
        let deadLetters = deadLetters
        try deadLetters.recover(length: checkpoint?.deadLetterBytes ?? 0)
        tasks = sources.indices.map { index in
            let views = programs.indices.filter { plan.views[$0].source == index }.map { (index: $0, program: programs[$0]) }
            let task = SourceTask(
                sources[index], index: index, views: views, deadLetters: deadLetters, hasLog: options.logDirectory != nil)
            // A run up to some instant is the last that asks for the rows before it.
            task.goesOn = options.stateDirectory != nil && options.end == .distantFuture
            return task
        }
        if options.stateDirectory != nil || options.logDirectory != nil {
            let earlier = options.logDirectory.flatMap { adoption?.earlierLogs(directory: $0, run: run) } ?? []
            do throws(HistoryError) {
                let states = try LogState(decoding: checkpoint?.offlineLog ?? []).views
                for thread in threads { thread.goOn(from: states) }
                try threads[0].recoverLogs(states, earlier: earlier)
            } catch { throw WorkerError(error) }
        }
        var reached = sources.map { _ in EventTime.distantPast }
        if let checkpoint, let store {
            let now = Clock.monotonic()
            for (task, state) in zip(tasks, checkpoint.sources) { task.restore(state, now: now) }
            for (number, state) in checkpoint.shards.sorted(by: { $0.key < $1.key }) {
                guard let view = kept.numbers.firstIndex(of: number.view) else { continue }
                let shard = ShardID(view: view, slice: number.slice)
                reached[plan.views[view].source] = max(reached[plan.views[view].source], state.finishedThrough)
                try threads[dispatcher.thread(of: shard)].restore(shard, state, store)
                // Silent partitions may have moved the watermark further than their records do. What it let out is out.
                if state.finishedThrough < .distantFuture {
                    tasks[plan.views[view].source].raiseWatermark(to: state.finishedThrough)
                }
            }
            store.restoreHorizons(checkpoint)
        }
        reachedAtStart = reached
        waiters.set { [committer, threads, emission, letters = options.letters] in
            emission?.queue.close()
            letters?.probe.wake()
            for thread in threads { thread.inbox.close() }
            committer.inbox.close()
            committer.wake()
        }
    }

    /// Asks the run to end cleanly. Any thread may call it.
    public func stop() {
        isStopping.store(true, ordering: .relaxed)
        emission?.hurry()
        wake?()
    }

    /// Whether a record without a Kafka time stamp is an error: nobody could say when it was there to be seen.
    var needsTimestamps: Bool { options.join?.visibility == .arrival }

    var shouldStop: Bool { isStopping.load(ordering: .relaxed) || failure.error != nil }

    /// Reads until the input is over or `stop` was called.
    public func run() throws -> RunSummary {
        let threads = threads
        do { try emission?.open(tasks, log: log) { isStopping.load(ordering: .relaxed) } } catch {
            for thread in threads { thread.refuseReads() }
            context.store?.close()
            throw error
        }
        emission?.start(failure)
        partWriter.start(sync: options.stateDirectory != nil, failure: failure)
        for thread in threads { thread.start() }
        committer.start(context, threads: threads) { [weak self] commit in self?.didCommit?(commit.positions) }
        defer {
            removeSpill()
            lock = nil
        }
        do {
            switch (options.letters, options.input) {
            case (let letters?, _): try feedLetters(letters)
            case (nil, .files(let paths)): try readFiles(paths)
            case (nil, .brokers(let brokers, let properties)): try readTopics(brokers, properties)
            }
        } catch {
            failure.report(error)
        }
        for thread in threads { thread.inbox.close() }
        for thread in threads { thread.join() }
        committer.stop()
        emission?.stop()
        partWriter.stop()
        if let error = failure.error {
            context.store?.close()
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
        }
        context.store?.close()
        return summary()
    }

    private func summary() -> RunSummary {
        var summary = RunSummary()
        for task in tasks {
            summary.sources.append(
                RunSummary.Source(name: task.plan.name, counters: task.counters, lateApplied: task.lateApplied))
        }
        for view in plan.views.indices {
            var checksum = RowChecksum()
            for thread in threads { checksum.add(thread.checksum(of: view)) }
            summary.views.append(
                RunSummary.View(
                    name: plan.views[view].name, rows: threads.reduce(0) { $0 + $1.rowCount(of: view) },
                    checksum: options.logDirectory == nil ? checksum.checksum : nil,
                    corrected: threads.reduce(0) { $0 + $1.correctedCount(of: view) },
                    missed: threads.reduce(0) { $0 + $1.missed(of: view) }))
        }
        summary.behind = threads.reduce(0) { $0 + $1.behind }
        summary.lost = positions.lost.map { (partition: "\($0.key)", offsets: $0.value) }.sorted { $0.partition < $1.partition }
        summary.latency = context.latencies.current
        summary.overflows = threads.reduce(0) { $0 + $1.overflows }
        return summary
    }
}

/// What is to be woken when a run fails; known only once all parts of the run exist.
private final class Waiters: @unchecked Sendable {
    private let monitor = Monitor()
    private var wake: (@Sendable () -> Void)?

    func set(_ wake: @escaping @Sendable () -> Void) { monitor.locked { self.wake = wake } }
    func wakeAll() { monitor.locked { wake }?() }
}
