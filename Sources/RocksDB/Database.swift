internal import CRocksDB
internal import Glibc

/// One RocksDB database with its default column family; keys and values are bytes, keys in the order of `memcmp`.
///
/// # Contract
/// - *lending*: bytes lent to a closure live until the closure returns (the closure's duty).
/// - *threads*: any thread may call anything at any time; every call blocks its thread (RocksDB).
/// - *closing*: `close()` waits for the calls under way, and a call after it traps (checked).
/// - *re-entry*: a closure that a call lends bytes to may read and write, but not close (the closure's duty).
@safe
public final class Database: @unchecked Sendable {
    public let path: String
    /// Where its journals are.
    let journals: String

    let handle: OpaquePointer
    let column: OpaquePointer
    let reads: OpaquePointer
    let uncachedReads: OpaquePointer
    let horizons: OpaquePointer
    private let native: OpaquePointer
    private let syncedWrites: OpaquePointer
    private let unsyncedWrites: OpaquePointer

    /// Held for reading by each call, for writing by `close()`.
    private let gate: UnsafeMutablePointer<pthread_rwlock_t>
    private var isOpen = true

    /// Opens the database at `path`, and replays its log.
    ///
    /// A database that keeps a journal has its own name on disk then, as far as its parent may be looked into.
    ///
    /// Throws `isLocked` where the database is open for writing already, `isCorruption` where its files do not fit together.
    public init(path: String, options: DatabaseOptions = DatabaseOptions()) throws(RocksDBError) {
        let horizons: OpaquePointer = unsafe freshet_horizons_create()
        let native = unsafe options.makeNative(path: path, horizons: horizons)
        let opened: (database: OpaquePointer, column: OpaquePointer)
        do throws(RocksDBError) {
            unsafe opened = try Self.open(path, native, readOnly: options.readOnly)
        } catch {
            unsafe rocksdb_options_destroy(native)
            unsafe freshet_horizons_destroy(horizons)
            throw error
        }
        self.path = path
        journals = options.files ?? path
        unsafe self.horizons = horizons
        unsafe self.native = native
        unsafe handle = opened.database
        unsafe column = opened.column
        unsafe reads = rocksdb_readoptions_create()
        unsafe uncachedReads = rocksdb_readoptions_create()
        unsafe rocksdb_readoptions_set_fill_cache(uncachedReads, 0)
        unsafe unsyncedWrites = rocksdb_writeoptions_create()
        unsafe syncedWrites = rocksdb_writeoptions_create()
        if options.keepsJournal {
            unsafe rocksdb_writeoptions_set_sync(syncedWrites, 1)
        } else {
            unsafe rocksdb_writeoptions_disable_WAL(unsyncedWrites, 1)
            unsafe rocksdb_writeoptions_disable_WAL(syncedWrites, 1)
        }
        unsafe gate = .allocate(capacity: 1)
        unsafe pthread_rwlock_init(gate, nil)
        // RocksDB syncs what is in its folder only.
        if options.keepsJournal && !options.readOnly { try Self.syncName(of: path) }
    }

    deinit {
        close()
        unsafe pthread_rwlock_destroy(gate)
        unsafe gate.deallocate()
    }

    /// Cancels compactions, waits for the calls under way, and closes. Nothing is flushed: the log has it all.
    public func close() {
        unsafe pthread_rwlock_rdlock(gate)
        if isOpen { unsafe rocksdb_disable_manual_compaction(handle) }
        unsafe pthread_rwlock_unlock(gate)

        unsafe pthread_rwlock_wrlock(gate)
        defer { unsafe pthread_rwlock_unlock(gate) }
        guard isOpen else { return }
        isOpen = false
        unsafe rocksdb_column_family_handle_destroy(column)
        unsafe rocksdb_close(handle)
        unsafe rocksdb_readoptions_destroy(reads)
        unsafe rocksdb_readoptions_destroy(uncachedReads)
        unsafe rocksdb_writeoptions_destroy(unsyncedWrites)
        unsafe rocksdb_writeoptions_destroy(syncedWrites)
        unsafe rocksdb_options_destroy(native)
        unsafe freshet_horizons_destroy(horizons)
    }

    /// Writes all of the batch or, where it throws, none of it. The batch stays as it was.
    ///
    /// Either way it survives the death of the process; with `sync`, also that of the machine. Without, a crash of the
    /// machine may lose the latest batches, but only the latest: what remains is whole batches in their order. All this
    /// holds where the database keeps a journal; else neither it nor `sync` makes anything last.
    public func write(_ batch: borrowing WriteBatch, sync: Bool) throws(RocksDBError) {
        let native = unsafe batch.native
        try whileOpen { () throws(RocksDBError) in
            try unsafe reporting("write to", path) {
                unsafe rocksdb_write(handle, sync ? syncedWrites : unsyncedWrites, native, $0)
            }
        }
    }

    /// Runs a call that `close()` has to wait for.
    @inline(__always)
    func whileOpen<Result>(_ call: () throws(RocksDBError) -> Result) throws(RocksDBError) -> Result {
        unsafe pthread_rwlock_rdlock(gate)
        defer { unsafe pthread_rwlock_unlock(gate) }
        precondition(isOpen, "the database was closed")
        return try call()
    }

    /// As `whileOpen`, for calls that cannot fail.
    func withoutError<Result>(_ call: () -> Result) -> Result {
        unsafe pthread_rwlock_rdlock(gate)
        defer { unsafe pthread_rwlock_unlock(gate) }
        precondition(isOpen, "the database was closed")
        return call()
    }

    private static func open(
        _ path: String, _ native: OpaquePointer, readOnly: Bool
    ) throws(RocksDBError) -> (OpaquePointer, OpaquePointer) {
        // A writer may delete files between a reader's look at the manifest and its opening of them: the reader looks again.
        var attemptsLeft = readOnly ? 10 : 1
        while true {
            attemptsLeft -= 1
            var column: OpaquePointer? = nil
            do throws(RocksDBError) {
                let database = try unsafe reporting("open", path) { error in
                    unsafe "default".withCString { name in
                        var name: UnsafePointer<CChar>? = unsafe name
                        var columnOptions: OpaquePointer? = unsafe native
                        return readOnly
                            ? unsafe rocksdb_open_for_read_only_column_families(
                                native, path, 1, &name, &columnOptions, &column, 0, error)
                            : unsafe rocksdb_open_column_families(native, path, 1, &name, &columnOptions, &column, error)
                    }
                }
                return unsafe (database!, column!)
            } catch {
                if error.isCorruption, !error.message.contains(path), let place = Journal(in: path).damage {
                    throw RocksDBError(
                        kind: .corruption, operation: error.operation, path: path, message: "\(error.message) in \(place)")
                }
                guard attemptsLeft > 0, error.message.contains("No such file") else { throw error }
            }
        }
    }

    /// Waits until the name of a folder is on disk.
    private static func syncName(of path: String) throws(RocksDBError) {
        var name = path
        while name.count > 1 && name.hasSuffix("/") { name.removeLast() }
        let slash = name.lastIndex(of: "/")
        let parent = slash.map { $0 == name.startIndex ? "/" : String(name[..<$0]) } ?? "."
        let descriptor = unsafe Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 && errno == EACCES { return }
        defer { if descriptor >= 0 { _ = Glibc.close(descriptor) } }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw RocksDBError(
                kind: .inputOutput, operation: "open", path: path,
                message: unsafe "IO error: While syncing the names in \(parent): \(String(cString: strerror(errno)))")
        }
    }
}
