import Foundation
import Pipelines

/// What each stage of an event's way costs in CPU time: FreshetBenchmarks PIPELINE
///
/// The pipeline's first view is taken, in `arrival` mode. See benchmarks/README.md.
@main
struct Benchmarks {
    static func main() throws {
        guard CommandLine.arguments.count == 2 else {
            print("usage: FreshetBenchmarks PIPELINE")
            exit(64)
        }
        let path = CommandLine.arguments[1]
        let plan = try Plan(parsing: String(contentsOfFile: path, encoding: .utf8), file: path)

        let traffic = Traffic(events: 400_000)
        let stages = Stages(traffic, plan)
        let measured = try leastOf(rounds: 5, events: traffic.lines.count) {
            try inTemporaryFolder { try stages.round(folder: $0) }
        }
        printTable(
            "\(traffic.lines.count) events of \(Traffic.customers) customers, one shard, one thread, least of 5 rounds",
            measured + [Measurement(name: "sum", nanoseconds: measured.reduce(0) { $0 + $1.nanoseconds })])

        let lengths = LogLengths(plan)
        let events = 1 << 17
        var byLength: [Measurement] = []
        for length in [8, 64, 512, 4096, 32768] {
            byLength += leastOf(rounds: 3, events: events) { lengths.round(length: length, events: events) }
        }
        printTable("\(events) events of one entity, least of 3 rounds", byLength)
    }

    /// Lends an empty folder to `body` and removes it.
    private static func inTemporaryFolder<R>(_ body: (String) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory.appending(path: "freshet-benchmarks-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder.path)
    }
}
