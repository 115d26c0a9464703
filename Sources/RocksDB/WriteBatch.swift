internal import CRocksDB

/// Writes that take effect together, in their order. Bytes are copied in, so the caller's may go. Cheapest filled in the
/// keys' order: the memtable then finds each key's place from the one before.
@safe
public struct WriteBatch: ~Copyable, @unchecked Sendable {
    let native: OpaquePointer

    public init() { unsafe native = rocksdb_writebatch_create() }

    deinit { unsafe rocksdb_writebatch_destroy(native) }

    public mutating func put(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        unsafe rocksdb_writebatch_put(native, key.characters, key.count, value.characters, value.count)
    }

    public mutating func delete(_ key: UnsafeRawBufferPointer) {
        unsafe rocksdb_writebatch_delete(native, key.characters, key.count)
    }

    /// Deletes the rows from `lower` up to `upper`, which is not included. One record, however many rows; but reads pay for
    /// it until it is compacted away, so it is for whole shards, not for single rows.
    ///
    /// Requires: `lower <= upper`.
    public mutating func deleteRange(from lower: UnsafeRawBufferPointer, to upper: UnsafeRawBufferPointer) {
        // RocksDB would log it and then refuse it.
        precondition(unsafe !precedes(upper, lower), "a range must not end before it starts")
        unsafe rocksdb_writebatch_delete_range(native, lower.characters, lower.count, upper.characters, upper.count)
    }

    /// Empties the batch and keeps its memory.
    public mutating func clear() { unsafe rocksdb_writebatch_clear(native) }

    /// Writes in the batch; a `deleteRange` is one.
    public var count: Int { Int(unsafe rocksdb_writebatch_count(native)) }
    public var isEmpty: Bool { count == 0 }

    /// Bytes that the batch will add to the log; 12 where it is empty.
    public var byteCount: Int {
        var count = 0
        unsafe rocksdb_writebatch_data(native, &count)
        return count
    }
}
