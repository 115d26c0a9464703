internal import Records
import Synchronization

/// The wall clock of one state's runs: it follows the system's forward, but does not go back, neither where that is set back nor from
/// one run to the next. So what is made later always says so, and no event without a Kafka timestamp lies ahead because a clock was set back.
final class WallClock: Sendable {
    /// Microseconds from the monotonic clock to this one; they only grow.
    private let offset: Atomic<Int64>

    /// - Parameter floor: what an earlier run had come to.
    init(floor: EventTime = .distantPast) {
        offset = Atomic(max(floor, Clock.now()).microseconds - Clock.monotonic())
    }

    /// Something that was made at `floor` has come to light.
    func raise(to floor: EventTime) {
        offset.max(saturatingSubtract(floor.microseconds, Clock.monotonic()), ordering: .relaxed)
    }

    func now() -> EventTime {
        let monotonic = Clock.monotonic()
        let newest = offset.max(Clock.now().microseconds - monotonic, ordering: .relaxed).newValue
        return EventTime(microseconds: monotonic + newest)
    }
}
