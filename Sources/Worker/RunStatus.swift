public import Records

/// Figures of a run under way, for whoever shows them.
public final class RunStatus: @unchecked Sendable {
    public struct Figures: Sendable {
        public var records: UInt64 = 0
        public var rows = 0
        public var watermark = EventTime.distantPast
        /// The newest event time of each source.
        public var newestBySource: [EventTime] = []
        public var newest: EventTime { newestBySource.max() ?? .distantPast }
        /// Per source, as `RunSummary.Source.counters`.
        public var counters: [[UInt64]] = []
        /// Of the input, 0 to 1, where its end is known.
        public var fraction: Double?
        /// Records that the topics hold beyond what was read.
        public var lag: Int64?
    }

    public init() {}

    private let monitor = Monitor()
    private var current = Figures()

    public var figures: Figures { monitor.locked { current } }

    func publish(records: UInt64, rows: Int, watermark: EventTime, newest: [EventTime], rejected: [[UInt64]]) {
        monitor.locked {
            current.records = records
            current.rows = rows
            current.watermark = watermark
            current.newestBySource = newest
            current.counters = rejected
        }
    }

    func publish(fraction: Double?, lag: Int64?) {
        monitor.locked {
            current.fraction = fraction
            current.lag = lag
        }
    }
}
