import ArgumentParser
import Records
import Worker

struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run topics or files from start to end through the same engine, then exit.")

    @Argument(help: "The pipeline file.")
    var pipeline: String

    @Option(help: ArgumentHelp("The folder of the offline log.", valueName: "folder"))
    var log: String?

    @Flag(help: "Evaluate every row and write none; print their number and a checksum of their values.")
    var discard = false

    @Option(help: ArgumentHelp("Keep the state in this folder, to go on from.", valueName: "folder"))
    var state: String?

    @Option(help: ArgumentHelp("Rows from this event time on; reading begins where they need it.", valueName: "time"))
    var from: String?

    @Option(help: ArgumentHelp("Rows before this event time; reading ends once no more can come.", valueName: "time"))
    var to: String?

    @OptionGroup var inputs: InputOptions

    func validate() throws {
        if (log == nil) != discard { throw ValidationError("name either --log or --discard") }
        for (flag, text) in [("--from", from), ("--to", to)] {
            if let text, parseTimestamp(text) == nil {
                throw ValidationError("\(flag) \(text): expected an RFC 3339 time such as 2026-01-31T12:00:00Z")
            }
        }
    }

    func run() throws {
        Signals.block()
        let plan = try loadPlan(pipeline)
        do {
            var options = try inputs.workerOptions(plan, isBounded: true)
            options.stateDirectory = state
            options.logDirectory = log
            if from != nil || to != nil {
                options.filter = RowFilter(
                    from: from.flatMap { parseTimestamp($0) } ?? .distantPast,
                    to: to.flatMap { parseTimestamp($0) } ?? .distantFuture)
            }
            let worker = try Worker(plan, options, log: inputs.logger())
            Signals.stop(worker)
            let progress = Progress(worker.status)
            let started = Clock.monotonic()
            let cpu = Clock.processCPU()
            let summary = try worker.run()
            progress.stop()
            standardOutput(summary.text)
            standardError(summary.speed(wall: Clock.monotonic() - started, cpu: Clock.processCPU() - cpu))
        } catch {
            throw CommandFailure(error)
        }
    }
}
