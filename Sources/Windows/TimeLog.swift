internal import Aggregates
internal import Records

/// One entity's events in order of (time, partition, offset): the truth that every value is evaluated from.
///
/// Up to 64 events are one chunk; a longer log is a tree of chunks with moments per chunk and per group of chunks.
/// The log is plain memory with one owner, the shard, which calls `free`. Events may be inserted anywhere. Events that no
/// window can reach any more leave when room is needed; `trimmedThrough` remembers up to where.
@safe
public struct TimeLog: BitwiseCopyable, @unchecked Sendable {
    /// A `Chunk` or a `ChunkTree`, or nil while the log is empty.
    var root: UnsafeMutableRawPointer?
    var isTree: Bool
    /// The newest time of all events that have left: what lies at or before it is not known any more.
    public var trimmedThrough: Int64

    public init() {
        unsafe root = nil
        isTree = false
        trimmedThrough = .min
    }

    public var isEmpty: Bool { unsafe root == nil }
    public var hasManyChunks: Bool { isTree }

    var chunk: Chunk { unsafe Chunk(root!) }
    var tree: ChunkTree {
        get { unsafe ChunkTree(root!) }
        set { unsafe root = newValue.base }
    }

    private mutating func set(_ chunk: Chunk) { unsafe root = chunk.base }

    /// Frees all memory; gives the bytes that were held.
    public mutating func free(_ layout: LogLayout) -> Int {
        guard !isEmpty else { return 0 }
        var freed = 0
        if isTree {
            for index in 0..<tree.count {
                let group = tree[index]
                for position in 0..<group.count { freed += group[position].free(layout) }
                freed += ChunkGroup.bytes(layout)
                unsafe group.base.deallocate()
            }
            freed += ChunkTree.bytes(capacity: tree.capacity)
            unsafe tree.base.deallocate()
        } else {
            freed = chunk.free(layout)
        }
        unsafe root = nil
        isTree = false
        return freed
    }

    /// Puts event `row` of the batch in its place.
    ///
    /// - Parameters:
    ///   - horizon: events at or before it are out of reach of every window and leave when room is needed.
    ///   - removed: the ids of chunks that left and may lie in the store.
    ///   - bytes: grows and shrinks with the memory that the log holds.
    public mutating func insert(
        _ batch: EventBatch, row: Int, horizon: Int64, removed: inout [UInt32], bytes: inout Int, _ layout: LogLayout
    ) {
        if isTree {
            insertIntoTree(batch, row: row, horizon: horizon, removed: &removed, bytes: &bytes, layout)
            return
        }
        if isEmpty {
            let chunk = Chunk.allocate(capacity: Chunk.eventsMin, layout)
            bytes += chunk.bytes(layout)
            set(chunk)
        }
        if chunk.count == chunk.capacity { makeRoom(horizon: horizon, bytes: &bytes, layout) }
        if isTree {
            insertIntoTree(batch, row: row, horizon: horizon, removed: &removed, bytes: &bytes, layout)
            return
        }
        let chunk = chunk
        let before = layout.hasText ? chunk.bytes(layout) : 0
        let position = chunk.insertionPosition(
            time: batch.times[row], partition: batch.partitions[row], offset: batch.offsets[row], layout)
        chunk.insert(batch, row: row, at: position, layout)
        if layout.hasText { bytes += chunk.bytes(layout) - before }
    }

    /// A full chunk sheds what is out of reach, grows, or becomes the first of a tree.
    private mutating func makeRoom(horizon: Int64, bytes: inout Int, _ layout: LogLayout) {
        let full = chunk
        let expired = full.position(after: horizon, layout)
        if expired > 0 { trimmedThrough = max(trimmedThrough, full.times(layout)[expired - 1]) }
        let kept = full.count - expired
        if kept == Chunk.eventsMax {
            full.header[0].id = 0
            full.state = .dirty
            let tree = ChunkTree.allocate(capacity: 4)
            tree.header[0].nextChunkID = 1
            let group = ChunkGroup.allocate(layout)
            group.insert(full, at: 0, layout)
            group.summarize(layout)
            bytes += ChunkTree.bytes(capacity: 4) + ChunkGroup.bytes(layout)
            self.tree = tree.inserting(group, at: 0)
            isTree = true
            return
        }
        // A chunk that shed a quarter is roomy enough; otherwise the next size, so that growth stays amortised.
        var capacity = full.capacity
        if expired == 0 || kept > capacity * 3 / 4 { capacity = min(Chunk.eventsMax, capacity * 2) }
        let larger = full.copy(from: expired, to: full.count, capacity: capacity, id: full.id, layout)
        larger.state = full.state.union(.dirty)
        bytes += larger.bytes(layout)
        bytes -= full.free(layout)
        set(larger)
    }

    private mutating func insertIntoTree(
        _ batch: EventBatch, row: Int, horizon: Int64, removed: inout [UInt32], bytes: inout Int, _ layout: LogLayout
    ) {
        let time = batch.times[row]
        var groupIndex = tree.group(at: time)
        var group = tree[groupIndex]
        var chunkIndex = group.chunk(at: time)
        // Among events of one time the order goes on by partition and offset, so an earlier chunk may be the right one.
        if layout.isOrdered {
            while group[chunkIndex].firstTime(layout) == time,
                group[chunkIndex].insertionPosition(
                    time: time, partition: batch.partitions[row], offset: batch.offsets[row], layout) == 0
            {
                if chunkIndex > 0 {
                    chunkIndex -= 1
                } else if groupIndex > 0 {
                    groupIndex -= 1
                    group = tree[groupIndex]
                    chunkIndex = group.count - 1
                } else {
                    break
                }
            }
        }
        var chunk = group[chunkIndex]
        var position = chunk.insertionPosition(time: time, partition: batch.partitions[row], offset: batch.offsets[row], layout)
        if chunk.count == Chunk.eventsMax {
            let isNewest =
                position == chunk.count && chunkIndex == group.count - 1 && groupIndex == tree.count - 1
            (groupIndex, chunkIndex) = addChunk(
                group: groupIndex, chunk: chunkIndex, isNewest: isNewest, position: &position, bytes: &bytes, layout)
            group = tree[groupIndex]
            chunk = group[chunkIndex]
            if isNewest { trimTree(horizon: horizon, removed: &removed, bytes: &bytes, layout) }
            if isNewest {
                groupIndex = tree.count - 1
                group = tree[groupIndex]
                chunkIndex = group.count - 1
            }
        }
        if chunk.count == chunk.capacity {
            let larger = chunk.copy(
                from: 0, to: chunk.count, capacity: min(Chunk.eventsMax, chunk.capacity * 2), id: chunk.id, layout)
            larger.state = chunk.state.union(.dirty)
            bytes += larger.bytes(layout)
            bytes -= chunk.free(layout)
            chunk = larger
            group.replace(chunkIndex, by: chunk, layout)
        }
        let before = layout.hasText ? chunk.bytes(layout) : 0
        chunk.insert(batch, row: row, at: position, layout)
        if layout.hasText { bytes += chunk.bytes(layout) - before }
        group.addEvent(batch, row: row, chunk: chunkIndex, layout)
        if chunkIndex == 0 { tree.firstTimes[groupIndex] = group.firstTimes[0] }
    }

    /// Makes a chunk with room where a full one is: a new one behind the newest, else the full one's upper half.
    /// Gives where the event now belongs.
    private mutating func addChunk(
        group groupIndex: Int, chunk chunkIndex: Int, isNewest: Bool, position: inout Int, bytes: inout Int, _ layout: LogLayout
    ) -> (group: Int, chunk: Int) {
        var (groupIndex, chunkIndex) = (groupIndex, chunkIndex)
        var group = tree[groupIndex]
        if group.count == ChunkGroup.chunkMax {
            let next = ChunkGroup.allocate(layout)
            bytes += ChunkGroup.bytes(layout)
            if isNewest {
                let chunk = Chunk.allocate(capacity: Chunk.eventsMax, id: tree.nextChunkID(), layout)
                bytes += chunk.bytes(layout)
                // The chunk has no event yet: its first time is set when it gets one.
                next.appendEmpty(chunk, layout)
                let held = tree.capacity
                tree = tree.inserting(next, at: tree.count)
                bytes += ChunkTree.bytes(capacity: tree.capacity) - ChunkTree.bytes(capacity: held)
                position = 0
                return (tree.count - 1, 0)
            }
            let half = ChunkGroup.chunkMax / 2
            group.moveSuffix(from: half, to: next, layout)
            group.summarize(layout)
            next.summarize(layout)
            let held = tree.capacity
            tree = tree.inserting(next, at: groupIndex + 1)
            bytes += ChunkTree.bytes(capacity: tree.capacity) - ChunkTree.bytes(capacity: held)
            if chunkIndex >= half {
                groupIndex += 1
                chunkIndex -= half
                group = next
            }
        }
        if isNewest {
            let chunk = Chunk.allocate(capacity: Chunk.eventsMax, id: tree.nextChunkID(), layout)
            bytes += chunk.bytes(layout)
            group.appendEmpty(chunk, layout)
            position = 0
            return (groupIndex, chunkIndex + 1)
        }
        let full = group[chunkIndex]
        let half = Chunk.eventsMax / 2
        let lower = full.copy(from: 0, to: half, capacity: Chunk.eventsMax, id: full.id, layout)
        lower.state = full.state.union(.dirty)
        let upper = full.copy(from: half, to: full.count, capacity: Chunk.eventsMax, id: tree.nextChunkID(), layout)
        bytes += lower.bytes(layout) + upper.bytes(layout)
        bytes -= full.free(layout)
        group.replace(chunkIndex, by: lower, layout)
        group.insert(upper, at: chunkIndex + 1, layout)
        if position > half {
            chunkIndex += 1
            position -= half
        }
        return (groupIndex, chunkIndex)
    }

    /// Whole chunks out of every window's reach leave from the front; the newest chunk always stays.
    private mutating func trimTree(horizon: Int64, removed: inout [UInt32], bytes: inout Int, _ layout: LogLayout) {
        while true {
            let group = tree[0]
            let isOnly = tree.count == 1
            var expired = 0
            while expired < group.count - (isOnly ? 1 : 0) {
                let chunk = group[expired]
                guard chunk.count > 0, chunk.lastTime(layout) <= horizon else { break }
                trimmedThrough = max(trimmedThrough, chunk.lastTime(layout))
                if chunk.state.contains(.stored) { removed.append(chunk.id) }
                bytes -= chunk.free(layout)
                expired += 1
            }
            guard expired > 0 else { return }
            if expired == group.count {
                bytes -= ChunkGroup.bytes(layout)
                unsafe group.base.deallocate()
                tree.removeFirstGroup()
                continue
            }
            group.removeFirst(expired, layout)
            group.summarize(layout)
            tree.firstTimes[0] = group.firstTimes[0]
            return
        }
    }
}
