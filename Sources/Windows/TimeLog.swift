internal import Aggregates
internal import Records

/// One entity's events in order of (time, partition, offset): the truth that every value is evaluated from.
///
/// Up to 128 events are one chunk; a longer log is a tree of chunks with moments per chunk and per group of chunks.
/// The log is plain memory with one owner, the shard, which calls `free`. Events may be inserted anywhere. Events that no
/// window can reach any more leave when room is needed; `trimmedThrough` remembers up to where.
@safe
public struct TimeLog: BitwiseCopyable, @unchecked Sendable {
    /// A `Chunk` or, with the lowest bit set, a `ChunkTree`; 0 while the log is empty.
    private var root: UInt
    /// The newest time of all events that have left: what lies at or before it is not known any more.
    public var trimmedThrough: Int64

    public init() {
        root = 0
        trimmedThrough = .min
    }

    @inline(__always)
    public var isEmpty: Bool { root == 0 }
    @inline(__always)
    public var hasManyChunks: Bool { root & 1 == 1 }
    @inline(__always)
    var rootAddress: UInt { root & ~1 }

    /// The time of the newest event. Requires: not empty.
    public func newestTime(_ layout: LogLayout) -> Int64 {
        hasManyChunks ? tree.header[0].newest : chunk.lastTime(layout)
    }

    /// Requires: neither empty nor many.
    @inline(__always)
    var chunk: Chunk {
        get { unsafe Chunk(UnsafeMutableRawPointer(bitPattern: root)!) }
        set { root = unsafe UInt(bitPattern: newValue.base) }
    }

    /// Requires: `hasManyChunks`.
    @inline(__always)
    var tree: ChunkTree {
        get { unsafe ChunkTree(UnsafeMutableRawPointer(bitPattern: rootAddress)!) }
        set { root = unsafe UInt(bitPattern: newValue.base) | 1 }
    }

    /// Frees all memory; gives the bytes that were held.
    public mutating func free(_ layout: LogLayout) -> Int {
        guard !isEmpty else { return 0 }
        var freed = 0
        if hasManyChunks {
            freed += freeTiles(layout)
            for index in 0..<tree.count {
                let group = tree.group(index, layout)
                for position in 0..<group.count { freed += group[position].free(layout) }
                freed += group.free(layout)
            }
            freed += tree.free(layout)
        } else {
            freed = chunk.free(layout)
        }
        root = 0
        return freed
    }

    /// Puts event `row` of the batch in its place.
    ///
    /// - Parameters:
    ///   - horizon: events out of reach of every window leave when room is needed; others become tiles where the layout says so.
    ///   - removed: the ids of chunks that left and may lie in the store.
    ///   - bytes: grows and shrinks with the memory that the log holds.
    public mutating func insert(
        _ batch: EventBatch, row: Int, horizon: LogHorizon, removed: inout [UInt32], bytes: inout Int, _ layout: LogLayout
    ) {
        if isEmpty {
            chunk = Chunk.allocate(for: batch, row: row, capacity: 1, id: 0, isOneOfMany: false, layout)
            bytes += chunk.bytes(layout)
        } else if !hasManyChunks {
            makeRoom(batch, row: row, horizon: horizon.reach, bytes: &bytes, layout)
        }
        if hasManyChunks {
            insertIntoTree(batch, row: row, horizon: horizon, removed: &removed, bytes: &bytes, layout)
            return
        }
        let chunk = chunk
        let before = layout.hasText ? chunk.heapBytes : 0
        let position = chunk.insertionPosition(
            time: batch.times[row], partition: batch.partitions[row], offset: batch.offsets[row], layout)
        chunk.insert(batch, row: row, at: position, layout)
        if layout.hasText { bytes += chunk.heapBytes - before }
    }

    /// The one chunk sheds what is out of reach if it is full, and grows if that is not enough; or becomes the first of a tree.
    @inline(__always)
    private mutating func makeRoom(_ batch: EventBatch, row: Int, horizon: Int64, bytes: inout Int, _ layout: LogLayout) {
        let chunk = chunk
        guard chunk.count == chunk.capacity else {
            self.chunk = chunk.admitting(batch, row: row, capacity: chunk.capacity, bytes: &bytes, layout)
            return
        }
        makeRoomInFull(batch, row: row, horizon: horizon, bytes: &bytes, layout)
    }

    private mutating func makeRoomInFull(
        _ batch: EventBatch, row: Int, horizon: Int64, bytes: inout Int, _ layout: LogLayout
    ) {
        let full = chunk
        let expired = full.position(after: horizon, layout)
        if expired > 0 { trimmedThrough = max(trimmedThrough, full.time(expired - 1, layout)) }
        // Where an eighth leaves, moving the rest up is paid for by the events that come next. Texts pile up in the heap.
        if expired >= max(1, full.capacity / 8) && expired < full.count && full.heapBytes == 0 {
            full.removeFirst(expired, layout)
            chunk = full.admitting(batch, row: row, capacity: full.capacity, bytes: &bytes, layout)
            return
        }
        let kept = full.count - expired
        if kept == Chunk.eventsMax {
            plantTree(full, bytes: &bytes, layout)
            return
        }
        var capacity = full.capacity
        if expired < max(1, full.capacity / 8) && capacity < Chunk.eventsMax { capacity = Chunk.nextCapacity(capacity) }
        if expired >= capacity * 3 / 4 { capacity = Chunk.capacity(for: max(1, 2 * (kept + 1))) }
        chunk = full.admitting(batch, row: row, from: expired, capacity: capacity, bytes: &bytes, layout)
    }

    /// The one chunk becomes the first of many.
    private mutating func plantTree(_ chunk: Chunk, bytes: inout Int, _ layout: LogLayout) {
        let full = chunk.flagging(bytes: &bytes, layout)
        full.header[0].id = 0
        full.state = .dirty
        let tree = ChunkTree.allocate(capacity: 2, layout)
        tree.header[0].nextChunkID = 1
        let group = ChunkGroup.allocate(capacity: 4, layout)
        group.insert(full, at: 0, layout)
        group.summarize(layout)
        bytes += tree.bytes(layout) + ChunkGroup.bytes(capacity: 4, layout)
        tree.header[0].newest = full.lastTime(layout)
        self.tree = tree.inserting(group, at: 0, layout)
    }
}
