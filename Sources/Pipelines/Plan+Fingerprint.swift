import Aggregates
import Records

extension Plan {
    /// What the stored state depends on, as canonical text: the state that one plan has written fits another exactly if their texts are equal.
    ///
    /// In it: the fields that are stored, how they are read, views with their entities, conditions, columns and the aggregates of each column,
    /// and how far back they reach. Not in it: the names of values, single windows, snapshots, serving, and how long to wait for what is late.
    public var stateFingerprint: String {
        var lines = ["pipeline \(pipeline)"]
        for (position, source) in sources.enumerated() where views.contains(where: { $0.source == position }) {
            lines.append("source \(source.name) topic \(source.topic) format \(source.format.rawValue)")
            if let key = source.key { lines.append("  key \(source.fields[key].name)") }
            lines.append("  event_time \(source.fields[source.eventTime].name)")
            for field in source.fields where field.stored {
                let unit = field.type == .timestamp ? "(\(field.unit.rawValue))" : ""
                lines.append("  field \(field.name) \(field.type)\(unit)\(field.optional ? "?" : "")")
            }
        }
        for view in views {
            let source = sources[view.source]
            let names = source.fields.map(\.name)
            lines.append("view \(view.name) source \(source.name) bounds \(view.bounds.rawValue)")
            lines.append("  entity \(view.entity.map { names[$0] }.joined(separator: ", "))")
            if let condition = view.condition { lines.append("  where \(condition.text(names: names))") }
            lines.append("  retention \(view.retention.map(\.text) ?? "lifetime")")
            if let resolution = view.resolution {
                lines.append("  resolution \(resolution.text) exact \(view.exactReach.map(\.text) ?? "lifetime")")
            }
            for input in [nil] + view.inputs.indices.map(Optional.some) {
                let readers = view.values.filter { $0.input == input && !$0.isExtra }
                guard !readers.isEmpty else { continue }
                let functions = AggregateFunction.allCases.filter { function in readers.contains { $0.function == function } }
                let lifetimes = Set(readers.filter { $0.window == nil }.map(\.delay)).sorted().map(\.text)
                var line = "  column \(input.map { view.inputs[$0].text(names: names) } ?? "*")"
                line += " for \(functions.map(\.rawValue).joined(separator: ", "))"
                if !lifetimes.isEmpty { line += " lifetime delayed \(lifetimes.joined(separator: ", "))" }
                lines.append(line)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension InputPlan {
    func text(names: [String]) -> String {
        let argument = argument.map { $0.text(names: names) } ?? "*"
        return condition.map { "\(argument) where \($0.text(names: names))" } ?? argument
    }
}
