internal import Aggregates
internal import Glibc
internal import Records

/// The log of an entity with more than one chunk: groups of up to 32 chunks, with moments per chunk and per group.
///
///     root:   header | group … | first time of each group …
///     group:  header | chunk … | first time of each chunk … | valid values per column |
///             per column with moments: those of each chunk …, those of the group
///
/// Chunks are in order and never empty; so are groups. An event may come anywhere: a full chunk or group splits in
/// halves, or starts a new one where the event is the newest. So the shape depends on the order of arrival, and no value
/// may: all moments are exact.
@safe
struct ChunkTree: BitwiseCopyable, @unchecked Sendable {
    let base: UnsafeMutableRawPointer

    static let groupMax = 32

    struct Header: BitwiseCopyable {
        var groups: Int32
        var capacity: Int32
        var nextChunkID: UInt32
    }
    static let headerBytes = 16

    init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

    static func bytes(capacity: Int) -> Int { headerBytes + 16 * capacity }

    static func allocate(capacity: Int) -> ChunkTree {
        let tree = unsafe ChunkTree(.allocate(byteCount: bytes(capacity: capacity), alignment: 16))
        tree.header[0] = Header(groups: 0, capacity: Int32(capacity), nextChunkID: 0)
        return tree
    }

    var header: Lane<Header> { unsafe Lane(base.assumingMemoryBound(to: Header.self), count: 1) }
    var count: Int { Int(header[0].groups) }
    var capacity: Int { Int(header[0].capacity) }

    private var groupPointers: Lane<UInt> {
        unsafe Lane((base + ChunkTree.headerBytes).assumingMemoryBound(to: UInt.self), count: capacity)
    }
    var firstTimes: Lane<Int64> {
        unsafe Lane((base + ChunkTree.headerBytes + 8 * capacity).assumingMemoryBound(to: Int64.self), count: capacity)
    }
    subscript(_ index: Int) -> ChunkGroup { unsafe ChunkGroup(UnsafeMutableRawPointer(bitPattern: groupPointers[index])!) }

    /// Puts a group at `index`; the tree may move, the caller keeps the result.
    func inserting(_ group: ChunkGroup, at index: Int) -> ChunkTree {
        var tree = self
        if count == capacity {
            tree = ChunkTree.allocate(capacity: capacity * 2)
            tree.header[0].groups = header[0].groups
            tree.header[0].nextChunkID = header[0].nextChunkID
            tree.groupPointers.copy(from: groupPointers, at: 0, to: 0, count: count)
            tree.firstTimes.copy(from: firstTimes, at: 0, to: 0, count: count)
            unsafe base.deallocate()
        }
        let tail = tree.count - index
        tree.groupPointers.move(from: index, to: index + 1, count: tail)
        tree.firstTimes.move(from: index, to: index + 1, count: tail)
        unsafe tree.groupPointers[index] = UInt(bitPattern: group.base)
        tree.firstTimes[index] = group.firstTimes[0]
        tree.header[0].groups += 1
        return tree
    }

    func removeFirstGroup() {
        groupPointers.move(from: 1, to: 0, count: count - 1)
        firstTimes.move(from: 1, to: 0, count: count - 1)
        header[0].groups -= 1
    }

    func nextChunkID() -> UInt32 {
        defer { header[0].nextChunkID += 1 }
        return header[0].nextChunkID
    }

    /// The last group that begins at or before `time`, or the first.
    func group(at time: Int64) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low &+ high) >> 1
            if firstTimes[middle] <= time { low = middle &+ 1 } else { high = middle }
        }
        return max(0, low &- 1)
    }
}

/// Up to 32 chunks and what is known of each. See `ChunkTree`.
@safe
struct ChunkGroup: BitwiseCopyable, @unchecked Sendable {
    let base: UnsafeMutableRawPointer

    struct Header: BitwiseCopyable {
        var chunks: Int32
        var events: Int32
    }
    static let chunkMax = ChunkTree.groupMax

    init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

    private static let chunksAt = 16
    private static let firstTimesAt = chunksAt + 8 * chunkMax
    private static let countsAt = firstTimesAt + 8 * chunkMax
    private static func momentsAt(_ layout: LogLayout) -> Int { (countsAt + 4 * layout.columns.count + 15) & ~15 }

    static func bytes(_ layout: LogLayout) -> Int {
        momentsAt(layout) + layout.momentCount * (chunkMax + 1) * MemoryLayout<Moments>.stride
    }

    static func allocate(_ layout: LogLayout) -> ChunkGroup {
        let group = unsafe ChunkGroup(.allocate(byteCount: bytes(layout), alignment: 16))
        group.header[0] = Header(chunks: 0, events: 0)
        return group
    }

    var header: Lane<Header> { unsafe Lane(base.assumingMemoryBound(to: Header.self), count: 1) }
    var count: Int { Int(header[0].chunks) }
    var events: Int { Int(header[0].events) }

    private var chunkPointers: Lane<UInt> {
        unsafe Lane((base + ChunkGroup.chunksAt).assumingMemoryBound(to: UInt.self), count: ChunkGroup.chunkMax)
    }
    var firstTimes: Lane<Int64> {
        unsafe Lane((base + ChunkGroup.firstTimesAt).assumingMemoryBound(to: Int64.self), count: ChunkGroup.chunkMax)
    }
    /// Valid values in the group, by column.
    func validCounts(_ layout: LogLayout) -> Lane<Int32> {
        unsafe Lane((base + ChunkGroup.countsAt).assumingMemoryBound(to: Int32.self), count: layout.columns.count)
    }
    /// Moments of a column: of chunk i at i, of the whole group at `chunkMax`. Requires: the column keeps them.
    func moments(_ column: LogLayout.Column, _ layout: LogLayout) -> Lane<Moments> {
        let stride = (ChunkGroup.chunkMax + 1) * MemoryLayout<Moments>.stride
        let start = unsafe base + (ChunkGroup.momentsAt(layout) + column.moments * stride)
        return unsafe Lane(start.assumingMemoryBound(to: Moments.self), count: ChunkGroup.chunkMax + 1)
    }
    subscript(_ index: Int) -> Chunk { unsafe Chunk(UnsafeMutableRawPointer(bitPattern: chunkPointers[index])!) }

    /// The last chunk that begins at or before `time`, or the first.
    func chunk(at time: Int64) -> Int {
        var index = count &- 1
        while index > 0 && firstTimes[index] > time { index &-= 1 }
        return index
    }

    /// Puts a chunk at `index`. Requires: room for it. The group's own figures are stale until `summarize`.
    func insert(_ chunk: Chunk, at index: Int, _ layout: LogLayout) {
        let tail = count - index
        chunkPointers.move(from: index, to: index + 1, count: tail)
        firstTimes.move(from: index, to: index + 1, count: tail)
        unsafe chunkPointers[index] = UInt(bitPattern: chunk.base)
        for column in layout.columns where column.moments >= 0 {
            moments(column, layout).move(from: index, to: index + 1, count: tail)
        }
        header[0].chunks += 1
        summarizeChunk(index, layout)
    }

    /// Puts a chunk that has no event yet at the end; the next event goes into it. Requires: room for it.
    func appendEmpty(_ chunk: Chunk, _ layout: LogLayout) {
        let index = count
        unsafe chunkPointers[index] = UInt(bitPattern: chunk.base)
        firstTimes[index] = .max
        for column in layout.columns where column.moments >= 0 { moments(column, layout)[index] = Moments() }
        header[0].chunks += 1
        if index == 0 {
            for position in 0..<layout.columns.count { validCounts(layout)[position] = 0 }
            for column in layout.columns where column.moments >= 0 { moments(column, layout)[ChunkGroup.chunkMax] = Moments() }
        }
    }

    /// Takes chunk `index` for another, with new figures. The group's own are stale until `summarize`.
    func replace(_ index: Int, by chunk: Chunk, _ layout: LogLayout) {
        unsafe chunkPointers[index] = UInt(bitPattern: chunk.base)
        summarizeChunk(index, layout)
    }

    func summarizeChunk(_ index: Int, _ layout: LogLayout) {
        let chunk = self[index]
        firstTimes[index] = chunk.firstTime(layout)
        for (position, column) in layout.columns.enumerated() where column.moments >= 0 {
            var moments = Moments()
            chunk.addMoments(position, from: 0, to: chunk.count, to: &moments, layout)
            self.moments(column, layout)[index] = moments
        }
    }

    /// The first `length` chunks leave the group; the caller owns them. The group's own figures are stale until `summarize`.
    func removeFirst(_ length: Int, _ layout: LogLayout) {
        let rest = count - length
        chunkPointers.move(from: length, to: 0, count: rest)
        firstTimes.move(from: length, to: 0, count: rest)
        for column in layout.columns where column.moments >= 0 { moments(column, layout).move(from: length, to: 0, count: rest) }
        header[0].chunks = Int32(rest)
    }

    /// Moves the chunks from `index` on to the end of another, empty group.
    func moveSuffix(from index: Int, to other: ChunkGroup, _ layout: LogLayout) {
        let length = count - index
        other.chunkPointers.copy(from: chunkPointers, at: index, to: 0, count: length)
        other.firstTimes.copy(from: firstTimes, at: index, to: 0, count: length)
        for column in layout.columns where column.moments >= 0 {
            other.moments(column, layout).copy(from: moments(column, layout), at: index, to: 0, count: length)
        }
        other.header[0].chunks = Int32(length)
        header[0].chunks = Int32(index)
    }

    /// The group's own figures from those of its chunks.
    func summarize(_ layout: LogLayout) {
        header[0].events = 0
        for index in 0..<count { header[0].events += Int32(self[index].count) }
        for (position, column) in layout.columns.enumerated() {
            var valid: Int32 = 0
            for index in 0..<count { valid += Int32(self[index].validity(position).nonzeroBitCount) }
            validCounts(layout)[position] = valid
            guard column.moments >= 0 else { continue }
            let moments = moments(column, layout)
            var total = Moments()
            for index in 0..<count { total.merge(moments[index]) }
            moments[ChunkGroup.chunkMax] = total
        }
    }

    /// One event more in chunk `index`, at `row` of the batch.
    func addEvent(_ batch: EventBatch, row: Int, chunk index: Int, _ layout: LogLayout) {
        header[0].events &+= 1
        firstTimes[index] = self[index].firstTime(layout)
        for position in 0..<layout.columns.count where batch.valid[position][row] != 0 {
            validCounts(layout)[position] &+= 1
            let column = layout.columns[position]
            guard column.moments >= 0 else { continue }
            let moments = moments(column, layout)
            let word = batch.words[position][row]
            // In place: a copy out and back would cost more than the addition.
            unsafe (moments.pointer + index).pointee.add(word)
            unsafe (moments.pointer + ChunkGroup.chunkMax).pointee.add(word)
        }
    }
}
