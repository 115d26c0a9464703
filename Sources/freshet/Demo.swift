import ArgumentParser
import Glibc
import Pipelines
import Records
import Worker

struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "All of it in one process: an embedded broker, made-up card traffic, the worker, a live table, and a recount of it all.",
        discussion: """
            45 days of card payments go by in the time given. A few stolen cards are watched: the table shows their values move \
            as the thief goes shopping half-way. In the end the online values and the rows of the offline log are recounted from \
            the events that were produced; the exit status is 0 only if there is no difference.
            """)

    @Option(help: ArgumentHelp("The pipeline file, over a source with the fields of the demo's traffic.", valueName: "file"))
    var pipeline: String = "pipelines/card_fraud.yaml"

    @Option(help: ArgumentHelp("How long to produce.", valueName: "n"))
    var seconds: Int = 60

    @Option(help: ArgumentHelp("Makes the traffic another one; the same seed, the same traffic.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("Events a second.", valueName: "n"))
    var rate: Int = 20_000

    @Option(help: ArgumentHelp("Keep state and log under this folder, a new one.", valueName: "folder"))
    var keep: String?

    @Option(help: ArgumentHelp("Only write the traffic as JSON lines to this file, `-` for standard output.", valueName: "file"))
    var write: String?

    @Option(help: ArgumentHelp("With --write: how many events, over 45 days.", valueName: "n"))
    var events: Int?

    func validate() throws {
        guard (1...3_600).contains(seconds) else { throw ValidationError("--seconds is 1 to 3600") }
        guard (100...200_000).contains(rate) else { throw ValidationError("--rate is 100 to 200000") }
        if (write == nil) != (events == nil) { throw ValidationError("--write and --events go together") }
        if let events, !(1...1_000_000_000).contains(events) { throw ValidationError("--events is 1 to 1000000000") }
    }

    func run() throws {
        Signals.block()
        do {
            if let write, let events {
                try TrafficFile.write(CardTraffic(Demo.settings(seed: seed, events: events)), events: events, to: write)
                return
            }
            guard unsafe access(pipeline, R_OK) == 0 else {
                throw CommandFailure.wrong(
                    "freshet: cannot read \(pipeline): \(unsafe String(cString: strerror(errno))); name a pipeline file with --pipeline"
                )
            }
            let plan = try loadPlan(pipeline)
            let folder = try DemoFolder(keep: keep)
            defer { folder.remove() }
            let run = try DemoRun(plan, Demo.settings(seed: seed, events: seconds * rate), folder)
            try run.go(seconds: seconds, rate: rate)
        } catch {
            throw CommandFailure(error)
        }
    }

    /// 45 days whatever the number of events, so that windows of 30 days fill up; it is the customers that are more or fewer.
    private static let days = 45

    private static func settings(seed: UInt64, events: Int) -> CardTraffic.Settings {
        var settings = CardTraffic.Settings()
        settings.seed = seed
        settings.eventsPerDay = max(1, events / days)
        return settings
    }
}
