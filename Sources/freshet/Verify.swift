import ArgumentParser
import Glibc
import Worker

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read all that a state and a log folder hold, and name every file that is damaged.",
        discussion: """
            Compares every checksum of the state's tables, of the log's segments, of its Parquet files and of the folders' marks, and reads \
            the dead letters. A worker may go on beside it. Exit status: 0 if all is whole, 2 if not.
            """)

    @Option(help: ArgumentHelp("The folder of the worker's state.", valueName: "folder"))
    var state: String?

    @Option(help: ArgumentHelp("The folder of the offline log.", valueName: "folder"))
    var log: String?

    func validate() throws {
        guard state != nil || log != nil else { throw ValidationError("name --state, --log or both") }
    }

    func run() throws {
        let isTerminal = isatty(2) == 1
        let found: Verification
        do {
            found = try Verification(state: state, log: log) { path in
                if isTerminal { Progress.rewrite(path) }
            }
            if isTerminal { Progress.rewrite("") }
        } catch {
            throw CommandFailure(error)
        }
        if let state { standardOutput("\(state): \(found.stateRows) rows") }
        if let log {
            let segments = state == nil ? "" : "\(found.segments) segments, "
            standardOutput(
                "\(log): \(found.parts) Parquet files of \(found.partRows) rows, \(segments)\(found.letters) dead letters")
        }
        guard !found.damages.isEmpty else { return }
        throw CommandFailure(
            message: found.damages.map { "freshet: \($0)" }.joined(separator: "\n"), status: CommandFailure.worldFailed)
    }
}
