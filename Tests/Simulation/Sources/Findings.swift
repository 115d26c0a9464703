internal import CWorld
internal import Engine
internal import Foundation
internal import Parquet
internal import Pipelines
internal import Records
internal import Worker

/// What a worker left behind, as text that can be compared.
struct Findings: Codable, Equatable {
    /// A line per row of a view or event of an archive, sorted; without what depends on the clock.
    var rows: [String] = []
    var deadLetters: [String] = []
    var online: [String] = []
    var state: [String] = []

    init() {}

    /// As the other, by a process of its own: one that has had a database open has threads that a life, forked from it, would miss.
    ///
    /// - Parameter file: a path for what it finds.
    static func look(_ scenario: Scenario, root: String, file: String) throws -> Findings {
        let process = world_fork()
        if process == 0 {
            do {
                let data = try JSONEncoder().encode(Findings(scenario, root: root))
                try data.write(to: URL(fileURLWithPath: file))
            } catch { try? Data("\(error)".utf8).write(to: URL(fileURLWithPath: file)) }
            world_exit(0)
        }
        let status = world_wait(process, 60)
        let data = FileManager.default.contents(atPath: file) ?? Data()
        guard status == 0, let findings = try? JSONDecoder().decode(Findings.self, from: data) else {
            throw Seed.Failure(text: "what was left cannot be read (\(status)): \(String(decoding: data, as: UTF8.self))")
        }
        return findings
    }

    /// Requires: no worker is running.
    private init(_ scenario: Scenario, root: String) throws {
        rows = try Findings.rows(scenario.plan, under: "\(root)/log")
        deadLetters = Findings.lines("\(root)/log/_dead_letters/dead_letters.jsonl")
        guard scenario.hasState else { return }
        online = try Findings.online(scenario, root: root)
        state = try StateForm(scenario, directory: Scenario.stateFolder(in: root)).lines
    }

    private static func lines(_ path: String) -> [String] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init).sorted()
    }

    // MARK: - Rows

    /// A row as a reader of the log sees it.
    struct Row {
        /// Without what only the changed pipeline has.
        var text: String
        /// That.
        var more: String?
        var created: Int64
        var view: Substring { text.prefix { $0 != " " } }
        /// Of which event it is.
        var place: Substring { text[text.range(of: " partition=")!.lowerBound...] }
    }

    /// The rows that count: of those that late events have corrected, the newest.
    static func rows(_ plan: Plan, under log: String) throws -> [String] {
        let corrected = Set(plan.views.filter(\.isCorrected).map(\.name))
        var newest: [String: Row] = [:]
        var rows: [String] = []
        for row in try self.rows(under: log) {
            guard corrected.contains(String(row.view)) else {
                rows.append(row.text)
                continue
            }
            let place = "\(row.view)\(row.place)"
            if let other = newest[place], other.created > row.created { continue }
            newest[place] = row
        }
        return (rows + newest.values.map(\.text)).sorted()
    }

    /// Every row.
    static func rows(under log: String) throws -> [Row] {
        var rows: [Row] = []
        let names = FileManager.default.enumerator(atPath: log)?.compactMap { $0 as? String } ?? []
        for name in names.sorted() where name.hasSuffix(".parquet") {
            let parts = name.split(separator: "/")
            guard !parts.contains(where: { $0.hasPrefix(".") }) else { continue }
            let view = parts.prefix { !$0.hasPrefix("dt=") }.joined(separator: "/")
            rows += try self.rows(of: "\(log)/\(name)", view: view)
        }
        return rows
    }

    private static func rows(of path: String, view: String) throws -> [Row] {
        let table = try TableReader(path: path)
        let created = table.columns.firstIndex { $0.name == "created" }
        let more = table.columns.firstIndex { $0.name == "more_10s" }
        var scan = try table.scan(Array(table.columns.indices))
        var rows: [Row] = []
        while case let count = try scan.next(rowsMax: 4_096), count > 0 {
            for row in 0..<count {
                var text = view
                for position in table.columns.indices where position != created && position != more {
                    text += " \(table.columns[position].name)=\(value(scan.columns[position], row))"
                }
                rows.append(
                    Row(
                        text: text, more: more.map { value(scan.columns[$0], row) },
                        created: created.map { scan.columns[$0].words[row] } ?? 0))
            }
        }
        return rows
    }

    private static func value(_ column: ColumnValues, _ row: Int) -> String {
        if column.isNull(row) { return "null" }
        return column.type == .string ? String(decoding: column.text(row), as: UTF8.self) : "\(column.words[row])"
    }

    // MARK: - Online values

    /// Of entities all over a view, at instants that all windows reach still.
    private static func online(_ scenario: Scenario, root: String) throws -> [String] {
        let reader = try StateReader(scenario.plan, directory: Scenario.stateFolder(in: root))
        let newest = scenario.messages.compactMap(\.event?.time).max() ?? Scenario.start
        var lines: [String] = []
        for view in scenario.plan.views {
            let keys = scenario.keys(of: view)
            for place in stride(from: 0, to: keys.count, by: max(1, keys.count / 40)) {
                let key = keys[place]
                for later: Int64 in [0, 4_000_000, 45_000_000, 400_000_000] {
                    let values = try reader.read(view: view.name, key: key, at: EventTime(microseconds: newest + later))
                    var line = "\(view.name) \(key.joined(separator: "/")) +\(later)"
                    for (name, value) in values.values { line += " \(name)=\(text(value))" }
                    lines.append(line)
                }
            }
        }
        return lines
    }

    private static func text(_ value: FeatureValue) -> String {
        switch value {
        case .null: "null"
        case .int64(let number): String(number)
        case .double(let number): String(number.bitPattern)
        case .bool(let flag): String(flag)
        case .string(let text): text
        case .timestamp(let time): String(time.microseconds)
        }
    }
}

extension ViewPlan {
    /// Whether late events make rows again that are out.
    var isCorrected: Bool { lateReach != nil && snapshots == .final }
}

extension Scenario {
    /// Of every entity that a view may have, and one that it has not.
    func keys(of view: ViewPlan) -> [[String]] {
        var keys: [[String]] = [[]]
        for field in view.entity {
            let values =
                plan.sources[view.source].fields[field].name == "card"
                ? (0...cards).map { "c\($0)" } : (0...shops).map(String.init)
            keys = keys.flatMap { key in values.map { key + [$0] } }
        }
        return keys
    }
}
