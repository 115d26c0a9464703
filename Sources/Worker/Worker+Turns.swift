internal import Engine
internal import Glibc
internal import Logging
internal import Pipelines
internal import Records
internal import Store
import Synchronization

/// Between turns: sending records on, commits, and what the run says of itself.
extension Worker {
    /// Sends on what a task has gathered; in a live run, what `receivedAt` says of it is counted once it is applied.
    func dispatch(_ task: SourceTask, receivedAt: Int64? = nil) throws(WorkerError) {
        let watermarks = watermarks(sending: task)
        // Silence may move a watermark too, and rows come out.
        if watermarks != lastWatermarks { hasChanges = true }
        lastWatermarks = watermarks
        if let join = options.join { try dispatcher.ask(join, watermarks) }
        try dispatcher.dispatch(task, watermarks: watermarks, receivedAt: options.isBounded || knownEnds ? nil : receivedAt)
    }

    /// Between turns: begins a commit when one is due. Requires: every task was dispatched, so that the positions that the
    /// commit fixes are those of events that the shards have.
    func endTurn() throws {
        // Records that were set aside move positions too.
        let records = tasks.reduce(0) { $0 + $1.counters.reduce(0, +) }
        if records != recordsSeen { hasChanges = true }
        recordsSeen = records
        publishStatus(records: records)
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
        let lateApplied = tasks.reduce(0) { $0 + $1.lateApplied }
        let lateText = lateApplied > 0 ? ", \(lateApplied) late applied" : ""
        let latency = context.latencies.current
        let latencyText = latency.since(latencyLogged).text
        latencyLogged = latency
        log.info(
            "\(figures.records) records, \(Int(rate))/s, lag \(figures.lag.map(String.init) ?? "-"), watermark \(figures.watermark > .distantPast ? figures.watermark.rfc3339() : "-"), \(figures.rows) rows, \(rejected) set aside\(lateText)\(latencyText.isEmpty ? "" : ", \(latencyText)")"
        )
    }

    /// The views' watermarks that hold once all was applied that was sent so far, and the records of `task`: another's that
    /// still wait to be sent must not be overtaken by their own watermark.
    func watermarks(sending task: SourceTask? = nil) -> [EventTime] {
        let now = options.isBounded ? nil : knownEnds ? .max : Clock.monotonic()
        let bySource = tasks.map { $0 === task || $0.records.count == 0 ? $0.watermark(now: now) : $0.lastWatermark }
        // A row that is asked for waits until no late event can change it any more.
        guard options.join == nil else { return programs.map { $0.closed(at: bySource[$0.plan.source]) } }
        // No row behind the end comes out: a state stays as of there, and keeps what is in reach.
        let last = options.stateDirectory == nil ? EventTime.distantFuture : options.end
        return plan.views.map { min(bySource[$0.source], last) }
    }

    private func publishStatus(records: UInt64) {
        status.publish(
            records: records, rows: context.rowsOut.load(ordering: .relaxed),
            watermark: tasks.map(\.lastWatermark).min() ?? .distantPast, newest: tasks.map(\.newest),
            rejected: tasks.map(\.counters))
    }

    private func commitIfDue() throws {
        precondition(tasks.allSatisfy { $0.records.count == 0 }, "dispatch comes before a commit")
        if let commit, commit.isDone { self.commit = nil }
        let now = Clock.monotonic()
        if let emission, emission.isRefreshDue(now: now) { hasChanges = true }
        let bytes = context.stateBytes.load(ordering: .relaxed)
        let isFull = bytes > options.memory / 100 * Bounds.memoryCommitPercent
        if isFull && bytes > options.memory, let commit {
            // More is in memory than may be: wait until what was committed can leave.
            try commit.waitUntilDurable(failure)
            self.commit = nil
        }
        let isTime = options.stateDirectory != nil && hasChanges && now - committedAt >= options.commitInterval.microseconds
        // Changes that have to be written go to the store before they pile up: a commit's size is bounded, and when memory is
        // short most of it can leave.
        let isLarge = options.stateDirectory != nil && context.dirtyEntities.load(ordering: .relaxed) > Bounds.dirtyEntitiesMax
        guard commit == nil, isTime || isFull || isLarge else { return }
        if context.store == nil { try openSpill() }
        try beginCommit(isLast: false)
    }

    func beginCommit(isLast: Bool, beginsEmission: Bool = false) throws {
        let now = Clock.monotonic()
        try deadLetters.flush { [self] in shouldStop }
        var checkpoint = Checkpoint(
            plan: keptPlan, sliceCount: sliceCount, sourceCount: tasks.count)
        checkpoint.sources = tasks.map(\.state)
        checkpoint.rowsFrom = options.filter?.from ?? .distantPast
        checkpoint.rowsTo = options.filter?.to ?? .distantFuture
        checkpoint.deadLetterBytes = deadLetters.length
        checkpoint.shards = leftShards
        for shard in leftShards.keys { leftShards[shard]?.pending = [] }
        let point = emission?.fix(&checkpoint, tasks, isLast: isLast)
        let raises = isLast || options.stateDirectory == nil || now - horizonRaisedAt >= Bounds.horizonMicrosecondsMin
        if raises { horizonRaisedAt = now }
        let letters = options.letters?.takeMarks()
        let changed = context.dirtyEntities.load(ordering: .relaxed)
        log.debug(
            "commit of \(changed) entities, \(context.stateBytes.load(ordering: .relaxed) >> 20) MiB of state in memory; \(context.store?.memoryReport ?? "no store")"
        )
        let commit = Commit(
            checkpoint, positions: checkpoint.sources.map { $0.positions.mapValues(\.nextOffset) },
            lastRecords: positions.last, unsyncedLetters: deadLetters.takeUnsynced(),
            contributions: threads.count + (letters == nil ? 0 : 1), isLast: isLast,
            raisesHorizon: raises,
            idleShare: options.stateDirectory != nil ? nil : min(1, Double(Bounds.spilledEntitiesMax) / Double(max(1, changed))),
            emission: point, beginsEmission: beginsEmission)
        for thread in threads { thread.inbox.send(.commit(commit)) }
        if let letters { commit.contribute(letters, [], []) }
        committer.inbox.send(commit)
        self.commit = commit
        committedAt = now
        hasChanges = false
    }

    /// State that outgrew the memory of a run without a state folder goes to a folder of its own, removed at the end.
    private func openSpill() throws {
        let temporary = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        let parent = options.logDirectory ?? temporary
        SpillFolder.removeAbandoned(in: parent)
        let directory = SpillFolder.path(in: parent, run: context.run)
        spillDirectory = directory
        context.store = try StateStore(path: directory, isTransient: true)
        log.info("the state outgrew --memory; entities not used of late go to \(directory)")
    }

    func removeSpill() {
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
            if let join = options.join { try dispatcher.ask(join, watermarks) }
            for thread in threads { thread.inbox.send(.end(watermarks: watermarks)) }
            try deadLetters.flush { [self] in shouldStop }
            return
        }
        try beginCommit(isLast: true)
        try commit?.waitUntilDurable(failure)
    }
}
