import Engine
import Pipelines
import Records
import Windows

/// A shard whose windows hold so many entities with so many events each; or one entity with very many.
final class ManyEntities {
    private static let batchRecords = 2048
    let program: ViewProgram
    private let entities: Int
    private let each: Int
    private let disorder: Int64
    private let window: Int64
    private let columns: TransactionColumns
    private let batch: EventBatch
    private let rows: RowBuffer

    /// Requires: the first view's entity is one string.
    init(_ plan: Plan, entities: Int, each: Int, disorder: Int64) {
        program = ViewProgram(plan.views[0], source: plan.sources[0])
        precondition(program.entityTypes == [.string], "the view's entity is one string")
        guard let window = program.retention?.microseconds else { preconditionFailure("the view's windows are finite") }
        self.window = window
        columns = TransactionColumns(plan.views[0], source: plan.sources[0])
        self.entities = entities
        self.each = each
        self.disorder = disorder
        batch = EventBatch(columnCount: program.layout.columnCount, capacity: Self.batchRecords)
        rows = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: Self.batchRecords)
    }

    /// The windows fill, then `events` events are on the clock.
    func measure(events: Int) -> Stopwatch {
        let held = entities * each
        var shape = TrafficShape(events: held + events, customers: entities)
        shape.days = Double(window) / 86_400e6 * Double(shape.events) / Double(held)
        shape.disorder = disorder
        var traffic = Traffic(shape)
        var shard = Shard(program, slice: 0, hasColdEntities: false)
        var watch = Stopwatch()
        var done = 0
        var newest = Int64.min
        while fill(&traffic, &newest) {
            rows.removeAll()
            watch.start()
            shard.locate(batch)
            if done >= held { watch.lap("locate", events: batch.count) }
            shard.apply(batch, rows: rows)
            if done >= held { watch.lap("insert and evaluate", events: batch.count) }
            shard.advance(to: EventTime(microseconds: newest - disorder * 1000 - 1))
            done += batch.count
        }
        return watch
    }

    private func fill(_ traffic: inout Traffic, _ newest: inout Int64) -> Bool {
        batch.removeAll()
        while batch.count < Self.batchRecords, let transaction = traffic.next() {
            columns.append(transaction, entity: transaction.customer, to: batch)
            newest = max(newest, batch.times[batch.count - 1])
        }
        return batch.count > 0
    }
}

extension EventBatch {
    /// As an event of the entity that is named `c-N`.
    func append(_ transaction: Transaction, entity: Int) {
        var texts = TextArena(capacity: 64)
        let name = texts.append("c-\(entity)")
        let start = text.count
        unsafe EntityKey.append(name.word, type: .string, texts: texts, to: &text)
        let key = TextReference(offset: start, length: text.count - start)
        keys[count] = key.word
        hashes[count] = unsafe EntityKey.hash(text.bytes(key))
        append(transaction)
    }
}
