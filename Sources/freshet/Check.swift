import ArgumentParser
import Pipelines

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a pipeline file and print its plan: sources, views, values and their types.")

    @Argument(help: "The pipeline file.")
    var pipeline: String

    func run() throws {
        standardOutput(try loadPlan(pipeline).report)
    }
}
