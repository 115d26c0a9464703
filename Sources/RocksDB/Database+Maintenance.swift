internal import CRocksDB

extension Database {
    /// Writes what the memtables hold to table files, and waits for it.
    public func flush() throws(RocksDBError) {
        try whileOpen { () throws(RocksDBError) in
            let options: OpaquePointer = unsafe rocksdb_flushoptions_create()
            defer { unsafe rocksdb_flushoptions_destroy(options) }
            unsafe rocksdb_flushoptions_set_wait(options, 1)
            try unsafe reporting("flush", path) { unsafe rocksdb_flush(handle, options, $0) }
        }
    }

    /// Rewrites all rows from `lower` to `upper` (nil: all to that end), which drops what was deleted, overwritten or has
    /// expired. Blocks until it is done: for a thread of its own, at a quiet hour. `close()` cancels it, silently.
    public func compact(from lower: UnsafeRawBufferPointer?, to upper: UnsafeRawBufferPointer?) throws(RocksDBError) {
        try whileOpen { () throws(RocksDBError) in
            let options: OpaquePointer = unsafe rocksdb_compactoptions_create()
            defer { unsafe rocksdb_compactoptions_destroy(options) }
            // The last level is rewritten too (once), and compactions that writes call for go on beside it.
            let lastLevelOnce: UInt8 = 3
            unsafe rocksdb_compactoptions_set_bottommost_level_compaction(options, lastLevelOnce)
            unsafe rocksdb_compactoptions_set_exclusive_manual_compaction(options, 0)

            // The C API keeps a compaction's error to itself; it shows in this count, and in what the next write says.
            let errorsBefore = number("rocksdb.background-errors")
            unsafe rocksdb_compact_range_opt(
                handle, options, lower?.characters, lower?.count ?? 0, upper?.characters, upper?.count ?? 0)
            if number("rocksdb.background-errors") != errorsBefore { try write(WriteBatch(), sync: false) }
        }
    }

    /// A whole copy of the database at `target`, which must not exist; links to table files where it is on the same file system.
    public func checkpoint(to target: String) throws(RocksDBError) {
        try whileOpen { () throws(RocksDBError) in
            let maker = try unsafe reporting("checkpoint", path) { unsafe rocksdb_checkpoint_object_create(handle, $0) }
            defer { unsafe rocksdb_checkpoint_object_destroy(maker) }
            try unsafe reporting("checkpoint", path) { unsafe rocksdb_checkpoint_create(maker, target, 0, $0) }
        }
    }

    /// Whether no write was begun in the journal behind the one that comes next after what the database has. If so, what was dropped behind
    /// damage is a single write, which may never have been on disk: with every write synced, each begins only once those before it are.
    public var endsWithLastWrite: Bool {
        let last = withoutError { unsafe rocksdb_get_latest_sequence_number(handle) }
        return Journal(in: journals).newestBatch <= last + 1
    }

    /// What RocksDB says of `name`, such as `rocksdb.stats`; nil where it knows no such property.
    public func property(_ name: String) -> String? {
        withoutError { unsafe rocksdb_property_value(handle, name).map { unsafe takeText($0) } }
    }

    /// As `property`, for numbers: `rocksdb.estimate-num-keys`, `rocksdb.cur-size-all-mem-tables`, `rocksdb.block-cache-usage`.
    public func number(_ name: String) -> UInt64? {
        withoutError {
            var number: UInt64 = 0
            return unsafe rocksdb_property_int(handle, name, &number) == 0 ? number : nil
        }
    }

    /// Deletes the database at `path` and all its files. It must not be open. Where there is none, nothing happens.
    public static func destroy(path: String) throws(RocksDBError) {
        let options: OpaquePointer = unsafe rocksdb_options_create()
        defer { unsafe rocksdb_options_destroy(options) }
        try unsafe reporting("destroy", path) { unsafe rocksdb_destroy_db(options, path, $0) }
    }
}
