import Aggregates
import Pipelines
import Records
import Testing
import Windows

@testable import Engine

/// Values between rows: what is evaluated at an instant that the watermark has just passed still sees all of its windows.
struct OnlineValueTests {
    @Test(arguments: [WindowBounds.openClosed, .closed, .closedOpen, .open]) func atTheWatermark(bounds: WindowBounds) throws {
        let plan = try Transactions.plan(
            snapshots: .none, bounds: bounds, windows: "[1s, 2100ms]", features: ["count()", "sum(i)"])
        let program = Transactions.program(plan)
        let naive = NaiveRows(view: plan.views[0])
        let records = RecordBatch(types: plan.sources[0].fields.map(\.type), capacity: 1)
        let batch = EventBatch(columnCount: program.layout.columnCount, capacity: 1)
        let expressions = ExpressionEvaluator(EventRouter.expressions(of: plan.views), capacity: 1)
        var first = 0
        let router = EventRouter(program, firstExpression: &first)
        let rows = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: 1)
        var evaluator = Evaluator(program)
        var shard = Shard(program, slice: 0, hasColdEntities: false)
        var events: [Transaction] = []
        for number in 0..<900 {
            // Whole tenths of a second: events lie exactly on the windows' edges.
            let time = 1_700_000_000_000_000 + Int64(number / 3) * 100_000
            let fields: [Value] = [.word(time), .text("card"), .word(1), .word(Int64(number)), .null, .null, .null, .null, .null]
            let event = Transaction(time: time, partition: 0, offset: Int64(number), fields: fields)
            events.append(event)
            records.removeAll()
            batch.removeAll()
            records.append(event)
            expressions.evaluate(records)
            router.route(records, expressions, sliceCount: 1) { _ in batch }
            shard.locate(batch)
            shard.apply(batch, rows: rows)
            shard.advance(to: EventTime(microseconds: time))
            evaluator.evaluate(shard.table.entities[0].log, at: time, into: rows, row: 0)
            let values = rows.values.map { $0.valid[0] == 1 ? Value.word($0.words[0]) : .null }
            let recent = events.suffix(100)
            #expect(values == naive.values(Array(recent), at: time), "event \(number)")
        }
    }
}
