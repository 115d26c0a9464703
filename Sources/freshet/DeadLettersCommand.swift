import ArgumentParser
import Glibc
import Logging
import Pipelines
import Records
import Worker

struct DeadLettersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters",
        abstract: "List the records that were set aside, and feed them through again once the pipeline is mended.",
        discussion: """
            The letters lie in the log folder (--log), or in a topic (--brokers, --dead-letters). With --state the list says which \
            were fed through again. --retry does that, on the state of a worker that is stopped: a record that the pipeline now \
            takes is applied as a late event at its old place, rows that count it are written again, and it is never applied twice.
            """)

    @Argument(help: "The pipeline file.")
    var pipeline: String

    @Option(
        help: ArgumentHelp(
            "The folder of the offline log, where the letters lie unless they are in a topic.", valueName: "folder"))
    var log: String?

    @Option(help: ArgumentHelp("The folder of the worker's state.", valueName: "folder"))
    var state: String?

    @Option(help: ArgumentHelp("Kafka brokers of the topic with the letters.", valueName: "host:port,…"))
    var brokers: String?

    @Option(help: ArgumentHelp("The topic with the letters.", valueName: "topic"))
    var deadLetters: String?

    @Option(
        name: [.customShort("X"), .customLong("property")],
        help: ArgumentHelp("A librdkafka property. May be repeated.", valueName: "name=value"))
    var property: [String] = []

    @Option(help: ArgumentHelp("Only letters of this source.", valueName: "name"))
    var source: String?

    @Option(help: ArgumentHelp("Only letters of this reason.", valueName: "reason"))
    var reason: String?

    @Option(help: ArgumentHelp("Print so many of the letters themselves.", valueName: "count"))
    var limit: Int?

    @Flag(help: "Print the letters as JSON, one a line, in place of the table: all, unless --limit is given.")
    var json = false

    @Flag(help: "Feed the letters through again.")
    var retry = false

    @Option(help: ArgumentHelp("With --retry: keyed state to hold in memory, such as 256MiB.", valueName: "size"))
    var memory: String = "1GiB"

    @Option(help: ArgumentHelp("With --retry: time between commits.", valueName: "duration"))
    var commitInterval: String = "1s"

    @Option(help: ArgumentHelp("With --retry: threads that own shards; one per core if not given.", valueName: "count"))
    var threads: Int?

    @Option(help: ArgumentHelp("How much to log: debug, info, notice, warning, error.", valueName: "level"))
    var logLevel: String = "info"

    func validate() throws {
        if (brokers == nil) != (deadLetters == nil) { throw ValidationError("--brokers and --dead-letters go together") }
        if log == nil && brokers == nil { throw ValidationError("name --log, or --brokers and --dead-letters") }
        if retry && (state == nil || log == nil) {
            throw ValidationError("--retry goes on from the worker's --state and writes to its --log")
        }
        if retry && (json || limit != nil) { throw ValidationError("--retry prints what came of it, not letters") }
        if let reason, RejectionReason(rawValue: reason) == nil {
            let known = RejectionReason.allCases.map(\.rawValue)
            let nearest = nearestName(to: reason, among: known).map { "; did you mean \($0)?" } ?? ""
            throw ValidationError("--reason \(reason): expected one of \(known.joined(separator: ", "))\(nearest)")
        }
        if let limit, limit < 0 { throw ValidationError("--limit is a count") }
        try WorkerFlags.check(memory: memory, commitInterval: commitInterval, threads: threads, logLevel: logLevel)
        try WorkerFlags.check(pairs: property)
    }

    func run() throws {
        Signals.block()
        let plan = try loadPlan(pipeline)
        if let source, !plan.sources.contains(where: { $0.name == source }) {
            let names = plan.sources.map(\.name)
            let nearest = nearestName(to: source, among: names).map { "; did you mean \($0)?" } ?? ""
            throw CommandFailure.wrong(
                "freshet: --source \(source): the pipeline has the sources \(names.joined(separator: ", "))\(nearest)")
        }
        let filter = LetterFilter(source: source, reason: reason.flatMap(RejectionReason.init(rawValue:)))
        let properties = WorkerFlags.pairs(property)
        let letters: LetterSource =
            brokers.map { .topic(deadLetters!, brokers: $0, properties: properties) } ?? .log(log!)
        do {
            if let state {
                // Opening would make one.
                guard unsafe access(state, F_OK) == 0 else {
                    throw CommandFailure.wrong("freshet: there is no state in \(state)")
                }
            }
            if retry { try feed(letters, filter, plan) } else { try list(letters, filter) }
        } catch {
            throw CommandFailure(error)
        }
    }

    // MARK: - The list

    private func list(_ letters: LetterSource, _ filter: LetterFilter) throws {
        var left = limit ?? (json ? .max : 0)
        var shown: [String] = []
        let list = try LetterList(letters, filter: filter, state: state) { entry in
            guard left > 0 else { return false }
            left -= 1
            if json { standardOutput(entry.json) } else { shown.append(entry.text) }
            return true
        }
        if !json {
            standardOutput(list.table(knowsFed: state != nil))
            for text in shown { standardOutput("\n\(text)") }
        }
        if list.unreadable > 0 { standardError("freshet: \(list.unreadable) lines or messages are no dead letters") }
    }

    // MARK: - Feeding

    private func feed(_ letters: LetterSource, _ filter: LetterFilter, _ plan: Plan) throws {
        var options = WorkerOptions(
            input: brokers.map { .brokers($0, properties: WorkerFlags.pairs(property)) } ?? .files([:]), isBounded: true)
        options.stateDirectory = state
        options.logDirectory = log
        options.memory = parseBytes(memory)!
        options.commitInterval = TimeSpan(parsing: commitInterval)!
        options.threads = threads ?? processorCount()
        let feed = LetterFeed(letters, filter: filter)
        options.letters = feed
        let worker = try Worker(plan, options, log: WorkerFlags.logger(logLevel))
        Signals.stop(worker)
        let summary = try worker.run()
        standardOutput(feed.outcome.text)
        standardError(summary.text)
    }
}

extension LetterList {
    func table(knowsFed: Bool) -> String {
        guard !groups.isEmpty else { return "no dead letters" }
        var rows = [["source", "reason", "error", "letters"] + (knowsFed ? ["fed"] : []) + ["first", "last"]]
        for group in groups {
            rows.append(
                [group.kind.source, group.kind.reason, group.kind.error, "\(group.count)"] + (knowsFed ? ["\(group.fed)"] : [])
                    + [group.first, group.last].map { "\($0.place)\($0.at.map { " \($0.rfc3339())" } ?? "")" })
        }
        return aligned(rows, indent: 0).joined(separator: "\n")
    }
}

extension LetterList.Entry {
    var text: String {
        let at = letter.timestamp.map { " at \($0.rfc3339())" } ?? ""
        var lines = ["\(letter.source) \(letter.partition):\(letter.offset)\(at): \(letter.reason): \(letter.error)"]
        if let fedAt { lines.append("  fed \(fedAt.rfc3339())") }
        for header in letter.headers {
            lines.append(
                "  header \(header.name): \(shown(header.value, header.value.flatMap { String(validating: $0, as: UTF8.self) }))")
        }
        if letter.key != nil { lines.append("  key \(shown(letter.key, letter.keyText))") }
        lines.append("  value \(shown(letter.value, letter.valueText))")
        return lines.joined(separator: "\n")
    }

    /// Control characters would play with the terminal.
    private func shown(_ bytes: [UInt8]?, _ text: String?) -> String {
        guard let bytes else { return "null" }
        if let text, !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) { return text }
        return "\(bytes.count) bytes: " + bytes.prefix(64).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            + (bytes.count > 64 ? "…" : "")
    }
}

extension LetterFeed.Outcome {
    var text: String {
        var lines = ["\(fed) letters fed"]
        if known > 0 { lines.append("\(known) are of records that were read again since, and applied") }
        if fedBefore > 0 { lines.append("\(fedBefore) were fed before") }
        for reason in RejectionReason.allCases {
            if let count = kept[reason] { lines.append("\(count) are dead letters still: \(reason.rawValue)") }
        }
        if ahead > 0 { lines.append("\(ahead) are of records that the worker has yet to read, and were left to it") }
        if unknown > 0 { lines.append("\(unknown) are of sources that the pipeline does not have") }
        if unreadable > 0 { lines.append("\(unreadable) lines or messages are no dead letters") }
        return lines.joined(separator: "\n")
    }
}
