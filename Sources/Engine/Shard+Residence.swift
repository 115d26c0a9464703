internal import Records
public import Windows

/// What moves between a shard's memory and the store: logs that are brought, changes that are due, logs that leave.
extension Shard {
    /// The key of an entity's record, lent to `body`.
    public func withKey<R, E: Error>(
        _ entity: UInt32, _ body: (_ hash: UInt64, _ key: UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        let hash = table.entities[Int(entity)].hash
        return unsafe try table.withKey(Int(entity)) { (key: UnsafeRawBufferPointer) throws(E) -> R in
            unsafe try body(hash, key)
        }
    }

    /// Puts the awaited entities into the order of the store's keys, in which it finds them with the least work.
    public mutating func sortAwaited() {
        let entities = table.entities
        awaited.sort { entities[Int($0)].hash < entities[Int($1)].hash }
    }

    /// The awaited entities were read; the list starts anew. Requires: `install` was called for each.
    public mutating func clearAwaited() { awaited.removeAll(keepingCapacity: true) }

    /// An awaited entity that the store does not know.
    public mutating func installNew(_ entity: UInt32) {
        let entities = table.entities
        entities[Int(entity)].state.formSymmetricDifference([.awaited, .resident, .fresh])
        entities[Int(entity)].log.trimmedThrough = expiredThrough.microseconds
    }

    /// An awaited entity's log as the store had it; `logBytes` is the memory it holds.
    public mutating func install(_ entity: UInt32, log: TimeLog, logBytes: Int) {
        let entities = table.entities
        entities[Int(entity)].log = log
        entities[Int(entity)].state.formSymmetricDifference([.awaited, .resident, .fresh])
        bytes += logBytes
    }

    /// A waiting row that the store kept from before; its entity is looked up when the row is ready.
    @unsafe
    public mutating func restorePending(
        hash: UInt64, key: UnsafeRawBufferPointer, time: Int64, partition: Int32, offset: Int64
    ) {
        let (index, _) = unsafe table.findOrInsert(hash, key, bytes: &bytes)
        table.entities[index].pending += 1
        pending.append(PendingRow(time: time, offset: offset, partition: partition, entity: UInt32(index)))
        pending.markStored()
    }

    /// Calls `body` with every entity that changed since the last commit; from now on none has. With `idleMax`, only with those
    /// that may leave memory soon, and with so many at most, the longest changed first; the others stay changed.
    public mutating func takeDirty<E: Error>(
        idleMax: Int? = nil, _ body: (_ entity: borrowing Entity, _ key: UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        // By hash: the order of the store's keys, so that a commit is one sorted run.
        let entities = table.entities
        var kept: [UInt32] = []
        if let idleMax {
            var count = 0
            for position in dirty.indices {
                let index = dirty[position]
                if count < idleMax && !entities[Int(index)].state.contains(.recent) {
                    dirty[count] = index
                    count += 1
                } else {
                    kept.append(index)
                }
            }
            dirty.removeLast(dirty.count - count)
        }
        dirty.sort { entities[Int($0)].hash < entities[Int($1)].hash }
        for index in dirty {
            entities[Int(index)].state.remove(.dirty)
            let entity = entities[Int(index)]
            unsafe try table.withKey(Int(index)) { (key: UnsafeRawBufferPointer) throws(E) in
                unsafe try body(entity, key)
            }
        }
        dirty.removeAll(keepingCapacity: true)
        dirty += kept
    }

    /// Calls `body` with every stored chunk that left its log since the last commit.
    public mutating func takeRemovedChunks(_ body: (_ hash: UInt64, _ key: UnsafeRawBufferPointer, _ chunk: UInt32) -> Void) {
        for (entity, chunk) in removedChunks {
            let hash = table.entities[Int(entity)].hash
            unsafe table.withKey(Int(entity)) { unsafe body(hash, $0, chunk) }
        }
        removedChunks.removeAll(keepingCapacity: true)
    }

    /// Calls `body` with every waiting row that the store does not have yet; from now on it has them.
    public mutating func takeUnstoredPending(_ body: (PendingRow, _ hash: UInt64, _ key: UnsafeRawBufferPointer) -> Void) {
        let entities = table.entities
        pending.takeUnstored { row in
            let record = unsafe entities.pointer(Int(row.entity))
            unsafe body(row, record.pointee.hash, Entity.key(of: record))
        }
    }

    /// Lets logs go that were not used of late until at most `bytesMax` are held. Only what the store has may go, so right
    /// after a commit this always succeeds but for the records of entities with waiting rows.
    public mutating func evict(to bytesMax: Int) {
        guard bytes > bytesMax, table.recordCount > 0 else { return }
        var visited = 0
        while bytes > bytesMax && visited < 2 * table.recordCount {
            if clockHand >= table.recordCount { clockHand = 0 }
            let index = clockHand
            clockHand += 1
            visited += 1
            guard table.isUsed(index) else { continue }
            let entities = table.entities
            if entities[index].state.contains(.recent) {
                entities[index].state.remove(.recent)
                continue
            }
            guard entities[index].state.isDisjoint(with: [.dirty, .awaited]) else { continue }
            if entities[index].state.contains(.resident) {
                bytes -= entities[index].log.free(program.layout)
                entities[index].state.subtract([.resident, .fresh])
                hasColdEntities = true
            }
            if entities[index].pending == 0 { table.remove(index, bytes: &bytes) }
        }
    }
}
