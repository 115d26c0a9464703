import ArgumentParser
import Engine
import Records
import Worker

struct JoinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Make a training set: a spine's columns, and the values of its entities as of each row's event_timestamp.")

    @Argument(help: "The pipeline file.")
    var pipeline: String

    @Option(
        help: ArgumentHelp(
            "The spine: .csv, .jsonl (both also .zst) or .parquet, with the entities' columns and event_timestamp.",
            valueName: "file"))
    var spine: String

    @Option(help: ArgumentHelp("The training set: .csv, .jsonl or .parquet.", valueName: "file"))
    var out: String

    @Option(
        help: ArgumentHelp(
            "The values to join: view, view:feature or view:value. Every value of every view if not given.",
            valueName: "view:value,…"))
    var features: String?

    @Flag(help: "Name the columns view__value, not just value.")
    var fullNames = false

    @Option(
        help: ArgumentHelp(
            "Which events a row sees: by their event time (event), or only those that had arrived by their Kafka timestamp (arrival).",
            valueName: "event|arrival"))
    var visible = "event"

    @Option(help: ArgumentHelp("Rows of the spine from this time on.", valueName: "time"))
    var from: String?

    @Option(help: ArgumentHelp("Rows of the spine before this time.", valueName: "time"))
    var to: String?

    @OptionGroup var inputs: InputOptions

    func validate() throws {
        if Visibility(rawValue: visible) == nil { throw ValidationError("--visible \(visible): expected event or arrival") }
        try checkTimes(from: from, to: to)
    }

    func run() throws {
        Signals.block()
        let plan = try loadPlan(pipeline)
        do {
            let picked = features?.split(separator: ",").map { $0.trimmingPrefix { $0 == " " } }.map(String.init)
            let selection = try JoinSelection(plan, features: picked, prefixed: fullNames)
            var options = try inputs.workerOptions(selection.plan, isBounded: true)
            options.filter = rowFilter(from: from, to: to)
            let join = try Join(
                selection, spine: spine, out: out, visibility: Visibility(rawValue: visible)!, options, log: inputs.logger())
            Signals.stop { join.stop() }
            let (summary, wall, cpu) = try timed(join.status) { try join.run() }
            standardOutput(summary.text)
            standardError(summary.run.speed(wall: wall, cpu: cpu))
        } catch {
            throw CommandFailure(error)
        }
    }
}

extension Join.Summary {
    var text: String {
        let sources = run.text.split(separator: "\n").filter { !$0.hasPrefix("view ") }
        return (sources + ["\(rows) rows with \(values) values each"]).joined(separator: "\n")
    }
}
