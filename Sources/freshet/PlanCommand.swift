import ArgumentParser
import Pipelines
import Worker

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Say what a changed pipeline needs: nothing, or a backfill; for each source, view and value.",
        discussion: """
            freshet plan OLD NEW compares two pipeline files; freshet plan NEW --state DIR compares a file with what a worker's \
            state keeps. Exit status: 0 if the new pipeline can go on from the state of the old one, 1 if it cannot.
            """)

    @Argument(help: ArgumentHelp("The old pipeline file, unless --state is given, and the new one.", valueName: "pipeline"))
    var pipelines: [String]

    @Option(help: ArgumentHelp("The folder of a worker's state, in place of the old file.", valueName: "folder"))
    var state: String?

    func validate() throws {
        let count = state == nil ? 2 : 1
        guard pipelines.count == count else {
            throw ValidationError("expected OLD and NEW, or NEW and --state")
        }
    }

    func run() throws {
        do {
            let change: PlanChange
            if let state {
                change = try StateReader.change(of: state, to: try loadPlan(pipelines[0]))
            } else {
                // What is wrong with either file is said of both.
                let plans = pipelines.map { path in Result { try loadPlan(path) } }
                let failures = plans.compactMap { plan -> CommandFailure? in
                    if case .failure(let error) = plan { CommandFailure(error) } else { nil }
                }
                guard failures.isEmpty else {
                    throw CommandFailure.wrong(failures.map(\.message).joined(separator: "\n"))
                }
                change = PlanChange(from: KeptPlan(try plans[0].get()), to: try plans[1].get())
            }
            standardOutput(change.report)
            if !change.fits { leave(CommandFailure.inputIsWrong) }
        } catch {
            throw CommandFailure(error)
        }
    }
}
