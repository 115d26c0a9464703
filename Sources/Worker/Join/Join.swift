public import Engine
internal import Glibc
internal import History
public import Logging
internal import Parquet
internal import Pipelines
internal import Records

/// A training join: the rows of a spine, each with the values of its entities as of its instant, by the function that serves them.
///
/// The spine is read, its rows are sorted by time, on disk where they are many, and asked of the engine while the events pass
/// through; the values are kept by row, on disk where they are many, and written behind the spine's columns in the spine's order.
public final class Join: @unchecked Sendable {
    private let selection: JoinSelection
    private let spine: Spine
    private let out: String
    private let options: WorkerOptions
    private let log: Logger
    private let monitor = Monitor()
    private var worker: Worker?
    private var isStopped = false
    public let status: RunStatus
    private let programs: [ViewProgram]
    private let task: JoinTask

    /// What came of a join.
    public struct Summary: Sendable {
        public var rows: Int
        public var values: Int
        public var run: RunSummary
    }

    public init(
        _ selection: JoinSelection, spine path: String, out: String, visibility: Visibility, _ options: WorkerOptions,
        log: Logger
    ) throws {
        self.selection = selection
        self.out = out
        self.log = log
        let plan = selection.plan
        guard TableFormat(path: out, mayBeCompressed: false) != nil else {
            throw WorkerError("\(out): a table's name ends in .csv, .jsonl or .parquet", isInput: true)
        }
        if visibility == .arrival, case .files(let paths) = options.input {
            for path in paths.values.sorted() where !ArchiveReader.reads(path) {
                throw WorkerError(missingTimestampOf: path)
            }
        }
        spine = try Spine(path, plan, filter: options.filter)
        programs = plan.views.map { ViewProgram($0, source: plan.sources[$0.source]) }
        status = RunStatus()
        // Beside the result is room for what does not fit into memory.
        let folder = out.lastIndex(of: "/").map { String(out[...$0]) } ?? "."
        let share = max(1 << 20, options.memory / Bounds.joinMemoryParts / plan.views.count)
        task = JoinTask(
            visibility: visibility,
            queues: plan.views.map { _ in AskQueue(folder: folder, bytesMax: share) },
            answers: programs.map { program in
                (0..<max(1, options.threads)).map { _ in
                    AnswerStore(types: program.valueTypes, folder: folder, bytesMax: 4 * share / max(1, options.threads))
                }
            })
        self.options = options
    }

    /// Asks the join to end; nothing is written then. Any thread may call it.
    public func stop() {
        monitor.locked { () -> Worker? in
            isStopped = true
            return worker
        }?.stop()
    }

    private var shouldStop: Bool { monitor.locked { isStopped } }

    public func run() throws -> Summary {
        let plan = selection.plan
        let outFormat = TableFormat(path: out, mayBeCompressed: false)!
        // Texts go out as they came in where the format is the same.
        let typed = spine.file.format != .parquet && outFormat != spine.file.format
        try spine.read(programs, task.queues, guessing: typed) { shouldStop }
        let schema = spine.outputSchema(typed: typed)
        for output in selection.outputs where schema.contains(where: { $0.name == output.name }) {
            throw spine.file.failure(
                "it has a column '\(output.name)' already, the name of a value; --full-names calls values view__value")
        }
        var options = options
        options.join = task
        options.logDirectory = nil
        options.stateDirectory = nil
        options.isBounded = true
        // What the rows and their values do not take.
        options.memory = options.memory / Bounds.joinMemoryParts * 3
        // Only what the rows can see has to be read.
        options.filter =
            spine.keptCount > 0
            ? RowFilter(
                from: EventTime(microseconds: spine.oldest), to: EventTime(microseconds: spine.newest) + TimeSpan(microseconds: 1)
            )
            : nil
        let worker = try Worker(plan, options, log: log, status: status)
        monitor.locked { self.worker = worker }
        if shouldStop { worker.stop() }
        // Rows go out while others are still to be found: those of a spine in the order of time, block by block.
        let running = Handover(worker)
        let result = Outcome()
        let thread = WorkThread { [task] in
            result.value = Result { try running.value.run() }
            task.end()
        }
        let written = Result { try write(schema, typed: typed) }
        if case .failure = written { worker.stop() }
        thread.join()
        switch (written, result.value!) {
        case (.success(let table), .success(let run)):
            try table.finish()
            return Summary(rows: spine.keptCount, values: selection.outputs.count, run: run)
        case (.failure(is Unanswered), .failure(let error)), (.success, .failure(let error)): throw error
        case (.failure(let error), _): throw error
        }
    }

    /// The run ended before its time.
    private struct Unanswered: Error {}

    private final class Outcome: @unchecked Sendable { var value: Result<RunSummary, any Error>? }

    // MARK: - The result

    /// The table, with all its rows, not yet finished.
    private func write(_ schema: [ColumnSchema], typed: Bool) throws -> any TableWriter {
        let plan = selection.plan
        let types = selection.outputs.map { plan.views[$0.view].values[$0.value].type }
        let table = try makeTable(
            out, schema + zip(selection.outputs, types).map { ColumnSchema(name: $0.name, type: ColumnType($1), nullable: true) },
            pipeline: plan.pipeline, version: plan.version)
        let failure = Failure {}
        // One block is encoded while the next is put together.
        let blocks = Channel<Handover<OutputBlock>>(capacity: 1)
        let spare = Channel<Handover<[ValueBlock]>>(capacity: 3)
        for _ in 0..<3 { spare.send(Handover(programs.map { ValueBlock($0.valueTypes) })) }
        let writing = Handover(table)
        let thread = WorkThread {
            while let block = blocks.receive()?.value {
                if failure.error == nil {
                    do { try writing.value.write(block) } catch { failure.report(error) }
                }
                if block.isLast { spare.send(Handover(block.values)) }
            }
        }
        let picks = selection.outputs.map { (block: $0.view, column: $0.value) }
        var values: [ValueBlock] = []
        var given = 0
        do {
            try spine.scan(typed: typed) { batch in
                if shouldStop { throw WorkerError("interrupted; nothing was written") }
                if let error = failure.error { throw error }
                let number = batch.firstRow / AnswerStore.blockRows
                let rows = spine.rows(ofBlock: number)
                if batch.firstRow == rows.lowerBound {
                    values = spare.receive()!.value
                    given = 0
                    let kept = spine.kept(rows)
                    let count = kept?.count { $0 } ?? rows.count
                    try answer(number, rows: count, values)
                    if let kept, count < rows.count { for block in values { block.filter(kept) } }
                }
                let end = batch.firstRow + batch.count
                let kept = spine.kept(batch.firstRow..<end)
                var block = OutputBlock(
                    count: kept?.count { $0 } ?? batch.count, spine: batch.columns, meaning: batch.meaning, values: values,
                    firstValue: given, isLast: end == rows.upperBound, picks: picks)
                given += block.count
                if let kept, block.count < batch.count {
                    for position in block.spine.indices { block.spine[position].filter(kept) }
                }
                blocks.send(Handover(block))
            }
        } catch {
            failure.report(error)
        }
        blocks.close()
        thread.join()
        if let error = failure.error { throw error }
        return table
    }

    /// Fills in the values of a block's rows, each at its number in the block.
    private func answer(_ block: Int, rows: Int, _ values: [ValueBlock]) throws {
        for (view, values) in values.enumerated() {
            values.text.removeAll()
            var found = 0
            guard task.waitFor(block: block, rows: rows) else { throw Unanswered() }
            for store in task.answers[view] { found += try store.give(block: block, to: values.columns, &values.text) }
            precondition(found == rows, "\(found) of \(rows) rows were answered")
        }
    }
}

/// Hands a thing over to another thread, which then has it alone.
private struct Handover<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
