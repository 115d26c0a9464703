import Engine
import Pipelines
import Records
import Windows

/// One entity whose longest window holds a given number of events: what an event costs by the length of its log.
final class LogLengths {
    private static let batchRecords = 1024
    private let program: ViewProgram

    init(_ plan: Plan) { program = ViewProgram(plan.views[0], source: plan.sources[0]) }

    /// One round over `events` events, after as many as the window holds went in.
    func round(length: Int, events: Int) -> Stopwatch {
        guard let window = program.retention?.microseconds else { preconditionFailure("the view's windows are finite") }
        let layout = program.layout
        let step = window / Int64(length)
        let batch = EventBatch(columnCount: layout.columnCount, capacity: Self.batchRecords)
        let rows = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: Self.batchRecords)
        var evaluator = Evaluator(program)
        var log = TimeLog()
        var removed: [UInt32] = []
        var bytes = 0
        var random = SplitMix(state: 1)
        var time: Int64 = 0
        var watch = Stopwatch()
        var done = -length
        while done < events {
            batch.removeAll()
            rows.removeAll()
            while batch.count < Self.batchRecords {
                time += step
                batch.times[batch.count] = time
                batch.partitions[batch.count] = 0
                batch.offsets[batch.count] = time
                for column in 0..<batch.columnCount {
                    batch.words[column][batch.count] = Int64(random.next(below: 100_000))
                    batch.valid[column][batch.count] = 1
                }
                batch.count += 1
            }
            // Event by event, as a shard does it; the clock is read per batch, so inserts and evaluations take turns by batch.
            watch.start()
            for row in 0..<batch.count {
                log.insert(
                    batch, row: row, horizon: batch.times[row] - window, removed: &removed, bytes: &bytes, layout)
            }
            if done >= 0 { watch.lap("insert, \(length) events in the window") }
            guard done >= 0 else {
                done += batch.count
                continue
            }
            watch.start()
            for row in 0..<batch.count { evaluator.evaluate(log, at: batch.times[row], into: rows, row: row) }
            watch.lap("evaluate, \(length) events in the window")
            done += batch.count
        }
        _ = log.free(layout)
        return watch
    }
}
