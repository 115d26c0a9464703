internal import CWorld
internal import Foundation
internal import Pipelines

/// The rows that transactions committed, over all lives, as a reader of the topic has them.
struct Emitted {
    private struct Row {
        /// Without when it was made.
        var text: String
        var created: String
        var view: Substring
        /// Its view, and of which event it is.
        var place: String
    }

    private let rows: [Row]
    private let corrected: Set<String>

    init(_ plan: Plan, _ report: UnsafeMutablePointer<world_report>) {
        var size = 0
        let start = unsafe world_emitted(report, &size)
        let text = unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: size), as: UTF8.self)
        rows = text.split(separator: "\n").map { line in
            func value(_ name: String) -> Substring {
                line[line.range(of: "\"\(name)\":")!.upperBound...].prefix { $0 != "," && $0 != "}" }
            }
            let created = line.range(of: "\"created\":\"")!
            let end = line[created.upperBound...].firstIndex(of: ",")!
            let view = value("view").dropFirst().dropLast()
            var text = String(line[..<created.lowerBound] + line[end...].dropFirst())
            if let more = text.range(of: "\"more_10s\":") {
                text.removeSubrange(more.lowerBound...text[more.upperBound...].firstIndex(of: ",")!)
            }
            return Row(
                text: text,
                created: String(line[created.upperBound..<end]),
                view: view, place: "\(view) \(value("partition"))/\(value("offset"))")
        }
        corrected = Set(plan.views.filter(\.isCorrected).map(\.name))
    }

    /// Those that count, sorted: of those that late events have corrected, the newest.
    var counting: [String] {
        var newest: [String: Row] = [:]
        var all: [String] = []
        for row in rows {
            guard corrected.contains(String(row.view)) else {
                all.append(row.text)
                continue
            }
            if let other = newest[row.place], other.created > row.created { continue }
            newest[row.place] = row
        }
        return (all + newest.values.map(\.text)).sorted()
    }

    /// What no reader may see, though not all is there yet: a row that is none, or one twice.
    func problem(_ wanted: [String]) -> String? {
        var left = wanted.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        var newest: [String: String] = [:]
        for row in rows {
            if corrected.contains(String(row.view)) {
                // What comes later is what has to count.
                if let older = newest[row.place], older >= row.created {
                    return "no later than another version of it, \(older): \(row.text) \(row.created)"
                }
                newest[row.place] = row.created
                continue
            }
            left[row.text, default: 0] -= 1
            if left[row.text]! < 0 { return "more often than it should be: \(row.text)" }
        }
        return nil
    }
}
