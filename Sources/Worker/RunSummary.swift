public import Records

/// What a run did.
public struct RunSummary: Sendable {
    public struct Source: Sendable {
        public var name: String
        /// Applied records first, then rejected ones by `RejectionReason`'s order.
        public var counters: [UInt64]
        /// Those of the applied records that were late.
        public var lateApplied: UInt64 = 0

        public var applied: UInt64 { counters[0] }
        /// Records at or before their partition's watermark, applied or not.
        public var late: UInt64 { lateApplied + rejected(.late) }
        public func rejected(_ reason: RejectionReason) -> UInt64 {
            counters[1 + RejectionReason.allCases.firstIndex(of: reason)!]
        }
    }

    public struct View: Sendable {
        public var name: String
        public var rows: Int
        /// Where rows were not written.
        public var checksum: UInt64?
        /// Of the rows, how often one was made again because a late event came that it counts.
        public var corrected = 0
        /// Late events that have no row, because events that it needs had left the state; nor were all rows made again that count
        /// them.
        public var missed = 0
    }

    public var sources: [Source] = []
    public var views: [View] = []
    /// Of a live run from topics.
    public var latency = RunLatency()
    /// Sums of int64 that left its range and became null.
    public var overflows = 0
    /// Events that came behind a view's watermark because their partition had been idle.
    public var behind = 0

    /// Offsets that were gone before they were read, by partition; where the run was told to go on all the same.
    public var lost: [(partition: String, offsets: Int64)] = []

    public init() {}
}
