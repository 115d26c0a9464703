internal import Aggregates
internal import Records

/// A view of a new pipeline beside the one of that name in a state.
struct ViewComparison {
    private typealias Item = PlanChange.Item

    private let old: ViewPlan
    private let new: ViewPlan
    private let oldSource: SourcePlan
    private let newSource: SourcePlan
    private let columns: [KeptColumn]

    init(_ oldPlan: Plan, _ view: Int, _ newPlan: Plan, _ new: ViewPlan) {
        old = oldPlan.views[view]
        self.new = new
        oldSource = oldPlan.sources[old.source]
        newSource = newPlan.sources[new.source]
        columns = oldPlan.columns(of: view)
    }

    private var oldNames: [String] { oldSource.fields.map(\.name) }
    private var newNames: [String] { newSource.fields.map(\.name) }

    var change: PlanChange.ViewChange {
        let properties = properties
        let blocked = properties.filter { !$0.backfill.isEmpty }.map(\.name)
        let before = Dictionary(uniqueKeysWithValues: old.values.map { ($0.name, $0) })
        let names = Set(new.values.map(\.name))
        // Under another name now: each at most once.
        var renamed = old.values.filter { !names.contains($0.name) }
        var values: [Item] = []
        for value in new.values {
            let text = value.text(new, names: newNames)
            var item = Item(name: value.name, kind: .new, note: text)
            if let before = before[value.name] {
                let was = before.text(old, names: oldNames)
                item.kind = was == text && before.type == value.type ? .unchanged : .changed
                item.note = was == text ? "" : PlanChange.was(was, text)
            } else if let index = renamed.firstIndex(where: { $0.text(old, names: oldNames) == text && $0.type == value.type }) {
                item.kind = .renamed
                item.note = "was \(renamed.remove(at: index).name)"
            }
            item.backfill = blocked.map { "the view's \($0) changed" } + reasons(value)
            values.append(item)
        }
        values += renamed.map { Item(name: $0.name, kind: .gone) }
        let isSame =
            properties.isEmpty && values.allSatisfy { $0.kind == .unchanged }
            && new.values.map(\.name) == old.values.map(\.name)
        return PlanChange.ViewChange(
            view: Item(name: new.name, kind: isSame ? .unchanged : .changed), properties: properties, values: values)
    }

    // MARK: - The view's own

    private var properties: [Item] {
        var items: [Item] = []
        /// - Parameter why: what it means for the state; nil where it means nothing.
        func compare(_ name: String, _ old: String, _ new: String, _ why: String?) {
            guard old != new else { return }
            items.append(
                Item(name: name, kind: .changed, backfill: why.map { [$0] } ?? [], note: PlanChange.was(old, new)))
        }
        func condition(_ view: ViewPlan, _ names: [String]) -> String {
            view.condition.map { $0.text(names: names) } ?? "every event"
        }
        let otherEvents = "the state is of other events"
        compare("source", oldSource.name, newSource.name, otherEvents)
        compare("topic", oldSource.topic, newSource.topic, otherEvents)
        compare("format", oldSource.format.rawValue, newSource.format.rawValue, otherEvents)
        compare(
            "event time", oldSource.fields[oldSource.eventTime].declared, newSource.fields[newSource.eventTime].declared,
            "the events in the state have other times")
        compare(
            "entity", old.entity.map { oldSource.fields[$0].declared }.joined(separator: ", "),
            new.entity.map { newSource.fields[$0].declared }.joined(separator: ", "), "the state is of other entities")
        compare(
            "rows", old.isPartitionedByEntity ? "partitioned by the entity" : "exchanged by the entity's hash",
            new.isPartitionedByEntity ? "partitioned by the entity" : "exchanged by the entity's hash",
            "the entities lie elsewhere in the state")
        compare("where", condition(old, oldNames), condition(new, newNames), otherEvents)
        if let condition = new.condition, condition.text(names: newNames) == self.condition(old) {
            for (was, field) in changedFields(condition.forEachField) {
                compare("where's field \(field.name)", was, field.typeText, otherEvents)
            }
        }
        compare("bounds", old.bounds.rawValue, new.bounds.rawValue, "the state may lack the events at the windows' ends")
        compare(
            "resolution", old.resolution?.text ?? "exact", new.resolution?.text ?? "exact",
            "the state keeps events and sums by the old one")
        compare("snapshots", old.snapshots.rawValue, new.snapshots.rawValue, nil)
        compare("serve at", old.serveAt.rawValue, new.serveAt.rawValue, nil)
        compareRetention(into: &items)
        compareLate(into: &items)
        return items
    }

    private func condition(_ view: ViewPlan) -> String? { view.condition.map { $0.text(names: oldNames) } }

    /// A reach that grows is said with the values that ask for it.
    private func compareRetention(into items: inout [Item]) {
        guard let reach = new.retention, old.retention.map({ reach < $0 }) ?? true else { return }
        items.append(
            Item(
                name: "retention", kind: .changed,
                note: "\(PlanChange.was(old.retention?.text ?? "lifetime", reach.text)): what is older leaves the state"))
    }

    /// Rows are corrected as far as the state knows which they are, and has the events that they need.
    private func compareLate(into items: inout [Item]) {
        func word(_ view: ViewPlan) -> String { (view.lateReach == nil ? LateEvents.drop : .apply).rawValue }
        var item = Item(name: "late", kind: .changed, note: PlanChange.was(word(old), word(new)))
        if new.lateReach != nil && new.keepsOrder && !old.isOrdered {
            if word(old) == word(new) { (item.kind, item.note) = (.unchanged, "") }
            items.append(item)
            items[items.count - 1].backfill = ["the state does not know which rows its events have: none could be corrected"]
        } else if word(old) != word(new) {
            if let kept = old.kept, new.kept.map({ kept < $0 }) ?? true {
                item.note +=
                    ": rows that need events older than the \(kept.text) that the state keeps are not corrected, but counted"
            }
            items.append(item)
        }
    }

    /// Fields that an expression of the new view reads, and that records gave other values before; with how they were declared.
    private func changedFields(_ forEachField: ((Int) -> Void) -> Void) -> [(was: String, field: RecordField)] {
        var changed: [(was: String, field: RecordField)] = []
        forEachField { position in
            let field = newSource.fields[position]
            let before = oldSource.fields.first { $0.name == field.name }
            guard before?.isRead(as: field) != true, !changed.contains(where: { $0.field == field }) else { return }
            changed.append((before?.typeText ?? "not there", field))
        }
        return changed
    }

    // MARK: - Values

    /// Why the state cannot give a value.
    private func reasons(_ value: ValuePlan) -> [String] {
        var reasons: [String] = []
        let needs = value.function.needs
        if let input = value.input {
            let column = new.inputs[input]
            // Fields that changed say more than that the column did.
            let changed = changedFields(column.forEachField).filter { $0.was != "not there" }
            for (was, field) in changed { reasons.append("field \(field.name) \(PlanChange.was(was, field.typeText))") }
            let kept = columns.first { $0.isOf(column, names: newNames) }
            if kept == nil && changed.isEmpty {
                reasons.append("the state does not keep \(column.text(names: newNames))")
            }
            let lacking = needs.intersection(.ofTiles).subtracting(kept?.needs ?? needs)
            if new.resolution != nil, !lacking.isEmpty {
                reasons.append(
                    "the state's older sums of \(column.text(names: newNames)) are not of what \(value.function.rawValue) needs")
            }
        }
        if needs.contains(.ends) && !old.isOrdered {
            reasons.append("the state does not keep the order of events of one instant")
        }
        return reasons + reachReasons(value)
    }

    private func reachReasons(_ value: ValuePlan) -> [String] {
        let what =
            "window \(value.window?.text ?? "lifetime")" + (value.delay > .zero ? " delayed by \(value.delay.text)" : "")
        var reach = value.window.map { $0 + value.delay }
        if let step = value.resolution?.step { reach = reach.map { $0 + step } }
        func isBeyond(_ kept: TimeSpan?) -> Bool {
            guard let kept else { return false }
            return reach.map { $0 > kept } ?? true
        }
        var reasons: [String] = []
        if isBeyond(old.retention), let kept = old.retention {
            reasons.append("\(what) reaches further back than the \(kept.text) the state keeps")
        } else if value.resolution == nil && isBeyond(old.exactReach), let kept = old.exactReach {
            reasons.append("\(what) reaches further back than the \(kept.text) of which the state keeps every event")
        }
        if old.resolution != nil && value.delay > old.delayMax {
            reasons.append("\(what) ends before the \(old.delayMax.text) after which the state keeps sums only")
        }
        return reasons
    }
}
