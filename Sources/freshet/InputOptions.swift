import ArgumentParser
import Logging
import Pipelines
import Records
import Worker

/// The flags of all commands that read events.
struct InputOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Kafka brokers to read the sources' topics from.", valueName: "host:port,…"))
    var brokers: String?

    @Option(
        help: ArgumentHelp(
            "Read a source from a file: JSON lines, `.zst` for zstd-compressed ones, `-` for standard input. May be repeated.",
            valueName: "source=file"))
    var input: [String] = []

    @Option(
        name: [.customShort("X"), .customLong("property")],
        help: ArgumentHelp("A librdkafka property. May be repeated.", valueName: "name=value"))
    var property: [String] = []

    @Option(help: ArgumentHelp("Keyed state to hold in memory, such as 256MiB; colder entities live on disk.", valueName: "size"))
    var memory: String = "1GiB"

    @Option(help: ArgumentHelp("Time between commits.", valueName: "duration"))
    var commitInterval: String = "1s"

    @Option(
        help: ArgumentHelp(
            "Send records that are bad or late to this topic; without it they go to files under the log folder.",
            valueName: "topic"))
    var deadLetters: String?

    @Option(
        help: ArgumentHelp(
            "Where a topic no longer holds what comes next: stop, or go on with the earliest that it holds.",
            valueName: "stop|earliest"))
    var onLostOffsets: String = "stop"

    @Option(help: ArgumentHelp("Threads that own shards; one per core if not given.", valueName: "count"))
    var threads: Int?

    @Option(help: ArgumentHelp("How much to log: debug, info, notice, warning, error.", valueName: "level"))
    var logLevel: String = "info"

    func validate() throws {
        if brokers == nil && input.isEmpty { throw ValidationError("name --brokers, or --input for every source") }
        if brokers != nil && !input.isEmpty { throw ValidationError("--brokers and --input exclude each other") }
        if brokers == nil && deadLetters != nil { throw ValidationError("--dead-letters is a topic: it needs --brokers") }
        guard WorkerOptions.LostOffsets(rawValue: onLostOffsets) != nil else {
            throw ValidationError("--on-lost-offsets \(onLostOffsets): expected stop or earliest")
        }
        try WorkerFlags.check(memory: memory, commitInterval: commitInterval, threads: threads, logLevel: logLevel)
        try WorkerFlags.check(pairs: input + property)
    }

    /// Requires: `validate` passed.
    func workerOptions(_ plan: Plan, isBounded: Bool) throws -> WorkerOptions {
        var options: WorkerOptions
        if let brokers {
            options = WorkerOptions(input: .brokers(brokers, properties: WorkerFlags.pairs(property)), isBounded: isBounded)
        } else {
            var files: [String: String] = [:]
            for (name, path) in WorkerFlags.pairs(input) {
                guard plan.sources.contains(where: { $0.name == name }) else {
                    let names = plan.sources.map(\.name).joined(separator: ", ")
                    throw CommandFailure.wrong(
                        "freshet: --input \(name)=\(path): the pipeline has no source \(name); it has \(names)")
                }
                guard files.updateValue(path, forKey: name) == nil else {
                    throw CommandFailure.wrong("freshet: --input names source \(name) twice")
                }
            }
            for source in plan.sources
            where files[source.name] == nil && plan.views.contains(where: { plan.sources[$0.source].name == source.name }) {
                throw CommandFailure.wrong("freshet: no --input for source \(source.name)")
            }
            options = WorkerOptions(input: .files(files), isBounded: isBounded)
        }
        options.memory = parseBytes(memory)!
        options.commitInterval = TimeSpan(parsing: commitInterval)!
        options.deadLetterTopic = deadLetters
        options.onLostOffsets = WorkerOptions.LostOffsets(rawValue: onLostOffsets)!
        options.threads = threads ?? processorCount()
        return options
    }

    func logger() -> Logger { WorkerFlags.logger(logLevel) }
}

/// Of `--from` and `--to`, which several commands have.
func checkTimes(from: String?, to: String?) throws {
    for (flag, text) in [("--from", from), ("--to", to)] {
        if let text, parseTimestamp(text) == nil {
            throw ValidationError("\(flag) \(text): expected an RFC 3339 time such as 2026-01-31T12:00:00Z")
        }
    }
}

/// Requires: `checkTimes` passed.
func rowFilter(from: String?, to: String?) -> RowFilter? {
    if from == nil && to == nil { return nil }
    return RowFilter(
        from: from.flatMap { parseTimestamp($0) } ?? .distantPast, to: to.flatMap { parseTimestamp($0) } ?? .distantFuture)
}

/// `1024`, `64KiB`, `256MiB`, `2GiB`, also with `KB MB GB` in powers of ten; nil for anything else.
func parseBytes(_ text: String) -> Int? {
    let units = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("KB", 1000), ("MB", 1_000_000),
        ("GB", 1_000_000_000), ("B", 1),
    ]
    for (suffix, factor) in units where text.hasSuffix(suffix) {
        guard let number = Int(text.dropLast(suffix.count)), number > 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : bytes
    }
    return Int(text).flatMap { $0 > 0 ? $0 : nil }
}
