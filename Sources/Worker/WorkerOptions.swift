public import Records

/// What a run was asked for on the command line.
public struct WorkerOptions: Sendable {
    /// Records that were gone before they were read.
    public enum LostOffsets: String, CaseIterable, Sendable {
        /// Ends the run.
        case stop
        /// Goes on with the earliest that is there; the loss is counted.
        case earliest
    }

    /// Where events come from: brokers, or a file per source by name.
    public enum Input: Sendable {
        case brokers(String, properties: [(name: String, value: String)])
        case files([String: String])
    }

    public var input: Input
    /// nil: rows are counted and forgotten.
    public var logDirectory: String?
    /// nil: a run that starts with nothing and leaves none.
    public var stateDirectory: String?
    /// Ends when the input does; otherwise goes on until it is told to stop.
    public var isBounded: Bool
    /// Bytes of keyed state in memory.
    public var memory = 1 << 30
    /// Records of partitions that are ahead of others, read and waiting: at least so many before those partitions wait, however little
    /// memory there is.
    public var waitingRecordsMin = Bounds.waitingRecordsMin
    public var commitInterval = TimeSpan.seconds(1)
    /// nil: dead letters go to files under the log directory.
    public var deadLetterTopic: String?
    /// Rows go to this topic too, in transactions. Needs brokers, a state and a log.
    public var emitTopic: String?
    /// In place of that topic, for tests.
    var emitTarget: (any EmitTarget)?
    /// Rows whose event time is outside do not come out.
    public var filter: RowFilter?
    public var threads = 2
    /// What to do where a topic no longer holds what comes next.
    public var onLostOffsets = LostOffsets.stop
    /// Rows are asked for, in place of those of events.
    var join: JoinTask?
    /// Dead letters are fed through, in place of the input. Requires: a state folder, and the log folder that it writes to.
    public var letters: LetterFeed?

    /// The event time at which a bounded run ends; otherwise the distant future.
    var end: EventTime { isBounded ? filter?.to ?? .distantFuture : .distantFuture }

    public init(input: Input, isBounded: Bool) {
        self.input = input
        self.isBounded = isBounded
    }
}
