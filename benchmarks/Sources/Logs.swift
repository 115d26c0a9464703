import Engine
import Pipelines
import Records
import Windows

/// One entity whose longest window holds a given number of events: what an event costs by the length of its log, without the
/// cache misses of many entities.
final class Logs {
    private static let batchRecords = 1024
    private let program: ViewProgram
    private let window: Int64

    init(_ plan: Plan) {
        program = ViewProgram(plan.views[0], source: plan.sources[0])
        guard let window = program.retention?.microseconds else { preconditionFailure("the view's windows are finite") }
        self.window = window
    }

    /// One round over `events` events, after as many as the window holds went in.
    ///
    /// Inserts and evaluations take turns by batch, so that the clock is read once for many.
    func round(length: Int, events: Int, disorder: Int64) -> Stopwatch {
        let layout = program.layout
        var shape = TrafficShape(events: length + events, customers: 1)
        shape.days = Double(window) / 86_400e6 * Double(shape.events) / Double(length)
        shape.disorder = disorder
        var traffic = Traffic(shape)
        let batch = EventBatch(columnCount: layout.columnCount, capacity: Self.batchRecords)
        let rows = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: Self.batchRecords)
        var evaluator = Evaluator(program)
        var log = TimeLog()
        var removed: [UInt32] = []
        var bytes = 0
        var watch = Stopwatch()
        var done = 0
        var newest = Int64.min
        let suffix = disorder > 0 ? ", out of order by \(disorder / 1000) s" : ""
        while fill(batch, from: &traffic, atMost: done < length ? length - done : .max) {
            rows.removeAll()
            watch.start()
            for row in 0..<batch.count {
                newest = max(newest, batch.times[row])
                let horizon = newest - window - disorder * 1000
                log.insert(batch, row: row, horizon: LogHorizon(reach: horizon), removed: &removed, bytes: &bytes, layout)
            }
            if done >= length { watch.lap("insert, \(length) events in the window\(suffix)", events: batch.count) }
            if done >= length {
                watch.start()
                for row in 0..<batch.count { evaluator.walk(log, at: batch.times[row], into: rows, row: row) }
                evaluator.lower(into: rows)
                watch.lap("evaluate, \(length) events in the window\(suffix)", events: batch.count)
            }
            done += batch.count
            removed.removeAll(keepingCapacity: true)
        }
        _ = log.free(layout)
        return watch
    }

    /// Many logs of a full chunk each: the insert that makes the log a tree, and the one that begins the tree's next chunk.
    func seal(logs count: Int) -> Stopwatch {
        let layout = program.layout
        let chunk = Chunk.eventsMax
        var traffic = Traffic(TrafficShape(events: 2 * chunk + 1, customers: 1, days: 20))
        let batch = EventBatch(columnCount: layout.columnCount, capacity: 2 * chunk + 1)
        _ = fill(batch, from: &traffic, atMost: .max)
        var logs = [TimeLog](repeating: TimeLog(), count: count)
        var removed: [UInt32] = []
        var bytes = 0
        func insert(_ rows: Range<Int>) {
            for index in logs.indices {
                for row in rows {
                    logs[index].insert(
                        batch, row: row, horizon: LogHorizon(reach: .min), removed: &removed, bytes: &bytes, layout)
                }
            }
        }
        var watch = Stopwatch()
        insert(0..<chunk)
        watch.start()
        insert(chunk..<chunk + 1)
        watch.lap("seal, an event after the first full chunk", events: count)
        insert(chunk + 1..<2 * chunk)
        watch.start()
        insert(2 * chunk..<2 * chunk + 1)
        watch.lap("seal, an event after the second full chunk", events: count)
        for index in logs.indices { _ = logs[index].free(layout) }
        return watch
    }

    /// Gives false when no events are left.
    private func fill(_ batch: EventBatch, from traffic: inout Traffic, atMost: Int) -> Bool {
        batch.removeAll()
        while batch.count < min(batch.capacity, atMost), let transaction = traffic.next() {
            batch.append(transaction)
        }
        return batch.count > 0
    }
}

extension EventBatch {
    /// Its amount goes into every column.
    func append(_ transaction: Transaction) {
        times[count] = transaction.time * 1000
        partitions[count] = 0
        offsets[count] = Int64(transaction.number)
        for column in 0..<columnCount {
            words[column][count] = Int64(transaction.cents)
            valid[column][count] = 1
        }
        count += 1
    }
}
