internal import Engine
internal import Glibc
internal import Records
internal import Store
import Synchronization

/// Has RocksDB drop, beside the loop, the entities whose newest event has left the longest window. The committer's own.
///
/// The store's expiry filter drops them wherever a compaction comes by; what is cold would wait long for one. So all files
/// are rewritten when the horizon has moved by a quarter of the retention: the dead are at most that much more than the living.
final class Compaction {
    private let store: StateStore
    private let retention: [TimeSpan?]
    private var compactedThrough: [EventTime]
    private var startedAt = Int64.min
    private let isFresh: Bool
    private let numbers: [Int]
    /// Whether the run has left views of the state behind, which nothing else may make room of.
    private var leavesViews: Bool
    private var thread: WorkThread?
    private let state = State()

    private final class State: Sendable { let isRunning = Atomic<Bool>(false) }

    /// - Parameters:
    ///   - numbers: those that the state has for the programs' views.
    ///   - isFresh: the state began with this run.
    ///   - leavesViews: the state has views that the programs before this run's were of, and these are not.
    init(_ store: StateStore, programs: [ViewProgram], numbers: [Int], isFresh: Bool, leavesViews: Bool) {
        self.numbers = numbers
        self.leavesViews = leavesViews
        self.store = store
        self.isFresh = isFresh
        retention = programs.map(\.retention)
        compactedThrough = Array(repeating: .distantPast, count: programs.count)
    }

    /// Starts one if what a commit allowed to go makes it worth it. The last commit of a run does not wait for its turn.
    func startIfDue(_ checkpoint: Checkpoint, isLast: Bool, now: Int64, failure: Failure) {
        let horizons = retention.indices.map { view in
            checkpoint.shards.filter { $0.key.view == numbers[view] }.map(\.value.expiredThrough).min() ?? .distantPast
        }
        guard isLast || startedAt == .min || now - startedAt >= Bounds.compactionMicrosecondsMin else { return }
        var isDue = leavesViews
        for view in retention.indices {
            guard let retention = retention[view], horizons[view] > .distantPast else { continue }
            if compactedThrough[view] == .distantPast {
                // Where the state is as old as the run, nothing was ever dropped from it.
                if isLast && isFresh { isDue = true } else { compactedThrough[view] = horizons[view] }
            } else if horizons[view].microseconds - compactedThrough[view].microseconds >= retention.microseconds / 4 {
                isDue = true
            }
        }
        guard isDue, !state.isRunning.load(ordering: .acquiring) else { return }
        thread?.join()
        leavesViews = false
        compactedThrough = horizons
        startedAt = now
        state.isRunning.store(true, ordering: .releasing)
        thread = WorkThread { [store, state] in
            do { try store.compact() } catch { failure.report(error) }
            state.isRunning.store(false, ordering: .releasing)
        }
    }

    /// Waits for the one under way, but not for long: closing the store ends what is left of it, and the next run begins anew.
    func finish() {
        let deadline = Clock.monotonic() + Bounds.compactionMicrosecondsAtStop
        while state.isRunning.load(ordering: .acquiring) && Clock.monotonic() < deadline { usleep(5_000) }
        if !state.isRunning.load(ordering: .acquiring) { thread?.join() }
    }
}
