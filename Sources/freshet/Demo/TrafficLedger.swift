import Pipelines
import Records
import Synchronization

/// What was produced, partition by partition, and what has to become of each record: the same rules as the worker's, told
/// from the traffic alone.
///
/// One thread writes; others may read `produced` meanwhile, and all else once that thread has ended.
final class TrafficLedger: @unchecked Sendable {
    /// Of each partition the records by offset, and why each has to be set aside.
    private(set) var events: [[TrafficEvent]]
    private(set) var rejections: [[RejectionReason?]]
    /// Per partition, of the records that are applied, in microseconds.
    private var newestOf: [Int64?]
    private let outOfOrderness: Int64
    private let count = Atomic<Int>(0)

    init(partitions: Int, outOfOrderness: TimeSpan) {
        events = Array(repeating: [], count: partitions)
        rejections = Array(repeating: [], count: partitions)
        newestOf = Array(repeating: nil, count: partitions)
        self.outOfOrderness = outOfOrderness.microseconds
    }

    var produced: Int { count.load(ordering: .relaxed) }

    func append(_ event: TrafficEvent, partition: Int) {
        let time = event.time * 1_000
        let rejection: RejectionReason?
        switch event.defect {
        case .truncated: rejection = .malformed
        case .wrongType: rejection = .wrongType
        case .missingField: rejection = .missingField
        case .outOfRange: rejection = .outOfRange
        case .ahead: rejection = .ahead
        case .none:
            if let newest = newestOf[partition], time <= newest - outOfOrderness {
                rejection = .late
            } else {
                rejection = nil
                newestOf[partition] = max(newestOf[partition] ?? time, time)
            }
        }
        events[partition].append(event)
        rejections[partition].append(rejection)
        count.add(1, ordering: .relaxed)
    }

    /// The newest event time of all that is applied, in microseconds.
    var newest: Int64? { newestOf.compactMap(\.self).max() }

    /// The least watermark of all partitions; nil while one of them has no event.
    var watermark: Int64? {
        let times = newestOf.compactMap(\.self)
        return times.count == newestOf.count ? times.min().map { $0 - outOfOrderness } : nil
    }

    /// Applied records, and those set aside by reason.
    var counts: (applied: Int, rejected: [RejectionReason: Int]) {
        var applied = 0
        var rejected: [RejectionReason: Int] = [:]
        for rejection in rejections.joined() {
            if let rejection { rejected[rejection, default: 0] += 1 } else { applied += 1 }
        }
        return (applied, rejected)
    }
}
