internal import Engine
internal import Kafka
internal import Logging
internal import Pipelines
internal import Records
internal import Store

/// Emission of a worker's rows to one topic: what the reading thread knows of it, and the thread that owns the transactions.
final class Emission: @unchecked Sendable {
    let topic: String
    /// The consumer group whose offsets say how far emission has come, and the transactional id: so a second worker of the same
    /// pipeline that emits to the same topic stops the first.
    let name: String
    let queue: EmitQueue
    private let plan: Plan
    private let target: any EmitTarget
    private let wall: WallClock
    private var thread: WorkThread?
    /// What the last commit says of emission in the state.
    private var mark: Checkpoint.Emission?
    private var number: UInt64 = 0
    /// Rows are made and not emitted: they were before, or the group does not say yet from where on they are.
    private(set) var isMuted = true
    /// What is to be done again without emitting.
    private(set) var behind: EmitPoint?
    /// Whether it is known from where rows are to be emitted.
    private(set) var isOpen = false
    private var committedAt = Clock.monotonic()

    /// - Parameter mark: what the state says.
    init(_ plan: Plan, topic: String, to target: any EmitTarget, threads: Int, mark: Checkpoint.Emission?, wall: WallClock) {
        self.plan = plan
        self.topic = topic
        name = Emission.name(plan, topic: topic)
        self.target = target
        self.mark = mark
        self.wall = wall
        queue = EmitQueue(threads: threads)
    }

    static func name(_ plan: Plan, topic: String) -> String { "\(plan.pipeline).emit.\(topic)" }

    /// Takes the topic over, and finds out from where rows are to be emitted.
    func open(_ tasks: [SourceTask], log: Logger, shouldStop: () -> Bool) throws(WorkerError) {
        var topics: [String: Set<Int32>] = [:]
        for task in tasks { topics[task.plan.topic, default: []].formUnion(task.partitions.keys) }
        guard let positions = try target.open(topics, shouldStop: shouldStop) else { return }
        let committed = try EmitPoint(positions, group: name)
        // Of rows that correct others, the newest by `created` counts.
        if let committed { wall.raise(to: committed.time) }
        let state = point(tasks, number: 0)
        switch try Resumption(state: state, mark: mark, committed: committed, topic: topic, group: name) {
        case .begins(let number):
            self.number = number
            let started = state.sources.contains { $0.positions.values.contains { $0 > 0 } }
            log.notice(
                "group \(name) has no offsets: rows are emitted to topic \(topic) \(started ? "from the state's position on" : "from the beginning on")"
            )
        case .goesOn(let number): self.number = number
        case .catchesUp(let point):
            number = point.number
            behind = point
        }
        for task in tasks {
            guard let watermark = committed?.source(task.plan.name)?.watermark else { continue }
            if behind != nil { task.watermarkMax = watermark } else { task.raiseWatermark(to: watermark) }
        }
        isOpen = true
    }

    private func point(_ tasks: [SourceTask], number: UInt64) -> EmitPoint {
        EmitPoint(
            number: number,
            sources: tasks.map { task in
                EmitPoint.Source(
                    name: task.plan.name, topic: task.plan.topic, positions: task.state.positions.mapValues(\.nextOffset),
                    watermark: task.lastWatermark, views: EmitPoint.digest(plan, source: task.index))
            })
    }

    /// Rows are emitted from the next commit on. That has a transaction without rows: once rows are emitted, the group has offsets, and
    /// the state knows that it has.
    ///
    /// Requires: what was emitted before has been done again.
    func begin() { isMuted = false }

    /// What the next commit's transaction fixes; nil while nothing is emitted. The checkpoint is told.
    ///
    /// Requires: all tasks' records were sent on.
    func fix(_ checkpoint: inout Checkpoint, _ tasks: [SourceTask], isLast: Bool) -> EmitPoint? {
        guard !isMuted else {
            checkpoint.emission = mark
            return nil
        }
        number += 1
        committedAt = Clock.monotonic()
        let point = point(tasks, number: number)
        // Before any partition is known, there is nothing to have offsets of.
        if point.sources.contains(where: { !$0.positions.isEmpty }) {
            mark = Checkpoint.Emission(topic: topic, number: number, isClosed: isLast)
        }
        checkpoint.emission = mark
        return point
    }

    /// Whether a commit is due though nothing has changed: brokers forget offsets that nobody commits.
    func isRefreshDue(now: Int64) -> Bool { !isMuted && now - committedAt >= Bounds.emitRefreshMicroseconds }

    // MARK: - The emitting thread

    func start(_ failure: Failure) {
        thread = WorkThread { [queue, target, wall] in
            do {
                while let item = queue.receive() {
                    switch item {
                    case .rows(let batch):
                        try target.send(batch)
                        queue.put(batch)
                    case .commit(let commit):
                        var point = commit.emission!
                        point.time = wall.now()
                        try target.commit(point.committed)
                        commit.didEmit()
                    }
                }
            } catch {
                failure.report(error)
            }
            target.abort()
        }
    }

    /// The run is to stop. Any thread may call it.
    func hurry() { target.hurry() }

    func stop() {
        queue.close()
        thread?.join()
    }
}

/// A shard thread's end of an emission.
final class EmitOutlet {
    private let queue: EmitQueue
    private let thread: Int
    /// By view.
    private let encoders: [RowEncoder]
    var isMuted = true

    init(_ queue: EmitQueue, thread: Int, _ plan: Plan, _ programs: [ViewProgram]) {
        self.queue = queue
        self.thread = thread
        encoders = programs.map {
            RowEncoder($0, source: plan.sources[$0.plan.source], pipeline: plan.pipeline, version: plan.version)
        }
    }

    /// Sends rows of a view on; they may be reused then. Waits where they are made faster than they can be emitted.
    func send(_ rows: RowBuffer, view: Int, created: Int64) {
        if isMuted { return }
        var row = 0
        while row < rows.count {
            let batch = queue.take()
            row = encoders[view].encode(rows, from: row, created: created, into: batch)
            queue.send(batch, thread: thread)
        }
    }

    /// All rows that a commit fixes were sent.
    func mark(_ commit: Commit) {
        if commit.emission != nil { queue.mark(commit, thread: thread) }
        if commit.beginsEmission { isMuted = false }
    }
}
