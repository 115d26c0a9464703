public import Records
internal import Windows

/// Online reads: the values of one entity at any instant, over all that was applied so far.
extension Shard {
    /// Names the entity whose log a read needs in memory; it may be awaited then. `nil`: nobody has ever seen it here.
    @unsafe
    public mutating func locate(hash: UInt64, key: UnsafeRawBufferPointer) -> UInt32? {
        if let index = unsafe table.find(hash, key) {
            want(index)
            return UInt32(index)
        }
        guard hasColdEntities else { return nil }
        let (index, _) = unsafe table.findOrInsert(hash, key, bytes: &bytes)
        want(index)
        return UInt32(index)
    }

    /// Whether the entity has any event here.
    ///
    /// Requires: its log is in memory.
    public func hasEvents(_ entity: UInt32) -> Bool { !table.entities[Int(entity)].log.isEmpty }

    /// Appends the entity's values at `time` to `rows`, as a row of the snapshot log would show them; nil stands for an entity
    /// without events. Gives the instant up to which events have left its log, or may have, if the values need some of those.
    ///
    /// Requires: its log is in memory, and room in `rows`.
    public mutating func read(_ entity: UInt32?, at time: EventTime, rows: RowBuffer) -> EventTime? {
        var log = entity.map { table.entities[Int($0)].log } ?? TimeLog()
        if entity == nil { log.trimmedThrough = expiredThrough.microseconds }
        // Rows before this one may have missed some.
        _ = evaluator.takeMissesTiled()
        evaluate(log, at: time, rows)
        let trimmed = EventTime(microseconds: log.trimmedThrough)
        if trimmed > program.reach(at: time) { return trimmed }
        return evaluator.takeMissesTiled() ? EventTime(microseconds: log.tiledThrough) : nil
    }
}
