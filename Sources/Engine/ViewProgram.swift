internal import Aggregates
public import Pipelines
public import Records
public import Windows

/// A view made ready to run: which passes over a log give which values.
///
/// Values of one delay end at the same instant, so their windows are nested suffixes of the log: a pass walks back from that
/// instant once per column and gives out a value at each window's edge. Windows with a resolution may be longer than they say, so
/// they have passes of their own.
public final class ViewProgram {
    public let plan: ViewPlan
    public let layout: LogLayout
    public let entityTypes: [FieldType]
    public let valueTypes: [FieldType]
    /// The longest reach of any value into the past: window plus delay; nil where one is lifetime.
    public let retention: TimeSpan?
    /// Where rows are asked for, which events each can see; nil: rows are those of events.
    public let visibility: Visibility?
    /// How far behind a watermark an event still enters; nil: it does not.
    private let lateReach: TimeSpan?
    /// Whether rows that are out are made again when an event comes behind them that they count.
    public let corrects: Bool
    /// The instants at which a row may count an event, as microseconds from the event's time on: first and last of each range,
    /// ascending; without an end where a window is lifetime.
    let counted: [ClosedRange<Int64>]
    /// The same of those that are exact however many events there are.
    private let exactReach: TimeSpan?
    private let delayMax: TimeSpan

    struct Output: BitwiseCopyable {
        var function: AggregateFunction
        var window: Int
        var value: Int
        /// The number under which long logs remember the way through the window.
        var number: Int
    }

    /// What is made of a column's moments over one window.
    struct MomentsStep: BitwiseCopyable {
        var window: Int
        /// The number under which long logs remember the way through the window, and states wait to be lowered.
        var number: Int
        var outputs: Lane<Output>
        var outputCount: Int
    }

    /// Outputs of one column in one pass, from the shortest window to the longest.
    struct ColumnPass: BitwiseCopyable {
        var column: Int
        var kind: LogLayout.Kind
        var scale: Int?
        /// What is made of moments,
        var steps: Lane<MomentsStep>
        var stepCount: Int
        /// Whether long logs keep flags of the last occurrences of values as of this pass's instant.
        var flagsDistinct: Bool
        /// and what is not.
        var outputs: Lane<Output>
        var outputCount: Int
    }

    struct Pass: BitwiseCopyable {
        var delay: Int64
        /// Window lengths, ascending; `Int64.max` is lifetime.
        var windows: Lane<Int64>
        var windowCount: Int
        /// The number of the pass's first edge among all.
        var firstEdge: Int
        /// Whether the last window is lifetime.
        var isLifetime: Bool
        /// `count()` of all events.
        var eventCounts: Lane<Output>
        var eventCountCount: Int
        var columns: Lane<ColumnPass>
        var columnCount: Int
        /// Whether windows may go back to the edge of a tile,
        var hasResolution: Bool
        /// and the values that say how many events came with that; the column is that of the output.
        var extras: Lane<Extra>
        var extraCount: Int
    }

    /// How many events a window may count beyond its edge.
    struct Extra: BitwiseCopyable {
        var window: Int
        /// -1: all events.
        var column: Int
        var value: Int
    }

    let passes: Lane<Pass>
    let passCount: Int
    let windowsMax: Int
    /// 1 where the window's older end belongs to it, 1 where its newer end does not: edges are whole microseconds.
    let olderShift: Int64
    let newerShift: Int64

    /// - Parameter feedsLetters: whether events may come behind the rows that are out, whatever the source says of late ones.
    public init(_ plan: ViewPlan, source: SourcePlan, visibility: Visibility? = nil, feedsLetters: Bool = false) {
        self.plan = plan
        self.visibility = visibility
        lateReach = plan.lateReach ?? (feedsLetters ? plan.retention ?? .endless : nil)
        corrects = visibility == nil && lateReach != nil
        entityTypes = plan.entity.map { source.fields[$0].type }
        valueTypes = plan.values.map(\.type)
        let columns = plan.inputs.indices.map { (kind: ViewProgram.kind(plan.inputs[$0].type), needs: plan.needs(of: $0)) }
        let kinds = Set(plan.values.map(PassKind.init)).sorted()
        let windowsOf = kinds.map { kind in
            Set(plan.values.filter { PassKind($0) == kind }.map { $0.window?.microseconds ?? .max }).sorted()
        }
        let olderShift: Int64 = plan.bounds == .closed || plan.bounds == .closedOpen ? 1 : 0
        let newerShift: Int64 = plan.bounds == .open || plan.bounds == .closedOpen ? 1 : 0
        let summarized = columns.indices.filter { LogLayout.isSummarized(columns[$0].kind, columns[$0].needs) }
        let windowCount = windowsOf.reduce(0) { $0 + $1.count }
        let layout = LogLayout(
            columns, memoCount: windowCount * summarized.count, hintCount: windowCount + windowsOf.count,
            isOrdered: plan.isOrdered,
            tiles: plan.resolution.map {
                TileRule(rawEvents: $0.events, step: $0.step.microseconds, olderShift: olderShift)
            })
        self.layout = layout
        self.olderShift = olderShift
        self.newerShift = newerShift
        counted = ViewProgram.counted(plan.values, olderShift: olderShift, newerShift: newerShift)
        retention = plan.retention
        exactReach = plan.exactReach
        delayMax = plan.delayMax

        passCount = kinds.count
        passes = .allocate(kinds.count)
        var windowsMax = 0
        for (index, kind) in kinds.enumerated() {
            let delay = kind.delay
            let all = plan.values.enumerated().filter { PassKind($0.element) == kind }
            let values = all.filter { !$0.element.isExtra }
            let windows = windowsOf[index]
            let windowsBefore = windowsOf[..<index].reduce(0) { $0 + $1.count }
            windowsMax = max(windowsMax, windows.count)
            func number(_ window: Int, _ input: Int?) -> Int {
                guard let input, let ordinal = summarized.firstIndex(of: input) else { return .max }
                return (windowsBefore + window) * summarized.count + ordinal
            }
            func outputs(of input: Int?) -> [Output] {
                values.filter { $0.element.input == input }
                    .map { value in
                        let window = windows.firstIndex(of: value.element.window?.microseconds ?? .max)!
                        return Output(
                            function: value.element.function, window: window, value: value.offset,
                            number: number(window, input))
                    }
                    .sorted { $0.window < $1.window }
            }
            // The flags follow one instant: that of the least delay.
            func distinctDelay(of input: Int) -> TimeSpan? {
                plan.values.filter { $0.input == input && $0.function == .countDistinct }.map(\.delay).min()
            }
            let columnPasses = plan.inputs.indices.compactMap { input -> ColumnPass? in
                let outputs = outputs(of: input)
                guard !outputs.isEmpty else { return nil }
                var scale: Int?
                if case .decimal(let digits)? = plan.inputs[input].type { scale = digits }
                let ordinal = summarized.firstIndex(of: input)
                let isMoments = ordinal != nil && layout.column(input).kind == .integer
                let lowered = outputs.filter { isMoments && $0.function.isMadeOfMoments }
                let others = outputs.filter { !isMoments || !$0.function.isMadeOfMoments }
                let steps = Set(lowered.map(\.window)).sorted().map { window in
                    let outputs = lowered.filter { $0.window == window }
                    return MomentsStep(
                        window: window, number: number(window, input),
                        outputs: lane(outputs), outputCount: outputs.count)
                }
                return ColumnPass(
                    column: input, kind: layout.column(input).kind, scale: scale, steps: lane(steps), stepCount: steps.count,
                    flagsDistinct: delay == distinctDelay(of: input), outputs: lane(others), outputCount: others.count)
            }
            let eventCounts = outputs(of: nil)
            let extras = all.filter(\.element.isExtra).map { value in
                Extra(
                    window: windows.firstIndex(of: value.element.window!.microseconds)!, column: value.element.input ?? -1,
                    value: value.offset)
            }
            passes[index] = Pass(
                delay: delay.microseconds, windows: lane(windows), windowCount: windows.count,
                firstEdge: windowsBefore + index, isLifetime: windows.last == .max,
                eventCounts: lane(eventCounts), eventCountCount: eventCounts.count,
                columns: lane(columnPasses), columnCount: columnPasses.count, hasResolution: kind.hasResolution,
                extras: lane(extras), extraCount: extras.count)
        }
        self.windowsMax = windowsMax
    }

    deinit {
        for index in 0..<passCount {
            let pass = passes[index]
            for column in 0..<pass.columnCount {
                let column = pass.columns[column]
                for step in 0..<column.stepCount { column.steps[step].outputs.deallocate() }
                column.steps.deallocate()
                column.outputs.deallocate()
            }
            pass.columns.deallocate()
            pass.extras.deallocate()
            pass.eventCounts.deallocate()
            pass.windows.deallocate()
        }
        passes.deallocate()
        layout.deallocate()
    }

    private static func kind(_ type: FieldType?) -> LogLayout.Kind {
        switch type {
        case nil: .presence
        case .string: .text
        case .double: .double
        case .int64, .bool, .decimal, .timestamp: .integer
        }
    }

    /// The newest instant whose events no value at `time` or after it can depend on, nor those before it.
    public func reach(at time: EventTime) -> EventTime {
        guard let retention else { return .distantPast }
        // A window that holds its older end reads the event that lies exactly there.
        return time - retention - TimeSpan(microseconds: olderShift)
    }

    /// The newest instant whose events may leave once rows at or before `finished` are out, and those before it.
    ///
    /// Where rows are corrected, the oldest that may yet be counts an event at the end of the reach of the oldest that may yet come.
    public func kept(at finished: EventTime) -> EventTime {
        corrects && plan.snapshots != .none ? reach(at: reach(at: finished)) : reach(at: finished)
    }

    /// The newest instant behind which no late event enters any more once a partition's watermark is at `watermark`: an event is
    /// taken if its time is after it. Where late events do not enter, the watermark itself.
    public func closed(at watermark: EventTime) -> EventTime {
        guard let lateReach else { return watermark }
        return watermark - lateReach - TimeSpan(microseconds: olderShift)
    }

    private static func counted(_ values: [ValuePlan], olderShift: Int64, newerShift: Int64) -> [ClosedRange<Int64>] {
        var ranges: [ClosedRange<Int64>] = []
        let all = values.compactMap { value -> ClosedRange<Int64>? in
            let first = value.delay.microseconds + newerShift
            guard let window = value.window else { return first...Int64.max }
            let last = (value.delay + window).microseconds - 1 + olderShift
            // A window that is open on both sides may be too short for any event.
            return first <= last ? first...last : nil
        }
        for range in all.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = ranges.last, range.lowerBound <= last.upperBound || range.lowerBound - 1 == last.upperBound {
                ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                ranges.append(range)
            }
        }
        return ranges
    }

    /// The first instant at which no value depends on an event at `time` or before it; nil where one depends on all there ever was.
    public func firstExact(after time: EventTime) -> EventTime? {
        retention.map { time + $0 + TimeSpan(microseconds: olderShift) }
    }

    /// How far logs are done with, when rows at or before `finished` are out.
    func horizon(at finished: EventTime) -> LogHorizon {
        let reach = kept(at: finished).microseconds
        guard layout.tiles != nil, let exactReach, finished > .distantPast else { return LogHorizon(reach: reach) }
        return LogHorizon(
            reach: reach, ended: (finished - delayMax).microseconds - newerShift,
            exactReach: (finished - exactReach).microseconds - olderShift)
    }
}

/// Which events a row sees whose instant was asked for.
public enum Visibility: String, CaseIterable, Sendable {
    /// Those whose event time is not after it.
    case event
    /// Of these, those that had arrived: whose Kafka timestamp is not after it either.
    case arrival
}

extension ViewProgram {
    enum RowMode { case waiting, immediate, none }

    /// What an event means for the rows.
    var rowsOfEvents: RowMode {
        guard visibility == nil else { return .none }
        switch plan.snapshots {
        case .final: return .waiting
        case .arrival: return .immediate
        case .none: return .none
        }
    }

    /// Whether rows wait for the watermark.
    public var hasWaitingRows: Bool { rowsOfEvents == .waiting || visibility == .event }
}

/// What values have in common that one pass makes.
private struct PassKind: Hashable, Comparable {
    var delay: TimeSpan
    var hasResolution: Bool

    init(_ value: ValuePlan) {
        delay = value.delay
        hasResolution = value.resolution != nil
    }

    static func < (a: PassKind, b: PassKind) -> Bool {
        (a.delay, a.hasResolution ? 1 : 0) < (b.delay, b.hasResolution ? 1 : 0)
    }
}

private func lane<Element: BitwiseCopyable>(_ elements: [Element]) -> Lane<Element> {
    let lane = Lane<Element>.allocate(elements.count)
    for (index, element) in elements.enumerated() { lane[index] = element }
    return lane
}
