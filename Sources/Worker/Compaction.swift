internal import Engine
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
    private var thread: WorkThread?
    private let state = State()

    private final class State: Sendable { let isRunning = Atomic<Bool>(false) }

    init(_ store: StateStore, programs: [ViewProgram]) {
        self.store = store
        retention = programs.map(\.retention)
        compactedThrough = Array(repeating: .distantPast, count: programs.count)
    }

    /// Starts one if what a commit allowed to go makes it worth it.
    func startIfDue(_ checkpoint: Checkpoint, now: Int64, failure: Failure) {
        let horizons = retention.indices.map { view in
            checkpoint.shards.filter { $0.key.view == view }.map(\.value.expiredThrough).min() ?? .distantPast
        }
        guard startedAt == .min || now - startedAt >= Bounds.compactionMicrosecondsMin else { return }
        var isDue = false
        for view in retention.indices {
            guard let retention = retention[view], horizons[view] > .distantPast else { continue }
            if compactedThrough[view] == .distantPast {
                compactedThrough[view] = horizons[view]
            } else if horizons[view].microseconds - compactedThrough[view].microseconds >= retention.microseconds / 4 {
                isDue = true
            }
        }
        guard isDue, !state.isRunning.load(ordering: .acquiring) else { return }
        thread?.join()
        compactedThrough = horizons
        startedAt = now
        state.isRunning.store(true, ordering: .releasing)
        thread = WorkThread { [store, state] in
            do { try store.compact() } catch { failure.report(error) }
            state.isRunning.store(false, ordering: .releasing)
        }
    }

    /// Waits for the one under way.
    func finish() {
        thread?.join()
        thread = nil
    }
}
