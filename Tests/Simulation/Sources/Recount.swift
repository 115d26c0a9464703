internal import Foundation
internal import Pipelines
internal import Records

/// What a scenario's rows, counters and dead letters have to be, by the definitions and nothing of the engine's: the lateness of each
/// record by its partition's prefix, and a count and a sum over all events for each row.
struct Recount {
    /// Per source, what was applied and what was set aside.
    private(set) var applied: [[Scenario.Message]] = []
    private(set) var rejected: [[Scenario.Message]] = []
    /// Per source, the watermark that an applied record came behind, by partition and offset.
    private var late: [[[Int64]: Int64]] = []
    /// By view and place of a row, the greatest number of points within 10 s.
    private(set) var most: [String: String] = [:]
    /// The beginning of every row of every view, sorted.
    private(set) var rows: [String] = []
    /// `source partition offset`, sorted.
    private(set) var deadLetters: [String] = []

    init(_ scenario: Scenario) {
        for (index, source) in scenario.plan.sources.enumerated() {
            let topic = scenario.topics.firstIndex { $0.name == source.topic }!
            let views = scenario.plan.views.filter { $0.source == index }
            apply(scenario.messages.filter { $0.topic == topic }, source, views)
            let newest = newestByPartition(index)
            // A live run ends in silence, where the furthest partition holds; a bounded one that another may follow waits for all, and
            // one that nobody follows for none.
            let marks = newest.values.map { $0 - Scenario.outOfOrdernessMicroseconds }
            let watermark = scenario.hasState ? (scenario.input == .live ? marks.max() : marks.min()) ?? .min : .max
            for view in scenario.plan.views where view.source == index && view.snapshots != .none {
                add(rowsOf: view, source, watermark: view.snapshots == .arrival ? .max : watermark)
            }
            deadLetters += rejected[index].map { "\(source.name) \($0.partition) \($0.offset)" }
        }
        rows.sort()
        deadLetters.sort()
    }

    private mutating func apply(_ messages: [Scenario.Message], _ source: SourcePlan, _ views: [ViewPlan]) {
        var newest: [Int32: Int64] = [:]
        var (good, bad): ([Scenario.Message], [Scenario.Message]) = ([], [])
        var late: [[Int64]: Int64] = [:]
        for message in messages {
            guard let event = message.event, event.time <= message.timestamp * 1_000 + source.maxAhead.microseconds,
                case let watermark = newest[message.partition].map({ $0 - Scenario.outOfOrdernessMicroseconds }),
                Recount.isInTime(event, watermark)
                    || source.late == .apply && views.contains(where: { Recount.isInReach(event, watermark!, of: $0) })
            else {
                bad.append(message)
                continue
            }
            if !Recount.isInTime(event, watermark) { late[[Int64(message.partition), message.offset]] = watermark }
            newest[message.partition] = max(newest[message.partition] ?? .min, event.time)
            good.append(message)
        }
        applied.append(good)
        rejected.append(bad)
        self.late.append(late)
    }

    private static func isInTime(_ event: Scenario.Event, _ watermark: Int64?) -> Bool {
        watermark.map { event.time > $0 } ?? true
    }

    /// Whether the longest window of a view, ending at the watermark, has the event.
    private static func isInReach(_ event: Scenario.Event, _ watermark: Int64, of view: ViewPlan) -> Bool {
        view.values.contains { value in
            guard let window = value.window else { return true }
            let begin = watermark - value.delay.microseconds - window.microseconds
            return event.time > begin || view.bounds == .closed && event.time == begin
        }
    }

    private func newestByPartition(_ source: Int) -> [Int32: Int64] {
        applied[source].reduce(into: [:]) { newest, message in
            newest[message.partition] = max(newest[message.partition] ?? .min, message.event!.time)
        }
    }

    private mutating func add(rowsOf view: ViewPlan, _ source: SourcePlan, watermark: Int64) {
        let names = view.entity.map { source.fields[$0].name }
        let events = applied[view.source].filter { message in
            guard view.condition == nil || message.event!.points > 20 else { return false }
            guard let watermark = late[view.source][[Int64(message.partition), message.offset]] else { return true }
            return Recount.isInReach(message.event!, watermark, of: view)
        }
        func key(_ event: Scenario.Event) -> [String] { names.map { $0 == "card" ? "c\(event.card)" : "\(event.shop)" } }
        var byKey: [[String]: [Scenario.Message]] = [:]
        for message in events {
            let key = key(message.event!)
            byKey[key, default: []].append(message)
        }
        for (key, events) in byKey {
            for (place, message) in events.enumerated() where message.event!.time <= watermark {
                let end = message.event!.time
                // An entity's events are of one partition where rows come at once, so they are in their order here.
                let seen = view.snapshots == .arrival ? events[...place] : events[...]
                var text = view.name
                for (name, value) in zip(names, key) { text += " \(name)=\(value)" }
                text += " event_timestamp=\(end)"
                let recent = seen.filter {
                    $0.event!.time <= end
                        && ($0.event!.time > end - 10_000_000 || view.bounds == .closed && $0.event!.time == end - 10_000_000)
                }
                most["\(view.name) partition=\(message.partition) offset=\(message.offset)"] =
                    recent.map(\.event!.points).max().map(String.init) ?? "null"
                for function in ["n", "s"] {
                    for value in view.values where value.feature == function && !value.isExtra {
                        let begin = end - value.window!.microseconds
                        let inside = seen.filter {
                            $0.event!.time <= end && ($0.event!.time > begin || view.bounds == .closed && $0.event!.time == begin)
                        }
                        let sum = function == "n" ? Int64(inside.count) : inside.reduce(0) { $0 + $1.event!.points }
                        text += " \(value.name)=\(view.resolution == nil ? "\(sum)" : "?")"
                    }
                }
                rows.append(text + " @\(message.partition)/\(message.offset)")
            }
        }
    }

    // MARK: - Comparison

    /// A row of the findings in the form of this count's.
    static func form(_ row: String, _ view: ViewPlan) -> String {
        var text = view.name
        var (partition, offset) = ("", "")
        for field in row.split(separator: " ").dropFirst() {
            let parts = field.split(separator: "=", maxSplits: 1)
            let (name, value) = (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
            if name == "partition" { partition = value }
            if name == "offset" { offset = value }
            let counted = view.values.first { $0.name == name && !$0.isExtra && ["n", "s"].contains($0.feature) }
            if counted != nil {
                text += " \(name)=\(view.resolution == nil ? value : "?")"
            } else if ["card", "shop", "event_timestamp"].contains(name) {
                text += " \(name)=\(value)"
            }
        }
        return text + " @\(partition)/\(offset)"
    }

    /// What is wrong with a run's findings; nil if nothing is.
    func difference(from findings: Findings, _ scenario: Scenario) -> String? {
        var found: [String] = []
        var archived: [String: Int] = [:]
        for row in findings.rows {
            let name = String(row.prefix { $0 != " " })
            if let view = scenario.plan.views.first(where: { $0.name == name }) {
                found.append(Recount.form(row, view))
            } else {
                archived[name, default: 0] += 1
            }
        }
        if let difference = Difference(of: found.sorted(), from: rows) { return "rows: \(difference)" }
        for (index, source) in scenario.plan.sources.enumerated() where source.archive {
            let count = archived["_events/\(source.name)"] ?? 0
            guard count == applied[index].count else {
                return "the archive of \(source.name) has \(count) events in place of \(applied[index].count)"
            }
        }
        let letters = findings.deadLetters.map { line in
            func field(_ name: String) -> Substring {
                guard let start = line.range(of: "\"\(name)\":")?.upperBound else { return "?" }
                return line[start...].prefix { $0 != "," }
            }
            return "\(field("source").dropFirst().dropLast()) \(field("partition")) \(field("offset"))"
        }
        return Difference(of: letters.sorted(), from: deadLetters).map { "dead letters: \($0)" }
    }
}

/// How two sorted lists differ, in a few lines.
struct Difference: CustomStringConvertible {
    let description: String

    /// nil where they are equal.
    init?(of found: [String], from wanted: [String]) {
        guard found != wanted else { return nil }
        func counts(_ lines: [String]) -> [String: Int] { lines.reduce(into: [:]) { $0[$1, default: 0] += 1 } }
        let (all, right) = (counts(found), counts(wanted))
        var lines: [String] = []
        for line in Set(found).union(wanted).sorted() {
            let (has, should) = (all[line] ?? 0, right[line] ?? 0)
            if has != should { lines.append("\(has) in place of \(should): \(line.prefix(600))") }
        }
        description =
            "\(found.count) in place of \(wanted.count)\n    "
            + (lines.isEmpty ? "in another order" : lines.prefix(6).joined(separator: "\n    "))
    }
}
