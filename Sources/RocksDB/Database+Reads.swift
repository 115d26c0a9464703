internal import CRocksDB
internal import Glibc

extension Database {
    /// Lends `body` the key's value where it lies (cache or memtable), or nil where there is none.
    public func get<Result>(
        _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) throws(RocksDBError) -> Result
    ) throws(RocksDBError) -> Result {
        try whileOpen { () throws(RocksDBError) in
            let found = try unsafe reporting("read", path) {
                unsafe rocksdb_get_pinned(handle, reads, key.characters, key.count, $0)
            }
            guard let found = unsafe found else { return try body(nil) }
            defer { unsafe rocksdb_pinnableslice_destroy(found) }
            return try unsafe body(lent(found))
        }
    }

    /// Lends `body` each key's index and its value, or nil where there is none, in the order of the list.
    ///
    /// Looks the keys up in batches, which shares the work per file and block among them, the more the closer they lie.
    /// The batches may see different states where another thread writes meanwhile. With `caching` off, the blocks it reads do
    /// not enter the cache: for rows that are not asked for again soon, where filling the cache costs more than it saves.
    public func multiGet(
        _ keys: borrowing KeyList, caching: Bool = true,
        _ body: (Int, UnsafeRawBufferPointer?) throws(RocksDBError) -> Void
    ) throws(RocksDBError) {
        // A batch holds its blocks in the cache until its values have been lent: this bounds how many.
        let batchCountMax = 256
        let capacity = min(batchCountMax, keys.count)
        let starts = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: capacity)
        defer { unsafe starts.deallocate() }
        let sizes = UnsafeMutablePointer<Int>.allocate(capacity: capacity)
        defer { unsafe sizes.deallocate() }
        let values = UnsafeMutablePointer<OpaquePointer?>.allocate(capacity: capacity)
        defer { unsafe values.deallocate() }
        let errors = UnsafeMutablePointer<ErrorText?>.allocate(capacity: capacity)
        defer { unsafe errors.deallocate() }

        let options = unsafe caching ? reads : uncachedReads
        var first = 0
        while first < keys.count {
            let count = min(batchCountMax, keys.count - first)
            for index in 0..<count {
                let key = unsafe keys[first + index]
                unsafe starts[index] = key.characters
                unsafe sizes[index] = key.count
            }
            let isSorted = keys.isSorted
            try whileOpen { () throws(RocksDBError) in
                unsafe rocksdb_batched_multi_get_cf(handle, options, column, count, starts, sizes, values, errors, isSorted)
                var failure: RocksDBError? = nil
                for index in 0..<count {
                    let value = unsafe values[index]
                    if let text = unsafe errors[index] {
                        let message = unsafe takeText(text)
                        failure = failure ?? RocksDBError(operation: "read", path: path, message: message)
                    }
                    if failure == nil {
                        do throws(RocksDBError) {
                            try unsafe body(first + index, value.map { unsafe lent($0) })
                        } catch {
                            failure = error
                        }
                    }
                    unsafe rocksdb_pinnableslice_destroy(value)
                }
                if let failure { throw failure }
            }
            first += count
        }
    }

    private func lent(_ slice: OpaquePointer) -> UnsafeRawBufferPointer {
        var count = 0
        let start = unsafe rocksdb_pinnableslice_value(slice, &count)
        return unsafe UnsafeRawBufferPointer(start: start, count: count)
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes as RocksDB wants them.
    @inline(__always)
    var characters: UnsafePointer<CChar>? { unsafe baseAddress?.assumingMemoryBound(to: CChar.self) }
}
