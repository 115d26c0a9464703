internal import DequeModule
internal import Engine
internal import History
internal import Pipelines
internal import Records
internal import Store
internal import Synchronization
internal import Windows

/// Some shards and the offline logs of their views, on a thread of their own: the loop of the engine.
final class ShardThread: @unchecked Sendable {
    let inbox = Channel<ShardMessage>(capacity: Bounds.turnsWaiting)
    let context: ShardContext
    private let index: Int
    private(set) var shards: [ShardID: ShardSeat] = [:]
    private(set) var views: [ViewSeat]
    /// The archives of the sources, where there is a log. Only one thread gets a source's events.
    private let archives: [ViewLog]
    /// Those of the views, and the archives.
    private let logs: [ViewLog]
    /// Logs that end with the next commit.
    private var earlier: [ViewLog] = []
    private var order: [ShardID] = []
    private var watermarks: [EventTime]
    private let completions = PartCompletions()
    private var lastBytes = 0
    private var lastDirty = 0
    private let outlet: EmitOutlet?
    private var thread: WorkThread?

    /// A shard and what the last commit wrote of it.
    final class ShardSeat {
        var shard: Shard
        var committed: Checkpoint.ShardState
        /// Where rows see what had arrived: the events and rows whose turn has not come.
        let held = HeldEvents()
        var asks = Deque<EventBatch>()
        var nextAsk = 0

        init(_ shard: consuming Shard, _ committed: Checkpoint.ShardState) {
            self.shard = shard
            self.committed = committed
        }
    }

    /// Where the rows of a view go on this thread.
    struct ViewSeat {
        var rows: RowBuffer
        var log: ViewLog?
        var checksum = RowChecksum()
        /// Rows that were written again.
        var corrected = 0
    }

    init(_ context: ShardContext, index: Int) {
        self.context = context
        self.index = index
        watermarks = Array(repeating: .distantPast, count: context.programs.count)
        outlet = context.emission.map { EmitOutlet($0.queue, thread: index, context.plan, context.programs) }
        let options = context.options
        views = context.programs.map { program in
            let rows = RowBuffer(
                entity: program.entityTypes, values: program.valueTypes, capacity: History.Bounds.rowBufferRows)
            guard let directory = options.logDirectory, program.plan.snapshots != .none else { return ViewSeat(rows: rows) }
            let log = ViewLog(
                directory: directory, program, source: context.plan.sources[program.plan.source],
                pipeline: context.plan.pipeline, version: context.plan.version, unique: "\(context.run)-\(index)",
                keepsSegments: options.stateDirectory != nil)
            return ViewSeat(rows: rows, log: log)
        }
        let archives = context.plan.sources.compactMap { source in
            options.logDirectory.map {
                ViewLog(
                    directory: $0, eventsOf: source, pipeline: context.plan.pipeline, version: context.plan.version,
                    unique: "\(context.run)-\(index)", keepsSegments: options.stateDirectory != nil)
            }
        }
        self.archives = archives
        logs = views.compactMap(\.log) + archives
    }

    /// Brings the offline log's folders to what the last commit fixed. One thread does it, before all start.
    ///
    /// - Parameter earlier: the logs of an earlier plan where this one's write other columns, or none.
    func recoverLogs(_ states: [LogState.ViewState], earlier: [ViewLog]) throws(HistoryError) {
        let logs = self.logs.filter { log in !earlier.contains { $0.folder == log.folder } } + earlier
        for log in logs { try log.recover(states) }
        for log in earlier {
            for part in log.takeParts(all: true) {
                try part.write(sync: true)
                log.wrote(part)
            }
        }
        self.earlier = earlier
        guard let directory = context.options.logDirectory else { return }
        try ViewLog.publishParts(of: states, without: logs, directory: directory)
    }

    /// Rows of this run are newer than those of the last commit, whatever the clock says.
    func goOn(from states: [LogState.ViewState]) { for log in logs { log.goOn(from: states) } }

    /// Takes a shard over from the last commit. Before the thread starts.
    func restore(_ id: ShardID, _ state: Checkpoint.ShardState, _ store: StateStore) throws(StoreError) {
        let seat = makeSeat(id, state)
        try store.restorePending(&seat.shard, context.stored(id), state)
    }

    @discardableResult
    func makeSeat(_ id: ShardID, _ state: Checkpoint.ShardState) -> ShardSeat {
        var shard = Shard(context.programs[id.view], slice: id.slice, hasColdEntities: context.hasStateAtStart)
        shard.finishedThrough = state.finishedThrough
        shard.expiredThrough = state.expiredThrough
        let seat = ShardSeat(shard, state)
        shards[id] = seat
        order = shards.keys.sorted()
        return seat
    }

    func start() {
        thread = WorkThread { [self] in
            do {
                while let message = inbox.receive() { try take(message) }
            } catch {
                context.failure.report(error)
                refuseReads()
            }
        }
    }

    /// Waits until the inbox, closed, is empty.
    func join() { thread?.join() }

    private func take(_ message: ShardMessage) throws {
        switch message {
        case .turn(let batches, let watermarks, let timing):
            try turn(batches, watermarks)
            timing?.threadIsDone(context.latencies)
        case .archive(let events, let source):
            try archives[source].append(events, created: context.wall.now().microseconds)
            context.archiveBuffers.put(events, source: source)
            try makeParts(all: false)
        case .asks(let batches): ask(batches)
        case .probe(let batches, let probe): try answer(probe, batches)
        case .commit(let commit): try contribute(to: commit)
        case .committed(let kept): try committed(keeping: kept)
        case .read(let request):
            do { try answer(request) } catch {
                request.refuse()
                throw error
            }
        case .end(let watermarks): try end(watermarks)
        }
    }

    // MARK: - One turn

    private func turn(_ batches: [ShardEvents], _ watermarks: [EventTime]) throws {
        var corrected: [ShardID] = []
        for batch in batches {
            let seat = shards[batch.shard] ?? makeSeat(batch.shard, Checkpoint.ShardState())
            if context.programs[batch.shard.view].visibility == .arrival {
                seat.held.hold(batch.events)
                continue
            }
            let rows = views[batch.shard.view].rows
            if rows.room < batch.events.count { try flushRows(batch.shard.view) }
            seat.shard.locate(batch.events)
            try bring(seat, batch.shard)
            if seat.shard.noteLate(batch.events, retracts: views[batch.shard.view].log == nil) {
                corrected.append(batch.shard)
                try retract(seat, batch.shard.view)
            }
            seat.shard.apply(batch.events, rows: rows)
            context.batches[batch.shard.view].put(batch.events)
        }
        if !corrected.isEmpty { try correct(corrected) }
        self.watermarks = watermarks
        for id in order { try finish(id, now: false) }
        publishBytes()
        try makeParts(all: false)
    }

    /// Rows whose events the watermark has passed are evaluated and appended.
    private func finish(_ id: ShardID, now: Bool) throws {
        let seat = shards[id]!
        let watermark = watermarks[id.view]
        let program = context.programs[id.view]
        if program.visibility == .arrival { try release(seat, id, through: watermark.microseconds) }
        // Where an earlier plan's rows wait still, they come out before the watermark lets go of what they see.
        if program.hasWaitingRows || seat.shard.pendingCount > 0 {
            seat.shard.collectReady(watermark: watermark, now: now || !program.hasWaitingRows)
            try bring(seat, id)
            while seat.shard.finishRows(views[id.view].rows) { try flushRows(id.view) }
        }
        seat.shard.advance(to: watermark)
    }

    // MARK: - Rows that are asked for

    private func ask(_ batches: [ShardEvents]) {
        for batch in batches {
            let seat = shards[batch.shard] ?? makeSeat(batch.shard, Checkpoint.ShardState())
            if context.programs[batch.shard.view].visibility == .arrival {
                seat.asks.append(batch.events)
            } else {
                seat.shard.ask(batch.events)
                context.askBatches.put(batch.events)
            }
        }
    }

    /// Applies held events and evaluates asked rows up to an instant, all in the order in which they can be seen.
    private func release(_ seat: ShardSeat, _ id: ShardID, through: Int64) throws {
        let layout = context.programs[id.view].layout
        let (events, asks) = (context.batches[id.view].take(), context.askBatches.take())
        defer {
            context.batches[id.view].put(events)
            context.askBatches.put(asks)
        }
        while true {
            while events.count < events.capacity && asks.count < asks.capacity {
                let nextEvent = seat.held.first ?? .max
                let nextAsk = seat.asks.first.map { $0.times[seat.nextAsk] } ?? .max
                guard min(nextEvent, nextAsk) <= through, seat.held.first != nil || !seat.asks.isEmpty else { break }
                if seat.held.first != nil && nextEvent <= nextAsk {
                    if let empty = seat.held.removeFirst(to: events, layout) { context.batches[id.view].put(empty) }
                } else {
                    asks.append(seat.nextAsk, of: seat.asks[0], layout)
                    seat.nextAsk += 1
                    if seat.nextAsk == seat.asks[0].count {
                        context.askBatches.put(seat.asks.removeFirst())
                        seat.nextAsk = 0
                    }
                }
            }
            if events.count == 0 && asks.count == 0 { return }
            let rows = views[id.view].rows
            if rows.room < asks.count { try flushRows(id.view) }
            seat.shard.locate(events, asks: asks)
            try bring(seat, id)
            seat.shard.apply(events, asks: asks, rows: rows)
            events.removeAll()
            asks.removeAll()
        }
    }

    func bring(_ seat: ShardSeat, _ id: ShardID) throws {
        guard !seat.shard.awaited.isEmpty else { return }
        guard let store = context.store else { preconditionFailure("logs are awaited, but nothing was ever stored") }
        try store.bring(&seat.shard, context.stored(id))
    }

    func flushRows(_ view: Int, _ kind: RowKind = .new) throws {
        let rows = views[view].rows
        guard rows.count > 0 else { return }
        context.options.filter?.apply(to: rows)
        if kind == .new { context.rowsOut.add(rows.count, ordering: .relaxed) }
        if kind == .corrected { views[view].corrected += rows.count }
        if let join = context.options.join {
            try join.take(rows, view: view, thread: index)
        } else if let log = views[view].log {
            let created = try log.append(rows, created: context.wall.now().microseconds)
            outlet?.send(rows, view: view, created: created)
        } else if kind == .retracted {
            views[view].checksum.remove(rows)
        } else {
            views[view].checksum.add(rows)
        }
        rows.removeAll()
    }

    /// Tells the reading thread when a commit is due.
    private func publishBytes() {
        let bytes = shards.values.reduce(0) { $0 + $1.shard.bytesHeld }
        context.stateBytes.add(bytes - lastBytes, ordering: .relaxed)
        lastBytes = bytes
        let dirty = shards.values.reduce(0) { $0 + $1.shard.dirtyCount }
        context.dirtyEntities.add(dirty - lastDirty, ordering: .relaxed)
        lastDirty = dirty
    }

    // MARK: - Parts

    private func makeParts(all: Bool) throws {
        takeCompletions()
        let now = Clock.monotonic()
        for log in logs where all || log.isDue(now: now) {
            for part in log.takeParts(all: all) {
                completions.willWrite()
                guard context.parts.send(PartJob(part: part, log: log, completions: completions)) else { return }
            }
        }
    }

    private func takeCompletions() {
        for job in completions.takeWritten() { job.log.wrote(job.part) }
    }

    // MARK: - Commits

    private func contribute(to commit: Commit) throws {
        if commit.isLast {
            for id in order { try finish(id, now: true) }
            for view in views.indices { try flushRows(view) }
            try makeParts(all: true)
            try completions.waitForAll(context.failure)
            takeCompletions()
        }
        let rows = CommitRows()
        for id in order {
            if !commit.isLast { try finish(id, now: true) }
            let seat = shards[id]!
            let program = context.programs[id.view]
            if commit.raisesHorizon {
                seat.shard.expiredThrough = max(seat.shard.expiredThrough, program.kept(at: seat.shard.finishedThrough))
            }
            let idleMax = commit.idleShare.map { Int($0 * Double(seat.shard.dirtyCount)) }
            rows.append(&seat.shard, context.stored(id), before: seat.committed, idleMax: idleMax)
        }
        for (id, (_, state)) in zip(order, rows.shards) { shards[id]!.committed = state }
        var logs: [LogState.ViewState] = []
        var unsynced: [UnsyncedSegments] = []
        for log in earlier { logs.append(log.commitState(syncsNames: true).0) }
        for view in views.indices { try flushRows(view) }
        outlet?.mark(commit)
        if context.options.stateDirectory != nil {
            for log in self.logs {
                let (state, segments) = log.commitState(syncsNames: true)
                if !state.isEmpty { logs.append(state) }
                unsynced.append(segments)
            }
        }
        commit.contribute(rows, logs, unsynced)
    }

    private func committed(keeping kept: Double?) throws {
        if context.options.stateDirectory != nil { for log in logs { try log.committed() } }
        for log in earlier { try log.committed() }
        earlier = []
        if let kept { for seat in shards.values { seat.shard.evict(to: Int(Double(seat.shard.bytes) * kept)) } }
        publishBytes()
    }

    // MARK: - Reads

    /// Looks the entity up in all shards of the view here: where a slice is a partition, only the producer knows which.
    private func answer(_ request: ReadRequest) throws {
        var answer: ReadRequest.Answer?
        var expiredThrough = EventTime.distantPast
        let program = context.programs[request.view]
        let rows = RowBuffer(entity: [], values: program.valueTypes, capacity: 1)
        for id in order where id.view == request.view && (request.slice ?? id.slice) == id.slice {
            let seat = shards[id]!
            expiredThrough = max(expiredThrough, seat.shard.expiredThrough)
            let entity = unsafe request.withKey { hash, key in unsafe seat.shard.locate(hash: hash, key: key) }
            try bring(seat, id)
            guard let entity, seat.shard.hasEvents(entity) else { continue }
            let missing = seat.shard.read(entity, at: request.at, rows: rows)
            answer = ReadRequest.Answer(values: request.values(program, rows), missingThrough: missing)
            break
        }
        request.answer(answer, expiredThrough: expiredThrough)
    }

    private func end(_ watermarks: [EventTime]) throws {
        self.watermarks = watermarks
        for id in order { try finish(id, now: true) }
        for view in views.indices { try flushRows(view) }
        try makeParts(all: true)
        try completions.waitForAll(context.failure)
        takeCompletions()
    }

    // MARK: - After the thread has ended

    /// Parts of a run without state appear all together, at its end.
    func publishParts() throws {
        for log in logs {
            _ = try log.commitState(sync: false)
            try log.committed()
        }
    }

    /// Removes the parts of a run that was cut short.
    func discardParts() throws {
        for log in logs { try log.discardParts() }
    }

    func checksum(of view: Int) -> RowChecksum { views[view].checksum }
    /// Each counted once, however often it was made.
    func rowCount(of view: Int) -> Int {
        views[view].log.map { $0.rowCount - views[view].corrected } ?? views[view].checksum.rows
    }
    func correctedCount(of view: Int) -> Int { views[view].corrected }
    func missed(of view: Int) -> Int { shards.reduce(0) { $1.key.view == view ? $0 + $1.value.shard.missed : $0 } }
    var behind: Int { shards.values.reduce(0) { $0 + $1.shard.behind } }
    var overflows: Int { shards.values.reduce(0) { $0 + $1.shard.overflows } }
    var entityCount: Int { shards.values.reduce(0) { $0 + $1.shard.entityCount } }
}
