import Kafka
import Logging
import Pipelines
import Records
import Synchronization
import Worker

/// One demo from the broker's start to the last comparison.
struct DemoRun {
    private static let partitions = 4
    /// The embedded broker is too old to be told not to create topics, and librdkafka warns of it; the topic is there.
    private static let properties = [(name: "allow.auto.create.topics", value: "true")]
    /// How long the worker may make no progress while it catches up.
    private static let patienceSeconds = 30

    private let plan: Plan
    private let source: SourcePlan
    private let fields: [TrafficField]
    private let traffic: CardTraffic
    private let settings: CardTraffic.Settings
    private let folder: DemoFolder

    init(_ plan: Plan, _ settings: CardTraffic.Settings, _ folder: DemoFolder) throws {
        guard plan.sources.count == 1 else {
            throw CommandFailure.wrong(
                "freshet: the demo has traffic for one source, and \(plan.pipeline) has \(plan.sources.count)")
        }
        self.plan = plan
        source = plan.sources[0]
        fields = try TrafficField.of(source)
        var settings = settings
        settings.outOfOrderness = source.outOfOrderness.microseconds / 1_000
        self.settings = settings
        traffic = CardTraffic(settings)
        self.folder = folder
    }

    func go(seconds: Int, rate: Int) throws {
        let cluster = try MockCluster(brokers: 1)
        // It goes with the process: the thread that waits for signals keeps the worker, whose consumer would miss it.
        unsafe _ = Unmanaged.passRetained(cluster)
        try cluster.createTopic(source.topic, partitions: DemoRun.partitions)
        let ledger = TrafficLedger(partitions: DemoRun.partitions, outOfOrderness: source.outOfOrderness)
        let worker = try makeWorker(brokers: cluster.bootstrapServers)
        Signals.stop(worker)
        let running = RunningWorker(worker)
        let producer = TrafficProducer(ledger: ledger)
        let screen = DemoScreen(plan, fields, traffic, worker, ledger, seconds: seconds, daysPerSecond: daysPerSecond(rate))
        let started = Clock.monotonic()
        let cpu = Clock.processCPU()
        do {
            try producer.start(
                traffic, brokers: cluster.bootstrapServers, topic: source.topic, partitions: DemoRun.partitions, rate: rate,
                status: worker.status)
            while Clock.monotonic() - started < Int64(seconds) * 1_000_000 && !running.isOver && !producer.hasFailed {
                Pause.milliseconds(50)
                screen.refresh(elapsed: Clock.monotonic() - started)
            }
            try producer.stop()
            try catchUp(ledger, running, screen, started)
        } catch {
            try? producer.stop()
            worker.stop()
            // What stopped the worker first is the better reason.
            _ = try running.result()
            throw error
        }
        let wall = Clock.monotonic() - started
        let cpuUsed = Clock.processCPU() - cpu
        screen.end()

        var check = DemoCheck(plan, fields: fields, ledger)
        try check.checkOnline(seed: settings.seed, stored: false) { try worker.read(view: $0, key: $1, at: $2) }
        worker.stop()
        let summary = try running.result()
        let reader = try StateReader(plan, directory: folder.state)
        try check.checkOnline(seed: settings.seed &+ 1, stored: true) { try reader.read(view: $0, key: $1, at: $2) }
        try check.checkRows(folder, counted: Dictionary(uniqueKeysWithValues: summary.views.map { ($0.name, $0.rows) }))
        try check.checkRejections(folder, summary, watermark: worker.status.figures.watermark)
        report(check.score, summary, ledger, wall: wall, cpu: cpuUsed)
        if check.score.differences > 0 {
            throw CommandFailure(
                message: "freshet: \(check.score.differences) differences between the run and its recount",
                status: CommandFailure.worldFailed)
        }
    }

    private func daysPerSecond(_ rate: Int) -> Double { Double(rate) / Double(settings.eventsPerDay) }

    private func makeWorker(brokers: String) throws -> Worker {
        var options = WorkerOptions(input: .brokers(brokers, properties: DemoRun.properties), isBounded: false)
        options.stateDirectory = folder.state
        options.logDirectory = folder.log
        options.threads = processorCount()
        var logger = Logger(label: "freshet", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        return try Worker(plan, options, log: logger)
    }

    /// Waits until the worker has read all that was produced.
    private func catchUp(_ ledger: TrafficLedger, _ running: RunningWorker, _ screen: DemoScreen, _ started: Int64) throws {
        var records: UInt64 = 0
        var progressAt = Clock.monotonic()
        while true {
            if running.isOver { throw CommandFailure(message: "freshet: interrupted", status: CommandFailure.worldFailed) }
            let now = Clock.monotonic()
            let read = running.worker.status.figures.records
            if read >= UInt64(ledger.produced) { return }
            if read > records { (records, progressAt) = (read, now) }
            guard now - progressAt < Int64(DemoRun.patienceSeconds) * 1_000_000 else {
                throw CommandFailure(
                    message: "freshet: the worker stands still at \(read) of \(ledger.produced) records",
                    status: CommandFailure.worldFailed)
            }
            Pause.milliseconds(10)
            screen.refresh(elapsed: now - started)
        }
    }

    private func report(_ score: DemoCheck.Score, _ summary: RunSummary, _ ledger: TrafficLedger, wall: Int64, cpu: Int64) {
        let produced = ledger.produced
        let seconds = Double(wall) / 1e6
        let perMillion = Double(cpu) / Double(max(1, produced))
        var lines = [
            "",
            "\(produced) events produced and read in \(fixed(seconds, 1)) s: \(Int(Double(produced) / seconds)) events/s,"
                + " \(fixed(perMillion, 2)) CPU seconds per million, broker and traffic included",
            summary.text,
        ]
        if folder.isKept { lines.append("kept: \(folder.state) \(folder.log)") }
        lines += [
            "recounted from the produced events, each value compared bit for bit:",
            "  online reads      \(score.onlineValues) values; \(score.storedValues) more from the state folder after the stop",
            "  rows of the log   \(score.rows) read back, all placed; of \(score.rowsRecounted) all \(score.rowValues) values",
            "  dead letters      \(score.deadLetters)",
        ]
        lines += score.notes.map { "  \($0)" }
        lines += score.shown.map { "  different: \($0)" }
        lines.append("\(score.comparisons) comparisons, \(score.differences) differences")
        standardOutput(lines.joined(separator: "\n"))
    }
}

/// A worker on a thread of its own.
final class RunningWorker: Sendable {
    let worker: Worker
    private let outcome = Mutex<Result<RunSummary, any Error>?>(nil)
    private let thread = Mutex<WorkThread?>(nil)

    init(_ worker: Worker) {
        self.worker = worker
        let running = WorkThread { [self] in
            let result = Result { try worker.run() }
            outcome.withLock { $0 = result }
        }
        thread.withLock { $0 = running }
    }

    var isOver: Bool { outcome.withLock { $0 != nil } }

    /// Waits for the run's end.
    func result() throws -> RunSummary {
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }?.join()
        return try outcome.withLock { $0! }.get()
    }
}
