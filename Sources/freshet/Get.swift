import ArgumentParser
import Engine
import Pipelines
import Records
import Worker

struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print one entity's values as JSON.")

    @Argument(help: "The pipeline file.")
    var pipeline: String

    @Argument(help: "The view.")
    var view: String

    @Argument(help: ArgumentHelp("The entity's fields, in the view's order.", valueName: "key"))
    var key: [String]

    @Option(help: ArgumentHelp("The folder of the worker's state.", valueName: "folder"))
    var state: String

    @Option(help: ArgumentHelp("The instant of the values; by the view's serve_at if not given.", valueName: "time"))
    var at: String?

    func validate() throws {
        if let at, parseTimestamp(at) == nil {
            throw ValidationError("--at \(at): expected an RFC 3339 time such as 2026-01-31T12:00:00Z")
        }
    }

    func run() throws {
        let plan = try loadPlan(pipeline)
        do {
            let values = try StateReader(plan, directory: state).read(view: view, key: key, at: at.flatMap { parseTimestamp($0) })
            standardOutput(values.json(view: plan.views.first { $0.name == view }!, source: plan, key: key))
        } catch {
            throw CommandFailure(error)
        }
    }
}

extension FeatureValues {
    /// `{"view":…,"entity":{…},"at":…,"values":{…}}`; timestamps in RFC 3339.
    func json(view: ViewPlan, source plan: Plan, key: [String]) -> String {
        var bytes: [UInt8] = []
        func text(_ string: String) { JSONText.append(string, to: &bytes) }
        bytes += #"{"view":"#.utf8
        text(view.name)
        bytes += #","entity":{"#.utf8
        for (position, (field, word)) in zip(view.entity, key).enumerated() {
            let field = plan.sources[view.source].fields[field]
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            text(field.name)
            bytes.append(UInt8(ascii: ":"))
            switch field.type {
            case .int64, .bool, .decimal: bytes += word.utf8
            case .string, .timestamp, .double: text(word)
            }
        }
        bytes += #"},"at":"#.utf8
        text(at.rfc3339())
        bytes += #","values":{"#.utf8
        for (position, value) in values.enumerated() {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            text(value.name)
            bytes.append(UInt8(ascii: ":"))
            switch value.value {
            case .null: bytes += "null".utf8
            case .int64(let number): bytes += String(number).utf8
            case .double(let number): bytes += "\(number)".utf8
            case .bool(let flag): bytes += String(flag).utf8
            case .string(let string): text(string)
            case .timestamp(let time): text(time.rfc3339())
            }
        }
        bytes += "}}".utf8
        return String(decoding: bytes, as: UTF8.self)
    }
}
