public import Records

/// How exact windows over many events are: past a number of events a window's older edge goes back to a whole step.
///
/// A window that holds at most `events` events, counted from that step on, is exact. For any other the value counts what lies between
/// the step and the edge too, and a value beside it says how many events of the step that is at most.
public struct Resolution: Hashable, Sendable {
    public var events: Int
    public var step: TimeSpan

    public init(events: Int, step: TimeSpan) {
        self.events = events
        self.step = step
    }

    /// As the file writes it.
    public var text: String { "{events: \(events), step: \(step.text)}" }
}

extension ViewPlan {
    /// What all values that are not exact have in common; nil where all are exact.
    public var resolution: Resolution? { values.lazy.compactMap(\.resolution).first }

    /// How far back from an instant a value of the view reads; nil where one reads all there ever was.
    public var retention: TimeSpan? {
        reach(of: values).map { reach in resolution.map { reach + $0.step } ?? reach }
    }

    /// The same for the values that are exact however many events there are.
    public var exactReach: TimeSpan? { reach(of: values.filter { $0.resolution == nil }) }

    /// How far behind its watermark the state is asked for events, where rows that are out may still be corrected: a row at the end
    /// of the reach of a late event has a reach of its own. nil: all there ever was.
    public var kept: TimeSpan? {
        guard lateReach != nil, snapshots != .none else { return retention }
        return retention.map { $0 + $0 }
    }

    /// How long before an instant the newest event lies that some value at that instant does not see yet.
    public var delayMax: TimeSpan { values.map(\.delay).max() ?? .zero }

    private func reach(of values: [ValuePlan]) -> TimeSpan? {
        var longest = TimeSpan.zero
        for value in values {
            guard let window = value.window else { return nil }
            longest = max(longest, window + value.delay)
        }
        return longest
    }
}

extension PipelineReader {
    private static let resolutionKeys = ["events", "step"]
    private static let resolutionExpected = "exact, or {events: 10000, step: 1m}"

    /// `exact`, or a number of events and a step; `.none` only with an error reported, `.some(nil)` for exact.
    func resolution(_ node: YAMLNode) -> Resolution?? {
        if case .scalar(let scalar) = node.content, !scalar.isEmpty {
            if scalar.text == "exact" { return .some(nil) }
            report(
                scalar.position, "unknown resolution '\(scalar.text)'", expected: Self.resolutionExpected,
                suggestion: nearestName(to: scalar.text, among: ["exact"]))
            return .none
        }
        guard case .mapping = node.content else {
            report(node.position, "'resolution' is \(node.kind)", expected: Self.resolutionExpected)
            return .none
        }
        guard let keys = mapping(node, of: "'resolution'", keys: Self.resolutionKeys) else { return .none }
        for key in Self.resolutionKeys where keys[key] == nil {
            reportMissing(key, of: "'resolution'", in: node, at: node.position)
        }
        let events = keys["events"].flatMap { resolutionEvents($0) }
        let step = keys["step"].flatMap { resolutionStep($0) }
        guard let events, let step else { return .none }
        return Resolution(events: events, step: step)
    }

    private func resolutionEvents(_ node: YAMLNode) -> Int? {
        let expected = "a whole number from \(Limits.resolutionEvents.lowerBound) to \(Limits.resolutionEvents.upperBound)"
        guard let scalar = scalar(node, of: "'events'", expected: expected) else { return nil }
        if let events = Int(scalar.text), Limits.resolutionEvents.contains(events) { return events }
        report(scalar.position, "'\(scalar.text)' is no number of events that may stay exact", expected: expected)
        return nil
    }

    private func resolutionStep(_ node: YAMLNode) -> TimeSpan? {
        guard let step = duration(node, of: "'step'") else { return nil }
        if step >= Limits.resolutionStepMin { return step }
        report(node.position, "the step is too short", expected: "at least \(Limits.resolutionStepMin.text)")
        return nil
    }
}
