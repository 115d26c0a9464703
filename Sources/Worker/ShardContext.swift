internal import Engine
internal import Pipelines
internal import Records
internal import Store
internal import Synchronization
internal import Windows

/// Events for one shard.
struct ShardEvents: @unchecked Sendable {
    var shard: ShardID
    var events: EventBatch
}

enum ShardMessage: @unchecked Sendable {
    /// Events in the order of their partitions, and every view's watermark once they are applied.
    case turn([ShardEvents], watermarks: [EventTime], timing: TurnTiming?)
    /// Rows that are asked for, in the order of their instants: sent before the watermarks pass those.
    case asks([ShardEvents])
    /// Which of these events are there already? They are not applied.
    case probe([ShardEvents], LetterProbe)
    /// The events of a source, for its archive.
    case archive(RowBuffer, source: Int)
    /// Contribute all changes up to here to a commit.
    case commit(Commit)
    /// The commit is durable. Where memory is short, `keeping` is the part of its state that each thread keeps there.
    case committed(keeping: Double?)
    /// An online read: answered between turns.
    case read(ReadRequest)
    /// The input is over: finish every row that the watermarks allow and make parts of all.
    case end(watermarks: [EventTime])
}

/// What all shard threads of a worker share.
final class ShardContext: @unchecked Sendable {
    let plan: Plan
    let programs: [ViewProgram]
    let options: WorkerOptions
    let run: String
    let failure: Failure
    let parts: Channel<PartJob>
    let batches: [BatchPool]
    let askBatches = BatchPool(columnCount: 0)
    let archiveBuffers: ArchiveBuffers
    let hasStateAtStart: Bool
    /// By the plan's views, the numbers that the state has for them.
    let viewNumbers: [Int]
    /// Whether the state has views that this plan no longer has since this run began.
    let leavesViews: Bool
    /// Bytes of keyed state over all threads.
    let stateBytes = Atomic<Int>(0)
    /// Entities that changed since the last commit, over all threads.
    let dirtyEntities = Atomic<Int>(0)
    let rowsOut = Atomic<Int>(0)
    let latencies = Latencies()
    let wall: WallClock
    /// nil without a state folder.
    let marks: CommitMarks?
    let emission: Emission?
    private let monitor = Monitor()
    private var opened: StateStore?

    init(
        plan: Plan, programs: [ViewProgram], options: WorkerOptions, run: String, failure: Failure, parts: Channel<PartJob>,
        store: StateStore?, hasStateAtStart: Bool, viewNumbers: [Int], leavesViews: Bool = false, wall: WallClock = WallClock(),
        marks: CommitMarks? = nil, emission: Emission? = nil
    ) {
        self.wall = wall
        self.marks = marks
        self.emission = emission
        self.viewNumbers = viewNumbers
        self.leavesViews = leavesViews
        self.plan = plan
        self.programs = programs
        self.options = options
        self.run = run
        self.failure = failure
        self.parts = parts
        self.hasStateAtStart = hasStateAtStart
        opened = store
        archiveBuffers = ArchiveBuffers(plan)
        batches = programs.map { BatchPool(columnCount: $0.layout.columnCount) }
    }

    /// The part of the state that stays in memory after a commit, nil for all of it. The limit is the whole worker's, however
    /// unevenly its threads hold what there is.
    var keptShare: Double? {
        let held = stateBytes.load(ordering: .relaxed)
        let limit = options.memory / 100
        return held > limit * Bounds.memoryCommitPercent ? Double(limit * Bounds.memoryKeptPercent) / Double(held) : nil
    }

    /// As the state numbers it.
    func stored(_ id: ShardID) -> ShardID { ShardID(view: viewNumbers[id.view], slice: id.slice) }

    /// The state folder, or where state goes that outgrew the memory limit of a run without one.
    var store: StateStore? {
        get { monitor.locked { opened } }
        set { monitor.locked { opened = newValue } }
    }
}

/// The first thing that went wrong; it ends the run.
final class Failure: @unchecked Sendable {
    private let monitor = Monitor()
    private var first: (any Error)?
    private let onFirst: @Sendable () -> Void

    init(onFirst: @escaping @Sendable () -> Void) { self.onFirst = onFirst }

    func report(_ error: any Error) {
        let isFirst = monitor.locked {
            defer { if first == nil { first = error } }
            return first == nil
        }
        if isFirst { onFirst() }
    }

    var error: (any Error)? { monitor.locked { first } }
}
