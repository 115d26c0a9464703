import ArgumentParser
import Foundation
import Pipelines

/// The parts of the engine by themselves, on one thread, over seeded data; `benchmarks/bench.py` runs them and makes tables.
@main
struct Benchmarks: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "FreshetBenchmarks", abstract: "What each part costs. One JSON object a line on standard output.",
        subcommands: [Generate.self, StagesCommand.self, LogsCommand.self, EntitiesCommand.self, MemoryCommand.self])
}

extension ParsableCommand {
    func plan(_ path: String) throws -> Plan { try Plan(parsing: String(contentsOfFile: path, encoding: .utf8), file: path) }

    /// Lends an empty folder to `body` and removes it.
    func inTemporaryFolder<R>(_ body: (String) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory.appending(path: "freshet-benchmarks-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder.path)
    }
}

struct ShapeOptions: ParsableArguments {
    @Option var events = 400_000
    @Option var customers = 5_000
    @Option(help: "What all events together span.") var days = 183.0
    @Option(help: "How unevenly events spread over customers; 0 is evenly.") var zipf = 0.0
    @Option(help: "Events arrive up to so many milliseconds after their time.") var disorder: Int64 = 0
    @Option var seed: UInt64 = 1

    var shape: TrafficShape {
        var shape = TrafficShape()
        shape.events = events
        shape.customers = customers
        shape.days = days
        shape.zipf = zipf
        shape.disorder = disorder
        shape.seed = seed
        return shape
    }
}

struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Writes card transactions as JSON lines.")
    @Argument var file: String
    @OptionGroup var options: ShapeOptions

    func run() throws {
        guard let file = unsafe fopen(file, "w") else { throw ValidationError("cannot write \(file)") }
        var bytes: [UInt8] = []
        var isWritten = true
        func flush() {
            let written = unsafe bytes.withUnsafeBytes { unsafe fwrite($0.baseAddress, 1, $0.count, file) }
            if written < bytes.count { isWritten = false }
            bytes.removeAll(keepingCapacity: true)
        }
        for transaction in Traffic(options.shape) {
            transaction.append(to: &bytes)
            if bytes.count > 1 << 20 { flush() }
        }
        flush()
        if unsafe fclose(file) != 0 || !isWritten { throw ValidationError("cannot write \(self.file) to its end") }
    }
}

struct StagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stages", abstract: "Every stage of an event's way through one shard, and of its way back from the store.")
    @Argument var pipeline: String
    @OptionGroup var options: ShapeOptions
    @Option var rounds = 5

    func run() throws {
        let stages = Stages(JSONLines(options.shape), try plan(pipeline))
        report(try leastOf(rounds: rounds) { try inTemporaryFolder { try stages.round(folder: $0) } })
    }
}

struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "One entity's log by the number of events in its longest window: insert, evaluate, seal.")
    @Argument var pipeline: String
    @Option(parsing: .upToNextOption) var lengths = [8, 64, 512, 4096, 32_768]
    @Option var events = 1 << 17
    @Option(help: "Events arrive up to so many milliseconds after their time.") var disorder: Int64 = 0
    @Option var rounds = 3

    func run() throws {
        let logs = Logs(try plan(pipeline))
        for length in lengths {
            report(leastOf(rounds: rounds) { logs.round(length: length, events: events, disorder: disorder) })
        }
        if disorder == 0 { report(leastOf(rounds: rounds) { logs.seal(logs: max(1, events / 64)) }) }
    }
}

struct EntitiesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "entities", abstract: "Locate, insert and evaluate in a shard of many entities with so many events each.")
    @Argument var pipeline: String
    @Option var entities = 1_000_000
    @Option(help: "Events of an entity in the longest window, on average.") var each = 8
    @Option(help: "Events that are measured, after the windows have filled.") var events = 1_000_000
    @Option(help: "Events arrive up to so many milliseconds after their time.") var disorder: Int64 = 0

    func run() throws {
        let many = ManyEntities(try plan(pipeline), entities: entities, each: each, disorder: disorder)
        report(many.measure(events: events).stages)
    }
}

struct MemoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory", abstract: "Bytes that an entity takes, by its events: in memory and in the store.")
    @Argument var pipeline: String
    @Option var entities: Int
    @Option(help: "Events of every entity.") var each: Int

    func run() throws {
        let plan = try plan(pipeline)
        EntityMemory(plan, entities: entities, each: each).measure()
    }
}
