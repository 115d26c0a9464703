import Engine
import Pipelines
import Records
import Store
import Windows

/// What entities of equally many events take: by the engine's own account, in resident memory, and encoded for the store.
final class EntityMemory {
    private static let batchRecords = 2048
    private let plan: Plan
    private let entities: Int
    private let each: Int

    init(_ plan: Plan, entities: Int, each: Int) {
        self.plan = plan
        self.entities = entities
        self.each = each
    }

    func measure() {
        let program = ViewProgram(plan.views[0], source: plan.sources[0])
        let columns = TransactionColumns(plan.views[0], source: plan.sources[0])
        guard let window = program.retention?.microseconds else { preconditionFailure("the view's windows are finite") }
        // All within the longest window. Entities take turns, so that what one holds grows step by step as it does in life.
        let total = entities * each
        var traffic = Traffic(TrafficShape(events: total, customers: entities, days: Double(window) / 86_400e6 * 0.99))
        let batch = EventBatch(columnCount: program.layout.columnCount, capacity: Self.batchRecords)
        let rows = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: Self.batchRecords)
        var shard = Shard(program, slice: 0, hasColdEntities: false)
        let residentBefore = residentBytes()
        var done = 0
        while done < total {
            batch.removeAll()
            rows.removeAll()
            while batch.count < Self.batchRecords, let transaction = traffic.next() {
                columns.append(transaction, entity: done % entities, to: batch)
                done += 1
            }
            shard.locate(batch)
            shard.apply(batch, rows: rows)
        }
        let resident = residentBytes() - residentBefore
        let held = shard.bytesHeld
        let changes = CommitRows()
        changes.append(&shard, ShardID(view: 0, slice: 0), before: Checkpoint.ShardState())
        let perEntity = { (bytes: Int) in JSONValue.number(Double(bytes) / Double(self.entities)) }
        report([
            ("each", .number(Double(each))), ("entities", .number(Double(entities))), ("accounted", perEntity(held)),
            ("resident", perEntity(resident)), ("encoded", perEntity(changes.byteCount)),
        ])
    }
}
