import ArgumentParser
import Worker

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the worker until SIGTERM: it then drains, commits and exits with 0.")

    @Argument(help: "The pipeline file.")
    var pipeline: String

    @Option(help: ArgumentHelp("The folder of the worker's state.", valueName: "folder"))
    var state: String

    @Option(help: ArgumentHelp("The folder of the offline log.", valueName: "folder"))
    var log: String

    @Option(
        help: ArgumentHelp(
            "Also produce every row to this topic as JSON, keyed by entity, in transactions: exactly once for readers with read_committed.",
            valueName: "topic"))
    var emit: String?

    @OptionGroup var inputs: InputOptions

    func validate() throws {
        if emit != nil && inputs.brokers == nil { throw ValidationError("--emit is a topic: it needs --brokers") }
    }

    func run() throws {
        Signals.block()
        let plan = try loadPlan(pipeline)
        do {
            var options = try inputs.workerOptions(plan, isBounded: false)
            options.stateDirectory = state
            options.logDirectory = log
            options.emitTopic = emit
            let worker = try Worker(plan, options, log: inputs.logger())
            Signals.stop(worker)
            standardError(try worker.run().text)
        } catch {
            throw CommandFailure(error)
        }
    }
}
