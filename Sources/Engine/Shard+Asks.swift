internal import Records
public import Windows

/// Rows that are asked for: an entity and an instant each, as a training set has them, in place of the rows of events.
///
/// They come as batches of their own, without columns: `times` are the instants, `offsets` the numbers by which the rows are known
/// again.
extension Shard {
    /// Takes rows that see every event up to their instant: each waits until the watermark has passed it.
    public mutating func ask(_ asks: EventBatch) {
        let entities = table.entities
        for row in 0..<asks.count {
            let index = unsafe entity(asks.hashes[row], asks.text.bytes(TextReference(word: asks.keys[row])))
            entities[index].pending += 1
            pending.append(
                PendingRow(time: asks.times[row], offset: asks.offsets[row], partition: 0, entity: UInt32(index)))
        }
    }

    /// Finds the entities of events and of asked rows, and which logs have to be brought before `apply`.
    public mutating func locate(_ events: EventBatch, asks: EventBatch) {
        locate(events)
        locatedAsks.removeAll(keepingCapacity: true)
        for row in 0..<asks.count {
            let index = unsafe entity(asks.hashes[row], asks.text.bytes(TextReference(word: asks.keys[row])))
            want(index)
            locatedAsks.append(UInt32(index))
        }
    }

    /// Applies events and evaluates rows, both in the order in which they can be seen: a row sees the events whose `visibleFrom`
    /// is not after its instant.
    ///
    /// Requires: both were located together and are in that order; no log is awaited; room for `asks.count` rows.
    public mutating func apply(_ events: EventBatch, asks: EventBatch, rows: RowBuffer) {
        precondition(
            awaited.isEmpty && located.count == events.count && locatedAsks.count == asks.count, "locate comes before apply")
        let layout = program.layout
        let horizon = program.horizon(at: finishedThrough)
        var event = 0
        for row in 0...asks.count {
            // Behind the last row all others.
            let time = row < asks.count ? asks.times[row] : .max
            while event < events.count && events.visibleFrom[event] <= time {
                insert(events, row: event, Int(located[event]), horizon, layout)
                event += 1
            }
            if row == asks.count { break }
            appendRow(Int(locatedAsks[row]), time: time, partition: 0, offset: asks.offsets[row], rows)
        }
        evaluator.lower(into: rows)
        located.removeAll(keepingCapacity: true)
        locatedAsks.removeAll(keepingCapacity: true)
    }
}
