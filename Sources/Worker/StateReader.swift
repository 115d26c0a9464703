public import Engine
internal import Glibc
public import Pipelines
public import Records
internal import Store

/// Reads online values from a state folder, beside a worker that goes on writing it, as of the last commit.
public final class StateReader {
    private let plan: Plan
    private let store: StateStore
    private let checkpoint: Checkpoint
    /// By the plan's views, the numbers that the state has for them.
    private let numbers: [Int]

    public init(_ plan: Plan, directory: String) throws {
        store = try StateReader.open(directory)
        let adoption = try Adoption(StateReader.checkpoint(store, directory), by: plan, directory: directory)
        self.plan = adoption.kept.plan
        numbers = adoption.kept.numbers
        checkpoint = adoption.checkpoint
    }

    /// What becomes of a state if a plan goes on from it. Nothing is changed.
    public static func change(of directory: String, to plan: Plan) throws -> PlanChange {
        let store = try open(directory)
        let committed = try checkpoint(store, directory)
        var change = PlanChange(from: try Adoption.kept(committed, directory: directory), to: plan)
        if let obstacle = RowFilter(of: committed).obstacle { change.add(obstacle: obstacle) }
        return change
    }

    /// A worker may move what its journal holds into tables, and remove it, between a reader's look at the tables and at the journal. What
    /// the reader then sees lacks commits that the folder's mark, read before, knows of: it looks again.
    static func open(_ directory: String) throws -> StateStore {
        var attemptsLeft = Bounds.readerAttempts
        while true {
            attemptsLeft -= 1
            let found = try CommitMarks.checkFolder(directory)
            let store = try StateStore(path: directory, readOnly: true, commitsKnown: CommitMarks.commitsKnown(found, nil))
            let kept = try store.mark()
            do throws(WorkerError) {
                try CommitMarks.check(found, in: directory, kept: kept, state: directory)
                return store
            } catch {
                guard attemptsLeft > 0 else { throw error }
                store.close()
                usleep(50_000)
            }
        }
    }

    private static func checkpoint(_ store: StateStore, _ directory: String) throws -> Checkpoint {
        guard let checkpoint = try store.checkpoint() else {
            throw WorkerError("\(directory) holds no committed state yet", isInput: true)
        }
        return checkpoint
    }

    /// As `Worker.read`.
    public func read(view name: String, key: [String], at time: EventTime?) throws -> FeatureValues {
        guard let view = plan.views.firstIndex(where: { $0.name == name }) else {
            throw WorkerError(
                "there is no view \(name); there are \(plan.views.map(\.name).joined(separator: ", "))", isInput: true)
        }
        let viewPlan = plan.views[view]
        let program = ViewProgram(viewPlan, source: plan.sources[viewPlan.source])
        let latest = checkpoint.sources[viewPlan.source].positions.values.map(\.newest).max() ?? .distantPast
        let at = time ?? (viewPlan.serveAt == .now ? Clock.now() : latest)
        try RowFilter(of: checkpoint).check(read: name, at: at)
        let request = try ReadRequest(
            program, view: view, key: key, at: at, sliceCount: checkpoint.sliceCount, answersExpected: 1)
        let rows = RowBuffer(entity: [], values: program.valueTypes, capacity: 1)
        var found: ReadRequest.Answer?
        var expiredThrough = EventTime.distantPast
        for (id, state) in checkpoint.shards.sorted(by: { $0.key < $1.key })
        where id.view == numbers[view] && (request.slice ?? id.slice) == id.slice {
            var shard = Shard(program, slice: id.slice, hasColdEntities: true)
            shard.expiredThrough = state.expiredThrough
            expiredThrough = max(expiredThrough, state.expiredThrough)
            let entity = unsafe request.withKey { hash, key in unsafe shard.locate(hash: hash, key: key) }
            try store.bring(&shard, id)
            guard let entity, shard.hasEvents(entity) else { continue }
            let missing = shard.read(entity, at: at, rows: rows)
            found = ReadRequest.Answer(values: request.values(program, rows), missingThrough: missing)
            break
        }
        request.answer(found, expiredThrough: expiredThrough)
        return try request.wait(program)
    }
}
