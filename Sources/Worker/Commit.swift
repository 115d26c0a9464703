internal import History
internal import Records
internal import Store

/// One commit on its way: every shard thread contributes at the same place of the input, so that all shards, the source
/// positions and the offline log's lengths are of one instant.
final class Commit: @unchecked Sendable {
    /// Taken when the commit began: positions, counters, dead letters.
    let checkpoint: Checkpoint
    /// The clean stop: rows become parts first.
    let isLast: Bool
    /// Whether the store may forget what left every window by now; only with a synced write.
    let raisesHorizon: Bool
    /// nil: all changes are written. Where the state dies with the process, what is in use may stay in memory only, and this is
    /// the largest part of a shard's changed entities to write.
    let idleShare: Double?
    let positions: [[Int32: Int64]]
    /// By topic, of every partition that was read.
    let lastRecords: [String: [Int32: CommitMark.LastRecord]]
    let unsyncedLetters: UnsyncedLetters?
    /// What its transaction fixes, where rows are emitted; it is committed before the state is.
    let emission: EmitPoint?
    /// Rows that threads make after they have contributed are emitted, those before were not.
    let beginsEmission: Bool
    private let monitor = Monitor()
    private var waitingFor: Int
    private var rows: [CommitRows] = []
    private var logs: [LogState.ViewState] = []
    private var unsynced: [UnsyncedSegments] = []
    private var isDurable = false
    private var isEmitted: Bool

    init(
        _ checkpoint: Checkpoint, positions: [[Int32: Int64]], lastRecords: [String: [Int32: CommitMark.LastRecord]] = [:],
        unsyncedLetters: UnsyncedLetters? = nil, contributions: Int, isLast: Bool, raisesHorizon: Bool, idleShare: Double?,
        emission: EmitPoint? = nil, beginsEmission: Bool = false
    ) {
        self.checkpoint = checkpoint
        self.positions = positions
        self.lastRecords = lastRecords
        self.unsyncedLetters = unsyncedLetters
        self.isLast = isLast
        self.raisesHorizon = raisesHorizon
        self.idleShare = idleShare
        self.emission = emission
        self.beginsEmission = beginsEmission
        isEmitted = emission == nil
        waitingFor = contributions
    }

    func contribute(_ rows: CommitRows, _ logs: [LogState.ViewState], _ unsynced: [UnsyncedSegments]) {
        monitor.locked {
            self.rows.append(rows)
            self.logs += logs
            self.unsynced += unsynced
            waitingFor -= 1
            monitor.wakeAll()
        }
    }

    /// Waits for all contributions; nil if the run failed meanwhile. The segments are to be synced before the rest is written.
    func gathered(
        _ failure: Failure
    ) -> (rows: [CommitRows], checkpoint: Checkpoint, unsynced: [UnsyncedSegments])? {
        monitor.lock()
        defer { monitor.unlock() }
        while waitingFor > 0 {
            if failure.error != nil { return nil }
            monitor.wait()
        }
        var checkpoint = checkpoint
        for (shard, state) in rows.flatMap(\.shards) { checkpoint.shards[shard] = state }
        checkpoint.offlineLog = LogState(views: logs).encoded()
        return (rows, checkpoint, unsynced)
    }

    func wake() { monitor.locked { monitor.wakeAll() } }

    /// Its rows and positions were emitted.
    func didEmit() {
        monitor.locked {
            isEmitted = true
            monitor.wakeAll()
        }
    }

    /// Waits until the transaction is committed; false if the run failed meanwhile.
    func waitUntilEmitted(_ failure: Failure) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        while !isEmitted {
            if failure.error != nil { return false }
            monitor.wait()
        }
        return true
    }

    func didBecomeDurable() {
        monitor.locked {
            isDurable = true
            monitor.wakeAll()
        }
    }

    var isDone: Bool { monitor.locked { isDurable } }

    func waitUntilDurable(_ failure: Failure) throws {
        monitor.lock()
        defer { monitor.unlock() }
        while !isDurable {
            if let error = failure.error { throw error }
            monitor.wait()
        }
    }
}

/// The thread that writes commits, beside the loop.
final class Committer: @unchecked Sendable {
    let inbox = Channel<Commit>(capacity: 1)
    private var thread: WorkThread?
    /// The commit at hand, so that a failure elsewhere can wake who waits for it.
    private let monitor = Monitor()
    private var current: Commit?

    func start(_ context: ShardContext, threads: [ShardThread], didCommit: @escaping @Sendable (Commit) -> Void) {
        thread = WorkThread { [self] in
            var compaction: Compaction?
            defer { compaction?.finish() }
            do {
                while let commit = inbox.receive() {
                    monitor.locked { current = commit }
                    guard let gathered = commit.gathered(context.failure), let store = context.store else {
                        // The failure may have come before this commit was at hand, so nobody woke who waits for it.
                        commit.wake()
                        break
                    }
                    let isDurable = context.options.stateDirectory != nil
                    // Here and not on the shards' threads, whose turns a disk would hold up.
                    for segments in gathered.unsynced { try segments.sync() }
                    if isDurable { try commit.unsyncedLetters?.sync() }
                    // The state is never ahead of what was emitted.
                    guard commit.waitUntilEmitted(context.failure) else {
                        commit.wake()
                        break
                    }
                    let mark = isDurable ? context.marks?.next(commit.lastRecords) : nil
                    try store.commit(gathered.rows, gathered.checkpoint, mark: mark, isDurable: isDurable)
                    if mark != nil { try context.marks?.didCommit() }
                    let kept = context.keptShare
                    for thread in threads { thread.inbox.send(.committed(keeping: kept)) }
                    guard isDurable else {
                        commit.didBecomeDurable()
                        continue
                    }
                    didCommit(commit)
                    // The next run starts at once, and depends on no journal.
                    if commit.isLast { try store.flush() }
                    if compaction == nil {
                        compaction = Compaction(
                            store, programs: context.programs, numbers: context.viewNumbers,
                            isFresh: !context.hasStateAtStart, leavesViews: context.leavesViews)
                    }
                    compaction?.startIfDue(
                        gathered.checkpoint, isLast: commit.isLast, now: Clock.monotonic(), failure: context.failure)
                    commit.didBecomeDurable()
                }
            } catch {
                context.failure.report(error)
            }
        }
    }

    func wake() { monitor.locked { current }?.wake() }

    func stop() {
        inbox.close()
        thread?.join()
    }
}
