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

    @OptionGroup var inputs: InputOptions

    func run() throws {
        Signals.block()
        let plan = try loadPlan(pipeline)
        do {
            var options = try inputs.workerOptions(plan, isBounded: false)
            options.stateDirectory = state
            options.logDirectory = log
            let worker = try Worker(plan, options, log: inputs.logger())
            Signals.stop(worker)
            standardError(try worker.run().text)
        } catch {
            throw CommandFailure(error)
        }
    }
}
