import ArgumentParser
import Store

/// The command line. Logs go to standard error, results to standard output. Exit status: 0 done, 1 the pipeline or the input
/// is wrong, 2 the world failed, 64 wrong usage.
@main
struct Freshet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freshet",
        abstract: "Exact sliding-window features over event streams: live, replayed and joined by one function.",
        version: freshetVersion,
        subcommands: [
            Check.self, PlanCommand.self, Run.self, Replay.self, JoinCommand.self, Get.self, DeadLettersCommand.self, Verify.self,
            Demo.self,
        ])

    static func main() {
        StateStore.returnMemoryEagerly()
        do {
            var command = try parseAsRoot(Environment.arguments(Array(CommandLine.arguments.dropFirst()), Environment.value))
            try command.run()
        } catch let failure as CommandFailure {
            standardError(failure.message)
            leave(failure.status)
        } catch {
            exit(withError: error)
        }
    }
}

let freshetVersion = "0.1.0"
