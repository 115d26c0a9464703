internal import Aggregates
internal import Records

/// What becomes of each source, view and value when a pipeline is to go on from the state of another, and what each needs.
public struct PlanChange: Sendable {
    public enum Kind: String, Sendable {
        case unchanged, new, changed, renamed, gone
    }

    /// A part of the pipeline, in the order of the new file; what is gone comes behind.
    public struct Item: Sendable {
        public var name: String
        public var kind: Kind
        /// Why the state cannot give what the new pipeline asks for; empty where nothing is needed.
        public var backfill: [String] = []
        /// What it was, where that says more than the kind.
        public var note = ""
    }

    public struct ViewChange: Sendable {
        public var view: Item
        /// What of the view's own differs: its entity, its condition.
        public var properties: [Item] = []
        public var values: [Item] = []

        /// Whether the view's state holds all that the new values ask for.
        public var fits: Bool { ([view] + properties + values).allSatisfy(\.backfill.isEmpty) }
    }

    public struct SourceChange: Sendable {
        public var source: Item
        public var properties: [Item] = []
    }

    public private(set) var pipeline: [Item] = []
    public private(set) var sources: [SourceChange] = []
    public private(set) var views: [ViewChange] = []
    public let old: (pipeline: String, version: Int)
    public let new: (pipeline: String, version: Int)

    /// Whether the new pipeline can go on from the state of the old one.
    public var fits: Bool { pipeline.allSatisfy(\.backfill.isEmpty) && views.allSatisfy(\.fits) }

    public init(from kept: KeptPlan, to new: Plan) {
        let old = kept.plan
        self.old = (old.pipeline, old.version)
        self.new = (new.pipeline, new.version)
        if old.pipeline != new.pipeline {
            // Most likely the wrong folder.
            pipeline.append(
                Item(
                    name: "name", kind: .changed, backfill: ["the state is that of another pipeline"],
                    note: PlanChange.was(old.pipeline, new.pipeline)))
        }
        for source in new.sources {
            sources.append(PlanChange.source(source, old.sources.first { $0.name == source.name }))
        }
        for source in old.sources where !new.sources.contains(where: { $0.name == source.name }) {
            sources.append(SourceChange(source: Item(name: source.name, kind: .gone)))
        }
        for view in new.views {
            let before = old.views.firstIndex { $0.name == view.name }
            views.append(before.map { ViewComparison(old, $0, new, view).change } ?? PlanChange.newView(view))
        }
        for view in old.views where !new.views.contains(where: { $0.name == view.name }) {
            views.append(
                ViewChange(
                    view: Item(name: view.name, kind: .gone, note: "its state goes"),
                    values: view.values.map { Item(name: $0.name, kind: .gone) }))
        }
    }

    /// Adds what, beside the pipeline, keeps a state from being gone on from.
    public mutating func add(obstacle: String) {
        pipeline.append(Item(name: "rows", kind: .unchanged, backfill: [obstacle]))
    }

    static func was(_ old: String, _ new: String) -> String { "was \(old), is \(new)" }

    /// A partition's watermark is its newest event time less the bound: it moves at once, though no record came.
    private static func meaning(ofBound old: TimeSpan, becoming new: TimeSpan) -> String {
        old < new
            ? "events that are no longer late may come behind rows that are out, which stay as they are"
            : "what comes later than that is late from now on"
    }

    /// What to tell whoever goes on from the state.
    public var warnings: [String] {
        sources.flatMap { source in
            source.properties.filter { $0.name == "out of orderness" }.map {
                "source \(source.source.name): \($0.name) \($0.note)"
            }
        }
    }

    private static func newView(_ view: ViewPlan) -> ViewChange {
        let why = ["the state has no view of this name"]
        return ViewChange(
            view: Item(name: view.name, kind: .new, backfill: why),
            values: view.values.map { Item(name: $0.name, kind: .new, backfill: ["the view is new"]) })
    }

    /// What views need because of it is said with them.
    private static func source(_ new: SourcePlan, _ old: SourcePlan?) -> SourceChange {
        guard let old else { return SourceChange(source: Item(name: new.name, kind: .new)) }
        func key(_ source: SourcePlan) -> String { source.key.map { source.fields[$0].name } ?? "none" }
        func eventTime(_ source: SourcePlan) -> String { source.fields[source.eventTime].declared }
        let rows: [(String, String, String)] = [
            ("topic", old.topic, new.topic), ("format", old.format.rawValue, new.format.rawValue), ("key", key(old), key(new)),
            ("event time", eventTime(old), eventTime(new)),
            ("out of orderness", old.outOfOrderness.text, new.outOfOrderness.text),
            ("idle timeout", old.idleTimeout.text, new.idleTimeout.text), ("max ahead", old.maxAhead.text, new.maxAhead.text),
            ("late", old.late.rawValue, new.late.rawValue),
        ]
        var properties = rows.filter { $0.1 != $0.2 }.map { Item(name: $0.0, kind: .changed, note: was($0.1, $0.2)) }
        if let bound = properties.firstIndex(where: { $0.name == "out of orderness" }) {
            properties[bound].note += ": \(meaning(ofBound: old.outOfOrderness, becoming: new.outOfOrderness))"
        }
        for field in new.fields {
            let before = old.fields.first { $0.name == field.name }
            guard before?.typeText != field.typeText else { continue }
            properties.append(
                before.map { Item(name: "field \(field.name)", kind: .changed, note: was($0.typeText, field.typeText)) }
                    ?? Item(name: "field \(field.name)", kind: .new, note: field.typeText))
        }
        for field in old.fields where !new.fields.contains(where: { $0.name == field.name }) {
            properties.append(Item(name: "field \(field.name)", kind: .gone, note: "was \(field.typeText)"))
        }
        let kind: Kind = properties.isEmpty ? .unchanged : .changed
        return SourceChange(source: Item(name: new.name, kind: kind), properties: properties)
    }
}

extension RecordField {
    /// Its type as the file declares it.
    var typeText: String {
        "\(type)\(type == .timestamp ? "(\(unit.rawValue))" : "")\(optional ? "?" : "")"
    }

    var declared: String { "\(name) \(typeText)" }
}
