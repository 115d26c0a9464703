public import Engine
internal import Records
internal import RocksDB
internal import Windows

/// What one shard contributes to a commit, encoded: rows to put and keys to delete, in the order of the keys.
///
///     0 | key length u32 | value length u32 | key | value      put
///     1 | key length u32 | key                                 delete
public final class CommitRows {
    private var rows = ByteWriter(capacity: 64 * 1024)
    private(set) var count = 0
    public private(set) var shards: [(ShardID, Checkpoint.ShardState)] = []

    public init() {}

    public var byteCount: Int { rows.count }

    func put(key: (inout ByteWriter) -> Void, value: (inout ByteWriter) -> Void) {
        rows.append(UInt8(0))
        let lengths = rows.count
        rows.append(UInt64(0))
        key(&rows)
        let keyEnd = rows.count
        rows.set(UInt32(keyEnd - lengths - 8), at: lengths)
        value(&rows)
        rows.set(UInt32(rows.count - keyEnd), at: lengths + 4)
        count += 1
    }

    private func delete(key: (inout ByteWriter) -> Void) {
        rows.append(UInt8(1))
        let length = rows.count
        rows.append(UInt32(0))
        key(&rows)
        rows.set(UInt32(rows.count - length - 4), at: length)
        count += 1
    }

    /// Takes all that changed in a shard since its last commit. `before` is what that commit wrote of it.
    ///
    /// With `idleMax`, only so many entities, and of those that may leave memory soon: what is written then is of no one
    /// instant, and only good for bringing them back to this shard.
    ///
    /// Requires: all rows up to the watermark were finished.
    public func append(
        _ shard: inout Shard, _ id: ShardID, before: Checkpoint.ShardState, idleMax: Int? = nil
    ) {
        let layout = shard.program.layout
        unsafe shard.takeRemovedChunks { hash, key, chunk in
            delete { unsafe StateKey.append(entity: key, hash: hash, shard: id, .chunk, chunk: chunk, to: &$0) }
        }
        unsafe shard.takeDirty(idleMax: idleMax) { entity, key in
            let entity = copy entity
            if entity.log.hasManyChunks {
                entity.log.forEachChunk(layout) { chunk in
                    guard chunk.state.contains(.dirty) else { return }
                    put(
                        key: {
                            unsafe StateKey.append(entity: key, hash: entity.hash, shard: id, .chunk, chunk: chunk.id, to: &$0)
                        },
                        value: { LogCodec.encodeChunk(chunk, layout, into: &$0) })
                    chunk.state = .stored
                }
                entity.log.takeDirtyTiles { block in
                    put(
                        key: {
                            unsafe StateKey.append(entity: key, hash: entity.hash, shard: id, .chunk, chunk: block.id, to: &$0)
                        },
                        value: { LogCodec.encodeTiles(block, layout, into: &$0) })
                }
                // The head of a long log changes only when chunks come or go, but is small.
            }
            put(
                key: { unsafe StateKey.append(entity: key, hash: entity.hash, shard: id, .head, to: &$0) },
                value: { LogCodec.encodeHead(entity.log, newest: entity.log.newestTime(layout), layout, into: &$0) })
        }
        var after = before
        appendPending(&shard, id, &after)
        after.finishedThrough = shard.finishedThrough
        after.expiredThrough = shard.expiredThrough
        shards.append((id, after))
    }

    /// The waiting rows that are new since the last commit become one row of the store; runs whose rows are all out go.
    ///
    ///     { time i64 | partition zigzag | offset zigzag | hash u64 | key length varint | key } …
    private func appendPending(_ shard: inout Shard, _ id: ShardID, _ state: inout Checkpoint.ShardState) {
        let finished = shard.finishedThrough.microseconds
        for run in state.pending where run.newest <= finished {
            delete { StateKey.appendPending(id, sequence: run.sequence, to: &$0) }
        }
        state.pending.removeAll { $0.newest <= finished }
        var newest = Int64.min
        let sequence = state.nextSequence
        let before = rows.count
        put(
            key: { StateKey.appendPending(id, sequence: sequence, to: &$0) },
            value: { writer in
                unsafe shard.takeUnstoredPending { row, hash, key in
                    newest = max(newest, row.time)
                    writer.append(row.time)
                    writer.append(zigzag: Int64(row.partition))
                    writer.append(zigzag: row.offset)
                    writer.append(hash)
                    writer.append(varint: UInt64(key.count))
                    unsafe writer.append(key)
                }
            })
        guard newest > .min else {
            // Nothing waits: take the empty row back.
            rows.truncate(to: before)
            count -= 1
            return
        }
        state.pending.append(Checkpoint.PendingRun(sequence: sequence, newest: newest))
        state.nextSequence += 1
    }

    /// A row to put, or, without a value, a key to delete; lent.
    @unsafe
    struct Row {
        let key: UnsafeRawBufferPointer
        let value: UnsafeRawBufferPointer?

        func append(to batch: inout WriteBatch) {
            if let value = unsafe value { unsafe batch.put(key, value) } else { unsafe batch.delete(key) }
        }
    }

    /// Lends every row.
    func lendRows<E: Error>(to body: (Row) throws(E) -> Void) throws(E) {
        try unsafe rows.withBytes { (bytes: UnsafeRawBufferPointer) throws(E) in
            var position = 0
            while position < bytes.count {
                let isPut = unsafe bytes[position] == 0
                let keyLength = unsafe Int(bytes.loadUnaligned(fromByteOffset: position + 1, as: UInt32.self))
                var valueLength = 0
                position += 5
                if isPut {
                    valueLength = unsafe Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
                    position += 4
                }
                let key = unsafe UnsafeRawBufferPointer(rebasing: bytes[position..<(position + keyLength)])
                position += keyLength
                let value = unsafe UnsafeRawBufferPointer(rebasing: bytes[position..<(position + valueLength)])
                position += valueLength
                try unsafe body(Row(key: key, value: isPut ? value : nil))
            }
        }
    }
}
