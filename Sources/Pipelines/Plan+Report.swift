import Aggregates
import Records

extension Plan {
    /// The plan for a person to read, as `freshet check` prints it.
    public var report: String {
        var lines = ["pipeline \(pipeline), version \(version)"]
        for position in sources.indices { lines += sourceReport(position) }
        for view in views { lines += viewReport(view) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func sourceReport(_ position: Int) -> [String] {
        let source = sources[position]
        let eventTime = source.fields[source.eventTime]
        var rows: [[String]] = [
            ["topic", source.topic],
            ["format", source.format.rawValue],
            ["key", source.key.map { source.fields[$0].name } ?? "none"],
            ["event time", "\(eventTime.name) (\(eventTime.unit.rawValue))"],
            ["out of orderness", source.outOfOrderness.text],
            ["idle timeout", source.idleTimeout.text],
            ["max ahead", source.maxAhead.text],
        ]
        if source.late == .apply { rows.append(["late", "apply: rows that count a late event are written again"]) }
        if source.archive { rows.append(["archive", "the events that are applied"]) }
        let fields = source.fields.map { field in
            let unit = field.type == .timestamp ? "(\(field.unit.rawValue))" : ""
            return [field.name, "\(field.type)\(unit)\(field.optional ? "?" : "")", field.stored ? "" : "checked, not stored"]
        }
        let note = views.contains { $0.source == position } ? "" : ": no view reads it"
        return ["", "source \(source.name)\(note)"] + aligned(rows, indent: 2) + ["  fields"] + aligned(fields, indent: 4)
    }

    private func viewReport(_ view: ViewPlan) -> [String] {
        let source = sources[view.source]
        let names = source.fields.map(\.name)
        var rows: [[String]] = [
            ["source", source.name],
            ["entity", view.entity.map { names[$0] }.joined(separator: ", ")],
            ["rows", view.isPartitionedByEntity ? "partitioned by the entity" : "exchanged by the entity's hash"],
            ["where", view.condition.map { $0.text(names: names) } ?? "every event"],
            ["snapshots", view.snapshots.rawValue],
            ["serve at", view.serveAt.rawValue],
            ["bounds", view.bounds.rawValue],
            ["retention", view.retention.map(\.text) ?? "lifetime"],
        ]
        if let reach = view.lateReach {
            let kept = view.kept.map { ", events are kept for \($0.text)" } ?? ""
            rows.append(["late", reach == .endless ? "however late" : "up to \(reach.text) behind the watermark\(kept)"])
        }
        if let resolution = view.resolution {
            rows.append(["resolution", "exact up to \(resolution.events) events, then to \(resolution.step.text)"])
        }
        let values = view.values.map { value in
            let input = value.input.map { view.inputs[$0] }
            var aggregate = "\(value.function.rawValue)(\(input?.argument.map { $0.text(names: names) } ?? ""))"
            if value.isExtra {
                aggregate = "events before the window, at most"
            } else if let condition = input?.condition {
                aggregate += " where \(condition.text(names: names))"
            }
            return [value.name, aggregate, value.window.map(\.text) ?? "lifetime", value.delay.text, "\(value.type)"]
        }
        return ["", "view \(view.name)"] + aligned(rows, indent: 2)
            + aligned([["value", "aggregate", "window", "delay", "type"]] + values, indent: 2)
    }
}

/// Rows as lines whose cells begin at the same columns; an empty row is an empty line.
public func aligned(_ rows: [[String]], indent: Int) -> [String] {
    var widths: [Int] = []
    for row in rows {
        for (i, cell) in row.enumerated() {
            if i == widths.count { widths.append(0) }
            widths[i] = max(widths[i], cell.unicodeScalars.count)
        }
    }
    return rows.map { row in
        var line = String(repeating: " ", count: indent)
        for (i, cell) in row.enumerated() {
            line += cell
            line += String(repeating: " ", count: i == row.count - 1 ? 0 : widths[i] - cell.unicodeScalars.count + 2)
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}
