internal import Records

/// The log of an entity with more than one chunk: groups of up to 32 chunks, with moments per chunk and per group.
///
///     header | group … | first time of each group …
///
/// Chunks are in order and never empty; so are groups. An event may come anywhere: a full chunk or group splits in
/// halves, or starts a new one where the event is the newest. So the shape depends on the order of arrival, and no value
/// may: all moments are exact.
@safe
struct ChunkTree: BitwiseCopyable, @unchecked Sendable {
    let base: UnsafeMutableRawPointer

    struct Header: BitwiseCopyable {
        var groups: Int32
        var capacity: Int32
        var nextChunkID: UInt32
    }
    private static let headerBytes = 16

    init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

    private static func bytes(capacity: Int) -> Int { headerBytes + 16 * capacity }
    var bytes: Int { ChunkTree.bytes(capacity: capacity) }

    static func allocate(capacity: Int) -> ChunkTree {
        let tree = unsafe ChunkTree(.allocate(byteCount: bytes(capacity: capacity), alignment: 16))
        tree.header[0] = Header(groups: 0, capacity: Int32(capacity), nextChunkID: 0)
        return tree
    }

    /// Frees the tree, not its groups; gives the bytes that it held.
    func free() -> Int {
        let held = bytes
        unsafe base.deallocate()
        return held
    }

    var header: Lane<Header> { unsafe Lane(base.assumingMemoryBound(to: Header.self), count: 1) }
    var count: Int { Int(header[0].groups) }
    var capacity: Int { Int(header[0].capacity) }

    private var groupPointers: Lane<UInt> {
        unsafe Lane((base + ChunkTree.headerBytes).assumingMemoryBound(to: UInt.self), count: capacity)
    }
    var firstTimes: Lane<Int64> {
        unsafe Lane((base + ChunkTree.headerBytes + 8 &* capacity).assumingMemoryBound(to: Int64.self), count: capacity)
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
            _ = free()
        }
        let tail = tree.count - index
        tree.groupPointers.move(from: index, to: index + 1, count: tail)
        tree.firstTimes.move(from: index, to: index + 1, count: tail)
        tree.header[0].groups += 1
        tree.rename(index, to: group)
        return tree
    }

    /// Takes group `index` for another, or notes that its first time changed.
    func rename(_ index: Int, to group: ChunkGroup) {
        unsafe groupPointers[index] = UInt(bitPattern: group.base)
        firstTimes[index] = group.firstTimes[0]
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
    func group(at time: Int64) -> Int { max(0, firstTimes.count(through: time, of: count) &- 1) }
}
