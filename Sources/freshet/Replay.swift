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
        try checkTimes(from: from, to: to)
    }

    func run() throws {
        Signals.block()
        let plan = try loadPlan(pipeline)
        do {
            var options = try inputs.workerOptions(plan, isBounded: true)
            options.stateDirectory = state
            options.logDirectory = log
            options.filter = rowFilter(from: from, to: to)
            let worker = try Worker(plan, options, log: inputs.logger())
            Signals.stop(worker)
            let (summary, wall, cpu) = try timed(worker.status) { try worker.run() }
            standardOutput(summary.text)
            standardError(summary.speed(wall: wall, cpu: cpu))
        } catch {
            throw CommandFailure(error)
        }
    }
}
