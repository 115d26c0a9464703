public import Engine
internal import Records
internal import RocksDB
internal import Windows

/// The keyed state of one worker in RocksDB. Reads and commits may come from different threads.
public final class StateStore: Sendable {
    private let database: Database
    public let path: String

    /// - Parameters:
    ///   - readOnly: looks at what was committed by the moment of opening, beside a worker that goes on writing.
    ///   - isTransient: the state dies with the process, so nothing is done to make it last.
    ///   - commitsKnown: how many commits are known to have been durable: a commit beyond them that is torn in the journal is dropped, as that
    ///     of a machine that went down meanwhile. nil: a damaged journal is an error, whatever is damaged.
    public init(
        path: String, readOnly: Bool = false, isTransient: Bool = false, commitsKnown: UInt64? = nil
    ) throws(StoreError) {
        var options = DatabaseOptions()
        options.readOnly = readOnly
        options.createIfMissing = !readOnly
        options.keepsJournal = !isTransient
        do throws(RocksDBError) {
            database = try Database(path: path, options: options)
        } catch {
            guard error.isCorruption, let commitsKnown else { throw StoreError(error) }
            database = try StateStore.open(withoutTornCommit: path, options, commitsKnown: commitsKnown, error)
        }
        self.path = path
    }

    private init(_ database: Database) {
        self.database = database
        path = database.path
    }

    /// A crash of the machine may leave any parts of a commit that was on its way to the disk, holes between them included. Whether there
    /// is no more than that is looked at before anything is changed.
    private static func open(
        withoutTornCommit path: String, _ wanted: DatabaseOptions, commitsKnown: UInt64, _ error: RocksDBError
    ) throws(StoreError) -> Database {
        var options = wanted
        options.dropsBehindDamage = true
        options.readOnly = true
        // The manifest may be torn too, which only who owns the state mends.
        let manifest = wanted.readOnly ? nil : TornManifest(of: path)
        defer { manifest?.removeLook() }
        if let manifest {
            guard manifest.makeLook() else { throw StoreError(error) }
            options.files = path
        }
        let found: Database
        do throws(RocksDBError) {
            found = try Database(path: manifest?.look ?? path, options: options)
        } catch _ { throw StoreError(error) }
        let store = StateStore(found)
        defer { store.close() }
        guard found.endsWithLastWrite, try store.mark()?.commits ?? 0 >= commitsKnown else { throw StoreError(error) }
        options.readOnly = wanted.readOnly
        options.files = nil
        do throws(RocksDBError) {
            try manifest?.cut()
            return try Database(path: path, options: options)
        } catch { throw StoreError(error) }
    }

    /// Large buffers go back to the system as soon as they are free. Call once, before other threads start.
    public static func returnMemoryEagerly() { NativeMemory.returnEagerly() }

    /// Where RocksDB's memory is, for the debug log.
    public var memoryReport: String {
        func mebibytes(_ property: String) -> String { database.number(property).map { "\($0 >> 20) MiB" } ?? "?" }
        return "memtables \(mebibytes("rocksdb.size-all-mem-tables")), block cache \(mebibytes("rocksdb.block-cache-usage"))"
            + " (pinned \(mebibytes("rocksdb.block-cache-pinned-usage"))), table readers \(mebibytes("rocksdb.estimate-table-readers-mem"))"
    }

    public func close() { database.close() }

    /// What the last commit fixed; nil where there was none.
    public func checkpoint() throws(StoreError) -> Checkpoint? {
        var key = ByteWriter()
        StateKey.appendCheckpoint(to: &key)
        return try row(key, "checkpoint") { (reader: inout ByteReader) throws(CorruptBytes) in try Checkpoint(decoding: &reader) }
    }

    /// A row by its key, decoded; nil where there is none. `what` names it where it is corrupt.
    func row<Row>(
        _ key: borrowing ByteWriter, _ what: String, _ decode: (inout ByteReader) throws(CorruptBytes) -> Row
    ) throws(StoreError) -> Row? {
        var result: Row?
        var isCorrupt = false
        try reporting { () throws(RocksDBError) in
            try unsafe key.withBytes { (key: UnsafeRawBufferPointer) throws(RocksDBError) in
                try unsafe database.get(key) { value in
                    guard let value = unsafe value else { return }
                    var reader = unsafe ByteReader(value)
                    do throws(CorruptBytes) { result = try decode(&reader) } catch { isCorrupt = true }
                }
            }
        }
        if isCorrupt { throw StoreError("\(path): the \(what) row is corrupt or of another format version") }
        return result
    }

    /// The mark of the last commit; nil where there was none, or one of a version that made no marks.
    public func mark() throws(StoreError) -> CommitMark? {
        var key = ByteWriter()
        StateKey.appendMark(to: &key)
        var result: CommitMark?
        var isCorrupt = false
        try reporting { () throws(RocksDBError) in
            try unsafe key.withBytes { (key: UnsafeRawBufferPointer) throws(RocksDBError) in
                try unsafe database.get(key) { value in
                    guard let value = unsafe value else { return }
                    var reader = unsafe ByteReader(value)
                    do throws(CorruptBytes) { result = try CommitMark(decoding: &reader) } catch { isCorrupt = true }
                }
            }
        }
        if isCorrupt { throw StoreError("\(path): the mark of the last commit is corrupt or of another format version") }
        return result
    }

    /// Reads every row, and so compares all that is stored with its checksums; gives how many there are.
    public func readAll() throws(StoreError) -> Int {
        var count = 0
        try reporting { () throws(RocksDBError) in
            try unsafe database.scan(from: UnsafeRawBufferPointer(start: nil, count: 0), to: nil, caching: false) { _, _ in
                count += 1
                return true
            }
        }
        return count
    }

    /// Brings the logs that a shard awaits: one multi-get, and a scan for each long log.
    public func bring(_ shard: inout Shard, _ id: ShardID) throws(StoreError) {
        guard !shard.awaited.isEmpty else { return }
        shard.sortAwaited()
        let awaited = shard.awaited
        var keys = KeyList(keysExpected: awaited.count, bytesExpected: awaited.count * 32)
        var key = ByteWriter()
        for entity in awaited {
            key.removeAll()
            unsafe shard.withKey(entity) { unsafe StateKey.append(entity: $1, hash: $0, shard: id, .head, to: &key) }
            unsafe key.withBytes { unsafe keys.append($0) }
        }
        let layout = shard.program.layout
        var long: [(entity: UInt32, head: LogCodec.DecodedHead)] = []
        var isCorrupt = false
        try reporting { () throws(RocksDBError) in
            // What was asked for is in memory from now on: it is not asked for again before many others.
            try unsafe database.multiGet(keys, caching: false) { index, value in
                guard let value = unsafe value else {
                    shard.installNew(awaited[index])
                    return
                }
                do throws(CorruptBytes) {
                    let head = try unsafe LogCodec.decodeHead(value, layout)
                    guard let chunk = head.chunk else {
                        long.append((awaited[index], head))
                        return
                    }
                    var log = TimeLog()
                    let bytes = log.install(chunk, layout)
                    log.trimmedThrough = head.trimmedThrough
                    shard.install(awaited[index], log: log, logBytes: bytes)
                } catch {
                    isCorrupt = true
                }
            }
        }
        for (entity, head) in long {
            key.removeAll()
            unsafe shard.withKey(entity) { unsafe StateKey.append(entity: $1, hash: $0, shard: id, .chunk, to: &key) }
            key.truncate(to: key.count - 4)
            var log = TimeLog()
            log.trimmedThrough = head.trimmedThrough
            let (bytes, parts) = try bringChunks(&log, prefix: key, nextChunkID: head.nextChunkID, layout)
            // What the expiry filter took was behind the horizon.
            if parts < head.partCount { log.trimmedThrough = max(log.trimmedThrough, shard.expiredThrough.microseconds) }
            shard.install(entity, log: log, logBytes: bytes)
        }
        shard.clearAwaited()
        if isCorrupt { throw StoreError("\(path): an entity's row is corrupt or of another format version") }
    }

    private func bringChunks(
        _ log: inout TimeLog, prefix: borrowing ByteWriter, nextChunkID: UInt32, _ layout: LogLayout
    ) throws(StoreError) -> (bytes: Int, parts: Int) {
        var chunks: [Chunk] = []
        var tiles: [TileBlock] = []
        var isCorrupt = false
        try reporting { () throws(RocksDBError) in
            try unsafe prefix.withBytes { (prefix: UnsafeRawBufferPointer) throws(RocksDBError) in
                try unsafe database.scan(prefix: prefix, caching: false) { key, value in
                    let id = unsafe UInt32(bigEndian: key.loadUnaligned(fromByteOffset: key.count - 4, as: UInt32.self))
                    // Of an older log under the same name, whose head the expiry filter took first: the ids from here on will
                    // be given out again, and its leaving would take their rows along.
                    if id >= nextChunkID { return true }
                    do throws(CorruptBytes) {
                        switch try unsafe LogCodec.decodePart(value, id: id, layout) {
                        case .chunk(let chunk): chunks.append(chunk)
                        case .tiles(let block): tiles.append(block)
                        }
                    } catch {
                        isCorrupt = true
                    }
                    return !isCorrupt
                }
            }
        }
        if isCorrupt {
            for chunk in chunks { TimeLog.discard(chunk, layout) }
            throw StoreError("\(path): a chunk row is corrupt or of another format version")
        }
        // The expiry filter may have taken all of a log that is out of every window's reach.
        guard !chunks.isEmpty else { return (0, 0) }
        let bytes = log.install(chunks: chunks, nextChunkID: nextChunkID, layout)
        return (bytes + log.install(tiles: tiles, layout), chunks.count + tiles.count)
    }

    /// Gives back to a shard the rows that waited for the watermark at the last commit.
    public func restorePending(_ shard: inout Shard, _ id: ShardID, _ state: Checkpoint.ShardState) throws(StoreError) {
        var isCorrupt = false
        for run in state.pending {
            var key = ByteWriter()
            StateKey.appendPending(id, sequence: run.sequence, to: &key)
            try reporting { () throws(RocksDBError) in
                try unsafe key.withBytes { (key: UnsafeRawBufferPointer) throws(RocksDBError) in
                    try unsafe database.get(key) { value in
                        guard let value = unsafe value else {
                            isCorrupt = true
                            return
                        }
                        do throws(CorruptBytes) {
                            try unsafe restore(value, &shard, finishedThrough: state.finishedThrough.microseconds)
                        } catch { isCorrupt = true }
                    }
                }
            }
        }
        if isCorrupt { throw StoreError("\(path): a row of waiting snapshots is missing, corrupt or of another format version") }
    }

    private func restore(_ value: UnsafeRawBufferPointer, _ shard: inout Shard, finishedThrough: Int64) throws(CorruptBytes) {
        var reader = unsafe ByteReader(value)
        while reader.remaining > 0 {
            let time = try reader.read(Int64.self)
            let partition = Int32(truncatingIfNeeded: try reader.readZigzag())
            let offset = try reader.readZigzag()
            let hash = try reader.read(UInt64.self)
            let length = try reader.readVarint()
            guard length <= UInt64(reader.remaining) else { throw CorruptBytes() }
            let key = unsafe try reader.read(length: Int(length))
            // Rows of a run that were finished before the commit are out already.
            guard time > finishedThrough else { continue }
            unsafe shard.restorePending(hash: hash, key: key, time: time, partition: partition, offset: offset)
        }
    }

    /// Bytes of rows that are written at once where nobody asks for all or nothing.
    private static let sliceBytes = 16 << 20

    /// Writes what the shards contributed, the checkpoint and, where there is one, its mark.
    ///
    /// Durable: all or nothing, and on disk when this returns. Otherwise in slices, to keep memory small: for state that
    /// dies with the process.
    public func commit(
        _ rows: [CommitRows], _ checkpoint: Checkpoint, mark: CommitMark? = nil, isDurable: Bool
    ) throws(StoreError) {
        var batch = WriteBatch()
        for rows in rows {
            try unsafe rows.lendRows { (row: CommitRows.Row) throws(StoreError) in
                unsafe row.append(to: &batch)
                if !isDurable && batch.byteCount > StateStore.sliceBytes {
                    try reporting { () throws(RocksDBError) in try database.write(batch, sync: false) }
                    batch.clear()
                }
            }
        }
        var key = ByteWriter()
        StateKey.appendCheckpoint(to: &key)
        // What waits for the watermark is not left to expiry.
        for (shard, state) in checkpoint.left {
            for run in state.pending {
                var key = ByteWriter()
                StateKey.appendPending(shard, sequence: run.sequence, to: &key)
                unsafe key.withBytes { unsafe batch.delete($0) }
            }
        }
        var checkpoint = checkpoint
        for shard in checkpoint.left.keys { checkpoint.shards[shard]?.pending = [] }
        var value = ByteWriter()
        checkpoint.encode(into: &value)
        unsafe key.withBytes { key in unsafe value.withBytes { unsafe batch.put(key, $0) } }
        if let mark {
            key.removeAll()
            value.removeAll()
            StateKey.appendMark(to: &key)
            mark.encode(into: &value)
            unsafe key.withBytes { key in unsafe value.withBytes { unsafe batch.put(key, $0) } }
        }
        try reporting { () throws(RocksDBError) in try database.write(batch, sync: isDurable) }
        restoreHorizons(checkpoint)
    }

    /// Lets compaction go on dropping what the last commit allowed it to. After opening.
    public func restoreHorizons(_ checkpoint: Checkpoint) {
        for (shard, state) in checkpoint.shards where state.expiredThrough > .distantPast {
            database.setExpiryHorizon(shard: shard.number, newestTimeMax: state.expiredThrough.microseconds)
        }
    }

    /// Removes a folder and all state in it. Requires: it is closed.
    public static func destroy(path: String) throws(StoreError) {
        do throws(RocksDBError) { try Database.destroy(path: path) } catch { throw StoreError(error) }
    }

    /// Moves what the journal holds into table files: the next opening has nothing to replay.
    public func flush() throws(StoreError) {
        try reporting { () throws(RocksDBError) in try database.flush() }
    }

    /// Rewrites all files, so that the rows that may go do. Long; not for the loop's threads.
    public func compact() throws(StoreError) {
        try reporting { () throws(RocksDBError) in try unsafe database.compact(from: nil, to: nil) }
    }

    private func reporting<R>(_ body: () throws(RocksDBError) -> R) throws(StoreError) -> R {
        do throws(RocksDBError) { return try body() } catch { throw StoreError(error) }
    }
}
