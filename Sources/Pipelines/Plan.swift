public import Aggregates
public import Records

/// A pipeline file, checked and resolved: everything the engine needs, with names turned into positions.
public struct Plan: Sendable {
    public var pipeline: String
    public var version: Int
    public var sources: [SourcePlan]
    public var views: [ViewPlan]
    /// The file's text; empty for a plan of no file.
    public var text = ""

    public init(pipeline: String, version: Int, sources: [SourcePlan], views: [ViewPlan]) {
        self.pipeline = pipeline
        self.version = version
        self.sources = sources
        self.views = views
    }
}

public struct SourcePlan: Sendable {
    public var name: String
    public var topic: String
    public var format: Format
    /// All declared fields in the file's order; every record is checked against all of them.
    public var fields: [RecordField]
    /// Position of the field that the topic is partitioned by.
    public var key: Int?
    /// Position of the field that holds the event time.
    public var eventTime: Int
    public var outOfOrderness: TimeSpan
    public var idleTimeout: TimeSpan
    /// How far past its Kafka timestamp an event time may lie.
    public var maxAhead: TimeSpan
    /// Whether the events that are applied are kept as Parquet beside the rows.
    public var archive: Bool
    public var late: LateEvents

    public enum Format: String, CaseIterable, Sendable { case json }

    public init(
        name: String, topic: String, format: Format, fields: [RecordField], key: Int?, eventTime: Int,
        outOfOrderness: TimeSpan, idleTimeout: TimeSpan, maxAhead: TimeSpan, archive: Bool = false, late: LateEvents = .drop
    ) {
        self.name = name
        self.topic = topic
        self.format = format
        self.fields = fields
        self.key = key
        self.eventTime = eventTime
        self.outOfOrderness = outOfOrderness
        self.idleTimeout = idleTimeout
        self.maxAhead = maxAhead
        self.archive = archive
        self.late = late
    }
}

/// What becomes of an event at or before its partition's watermark.
public enum LateEvents: String, CaseIterable, Sendable {
    /// It is set aside.
    case drop
    /// It enters the views whose windows still reach it, and rows that are out and count it are written again.
    case apply
}

public struct ViewPlan: Sendable {
    public var name: String
    /// Position of the source in the plan.
    public var source: Int
    /// Positions of the entity's fields in the source.
    public var entity: [Int]
    /// Events for which it is not true do not enter the view.
    public var condition: Expression?
    public var snapshots: SnapshotMode
    public var serveAt: ServeAt
    public var bounds: WindowBounds
    /// The distinct (argument, feature condition) pairs of the features: the columns of the view's time logs.
    public var inputs: [InputPlan]
    /// Every value in the file's order, feature by feature, window by window.
    public var values: [ValuePlan]
    /// Whether an entity's events all come from one partition of the topic, so that a slice is a partition.
    /// Otherwise events are exchanged by the entity's hash.
    public var isPartitionedByEntity: Bool
    /// Whether logs keep each event's partition and offset though no value asks for the order of events of one instant: a state
    /// that has them goes on so (see `KeptPlan`), and rows that late events correct are known by them.
    public var keepsOrder = false
    /// How far behind its partition's watermark an event still enters: the reach of all values that the file gives the view, also
    /// where a run needs only some of them. `endless` where one is lifetime; nil: late events do not enter.
    public var lateReach: TimeSpan?

    public init(
        name: String, source: Int, entity: [Int], condition: Expression?, snapshots: SnapshotMode, serveAt: ServeAt,
        bounds: WindowBounds, inputs: [InputPlan], values: [ValuePlan], isPartitionedByEntity: Bool
    ) {
        self.name = name
        self.source = source
        self.entity = entity
        self.condition = condition
        self.snapshots = snapshots
        self.serveAt = serveAt
        self.bounds = bounds
        self.inputs = inputs
        self.values = values
        self.isPartitionedByEntity = isPartitionedByEntity
    }
}

/// When a snapshot row's value is taken: see DESIGN's "Snapshot rows".
public enum SnapshotMode: String, CaseIterable, Sendable { case final, arrival, none }

/// The instant of an online read that names none: the wall clock, or the newest event time seen.
public enum ServeAt: String, CaseIterable, Sendable { case now, latest }

/// Which ends of a window belong to it; `from` is the older end.
public enum WindowBounds: String, CaseIterable, Sendable {
    case openClosed = "(]"
    case closed = "[]"
    case closedOpen = "[)"
    case open = "()"
}

/// One column of a view's time logs: the argument's value where the feature's condition is true, else null.
public struct InputPlan: Sendable {
    /// nil for `count()` under a condition: only whether there is a value matters.
    public var argument: Expression?
    public var condition: Expression?
    /// The argument's type; nil where there is none.
    public var type: FieldType?
    /// What the sums that are kept of the column tell beyond what its values ask for: see `KeptPlan`.
    public var keptNeeds: Needs = []

    public init(argument: Expression?, condition: Expression?, type: FieldType?) {
        self.argument = argument
        self.condition = condition
        self.type = type
    }
}

public struct ValuePlan: Sendable {
    /// `<feature>_<window>`, the window as the file writes it.
    public var name: String
    /// The feature's name.
    public var feature: String
    public var function: AggregateFunction
    /// Position of its column in the view's inputs; nil for `count()` of all events.
    public var input: Int?
    /// nil: lifetime.
    public var window: TimeSpan?
    public var delay: TimeSpan
    public var type: FieldType
    /// nil: exact, however many events there are.
    public var resolution: Resolution?
    /// Whether it says how many events before its window the value before it may count, in place of a value: see `Resolution`.
    public var isExtra: Bool

    public init(
        name: String, feature: String, function: AggregateFunction, input: Int?, window: TimeSpan?, delay: TimeSpan,
        type: FieldType,
        resolution: Resolution? = nil, isExtra: Bool = false
    ) {
        self.resolution = resolution
        self.isExtra = isExtra
        self.feature = feature
        self.name = name
        self.function = function
        self.input = input
        self.window = window
        self.delay = delay
        self.type = type
    }
}
