internal import CRocksDB

extension Database {
    /// Lends `body` the rows from `lower` up to `upper` (not included; nil: to the end) in the keys' order, until it returns false.
    ///
    /// All rows are of one state, the one at the scan's start. With `caching` off, the blocks it reads do not drive others
    /// from the cache: for scans of much that is read once.
    public func scan(
        from lower: UnsafeRawBufferPointer, to upper: UnsafeRawBufferPointer?, caching: Bool = true,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(RocksDBError) -> Bool
    ) throws(RocksDBError) {
        try whileOpen { () throws(RocksDBError) in
            let options: OpaquePointer = unsafe rocksdb_readoptions_create()
            defer { unsafe rocksdb_readoptions_destroy(options) }
            unsafe rocksdb_readoptions_set_fill_cache(options, caching ? 1 : 0)
            if let upper = unsafe upper {
                // RocksDB takes an empty bound for none.
                if upper.count == 0 { return }
                unsafe rocksdb_readoptions_set_iterate_upper_bound(options, upper.characters, upper.count)
            }
            let iterator: OpaquePointer = unsafe rocksdb_create_iterator(handle, options)
            defer { unsafe rocksdb_iter_destroy(iterator) }

            unsafe rocksdb_iter_seek(iterator, lower.characters, lower.count)
            while unsafe rocksdb_iter_valid(iterator) != 0 {
                var keyCount = 0
                let key = unsafe rocksdb_iter_key(iterator, &keyCount)
                var valueCount = 0
                let value = unsafe rocksdb_iter_value(iterator, &valueCount)
                let goesOn = try unsafe body(
                    UnsafeRawBufferPointer(start: key, count: keyCount), UnsafeRawBufferPointer(start: value, count: valueCount))
                guard goesOn else { return }
                unsafe rocksdb_iter_next(iterator)
            }
            try unsafe reporting("scan", path) { unsafe rocksdb_iter_get_error(iterator, $0) }
        }
    }

    /// Lends `body` the rows whose keys begin with `prefix`, as `scan(from:to:)` does.
    public func scan(
        prefix: UnsafeRawBufferPointer, caching: Bool = true,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(RocksDBError) -> Bool
    ) throws(RocksDBError) {
        // The least key above all with the prefix: its last byte that can be raised, raised. All 0xFF: there is none.
        guard let last = unsafe prefix.lastIndex(where: { $0 != 0xFF }) else {
            return try unsafe scan(from: prefix, to: nil, caching: caching, body)
        }
        let upper = UnsafeMutableRawBufferPointer.allocate(byteCount: last + 1, alignment: 1)
        defer { unsafe upper.deallocate() }
        unsafe upper.copyMemory(from: UnsafeRawBufferPointer(rebasing: prefix[...last]))
        unsafe upper[last] += 1
        try unsafe scan(from: prefix, to: UnsafeRawBufferPointer(upper), caching: caching, body)
    }
}
