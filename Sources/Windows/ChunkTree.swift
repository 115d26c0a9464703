internal import Aggregates
internal import CKernels
internal import Records

/// The log of an entity with more than one chunk: groups of up to 32 chunks, with moments per chunk and per group.
///
///     header | memo … | last occurrences … | hints … | group … | first time of each … | per column and for all: values of each group … |
///              per column: summary of each group …
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
        /// Memos of another epoch are void.
        var epoch: UInt32
        /// No memo covers an event after it.
        var coveredThrough: Int64
        var newest: Int64
        /// How far behind the newest events have come of late.
        var disorder: Int64
        /// A `TileLog`, or 0.
        var tiles: UInt
    }
    private static let headerBytes = 64

    init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

    private static func groupsAt(_ layout: LogLayout) -> Int {
        lastOccurrencesAt(layout) &+ ((layout.distinctCount &+ layout.hintCount) &* 8 &+ 15) & ~15
    }
    private static func lastOccurrencesAt(_ layout: LogLayout) -> Int {
        headerBytes &+ layout.memoCount &* layout.memoBytes
    }
    private static func bytes(capacity: Int, _ layout: LogLayout) -> Int {
        summariesAt(capacity, layout) + capacity * layout.summaryBytes
    }
    private static func summariesAt(_ capacity: Int, _ layout: LogLayout) -> Int {
        (groupsAt(layout) &+ 16 &* capacity &+ 4 &* capacity &* (1 &+ layout.countCount) &+ 15) & ~15
    }
    func bytes(_ layout: LogLayout) -> Int { ChunkTree.bytes(capacity: capacity, layout) }

    private static func allocateBare(capacity: Int, _ layout: LogLayout) -> ChunkTree {
        let tree = unsafe ChunkTree(.allocate(byteCount: bytes(capacity: capacity, layout), alignment: 16))
        tree.header[0] = Header(
            groups: 0, capacity: Int32(capacity), nextChunkID: 0, epoch: 1, coveredThrough: .min, newest: .min, disorder: 0,
            tiles: 0)
        return tree
    }

    static func allocate(capacity: Int, _ layout: LogLayout) -> ChunkTree {
        let tree = allocateBare(capacity: capacity, layout)
        // Of epoch 0: void.
        unsafe tree.memoAddress(0, layout).initializeMemory(
            as: UInt8.self, repeating: 0, count: layout.memoCount * layout.memoBytes)
        for index in 0..<layout.hintCount { tree.hints(layout)[index] = PlaceHint(LogPosition(group: 0, chunk: 0, row: 0)) }
        for index in 0..<layout.distinctCount {
            unsafe tree.lastOccurrences(layout)[index] = UInt(bitPattern: LastOccurrences.make().base)
        }
        return tree
    }

    /// Where edges last lay; all bits are meaningful, none is trusted.
    func hints(_ layout: LogLayout) -> Lane<PlaceHint> {
        let start = unsafe base + ChunkTree.lastOccurrencesAt(layout) + 8 &* layout.distinctCount
        return unsafe Lane(start.assumingMemoryBound(to: PlaceHint.self), count: layout.hintCount)
    }

    private func lastOccurrences(_ layout: LogLayout) -> Lane<UInt> {
        unsafe Lane(
            (base + ChunkTree.lastOccurrencesAt(layout)).assumingMemoryBound(to: UInt.self), count: layout.distinctCount)
    }

    /// Requires: the column's distinct values are counted.
    func lastOccurrences(_ column: LogLayout.Column, _ layout: LogLayout) -> LastOccurrences {
        let address = lastOccurrences(layout)[column.lastCount &- layout.columnCount]
        return unsafe LastOccurrences(base: UnsafeMutableRawPointer(bitPattern: address)!)
    }

    /// Frees the tree, not its groups; gives the bytes that it held.
    func free(_ layout: LogLayout) -> Int {
        var held = bytes(layout)
        for index in 0..<layout.columnCount where layout.column(index).lastLane >= 0 {
            let last = lastOccurrences(layout.column(index), layout)
            held += last.bytes - last.takeGrowth()
            last.free()
        }
        unsafe base.deallocate()
        return held
    }

    var header: Lane<Header> { unsafe Lane(base.assumingMemoryBound(to: Header.self), count: 1) }
    @inline(__always)
    var count: Int { Int(header[0].groups) }
    @inline(__always)
    var capacity: Int { Int(header[0].capacity) }

    private func memoAddress(_ slot: Int, _ layout: LogLayout) -> UnsafeMutableRawPointer {
        unsafe base + ChunkTree.headerBytes + slot &* layout.memoBytes
    }
    func memo<S: ChunkSummary>(_ slot: Int, of type: S.Type, _ layout: LogLayout) -> Lane<MiddleMemo<S>> {
        unsafe Lane(memoAddress(slot, layout).assumingMemoryBound(to: MiddleMemo<S>.self), count: 1)
    }
    private func groupPointers(_ layout: LogLayout) -> Lane<UInt> {
        unsafe Lane((base + ChunkTree.groupsAt(layout)).assumingMemoryBound(to: UInt.self), count: capacity)
    }
    func firstTimes(_ layout: LogLayout) -> Lane<Int64> {
        unsafe Lane((base + ChunkTree.groupsAt(layout) + 8 &* capacity).assumingMemoryBound(to: Int64.self), count: capacity)
    }
    /// Of each group, the events (`column` -1) or the values of a column.
    private func totals(_ column: Int, _ layout: LogLayout) -> Lane<Int32> {
        let start = unsafe base + ChunkTree.groupsAt(layout) + 16 &* capacity + 4 &* capacity &* (column &+ 1)
        return unsafe Lane(start.assumingMemoryBound(to: Int32.self), count: capacity)
    }

    /// A column's summary of each group, side by side. Requires: the column keeps summaries.
    @inline(__always)
    func summaries<S: ChunkSummary>(_ column: LogLayout.Column, as type: S.Type, _ layout: LogLayout) -> Lane<S> {
        let start = unsafe base + (ChunkTree.summariesAt(capacity, layout) &+ column.summaryAt &* capacity)
        return unsafe Lane(start.assumingMemoryBound(to: S.self), count: capacity)
    }

    @inline(__always)
    func group(_ index: Int, _ layout: LogLayout) -> ChunkGroup {
        unsafe ChunkGroup(UnsafeMutableRawPointer(bitPattern: groupPointers(layout)[index])!)
    }

    /// Events (`column` -1) or values of a column in the groups `[from, to)`.
    func total(_ column: Int, from: Int, to: Int, _ layout: LogLayout) -> Int {
        from < to ? unsafe Int(kernel_sum32(totals(column, layout).pointer + from, to &- from)) : 0
    }

    /// Puts a group at `index`; the tree may move, the caller keeps the result.
    func inserting(_ group: ChunkGroup, at index: Int, _ layout: LogLayout) -> ChunkTree {
        var tree = self
        if count == capacity {
            tree = ChunkTree.allocateBare(capacity: capacity * 2, layout)
            let capacity = tree.header[0].capacity
            tree.header[0] = header[0]
            tree.header[0].capacity = capacity
            unsafe tree.memoAddress(0, layout).copyMemory(
                from: memoAddress(0, layout), byteCount: layout.memoCount * layout.memoBytes)
            tree.lastOccurrences(layout).copy(from: lastOccurrences(layout), at: 0, to: 0, count: layout.distinctCount)
            tree.hints(layout).copy(from: hints(layout), at: 0, to: 0, count: layout.hintCount)
            tree.copy(from: self, at: 0, to: 0, count, layout)
            unsafe base.deallocate()
        }
        tree.copy(from: tree, at: index, to: index + 1, tree.count - index, layout)
        tree.header[0].groups += 1
        tree.update(index, group, layout)
        return tree
    }

    private func copy(from other: ChunkTree, at source: Int, to target: Int, _ length: Int, _ layout: LogLayout) {
        groupPointers(layout).copy(from: other.groupPointers(layout), at: source, to: target, count: length)
        firstTimes(layout).copy(from: other.firstTimes(layout), at: source, to: target, count: length)
        for column in -1..<layout.countCount {
            totals(column, layout).copy(from: other.totals(column, layout), at: source, to: target, count: length)
        }
        for index in 0..<layout.columnCount where layout.column(index).summaryAt >= 0 {
            let column = layout.column(index)
            func copy<S: ChunkSummary>(_ type: S.Type) {
                summaries(column, as: S.self, layout).copy(
                    from: other.summaries(column, as: S.self, layout), at: source, to: target, count: length)
            }
            switch column.kind {
            case .presence: break
            case .integer: copy(Moments.self)
            case .double: copy(DoubleMoments.self)
            case .text: copy(TextExtremes.self)
            }
        }
    }

    /// Takes over what is known of a group that changed, or moved.
    func update(_ index: Int, _ group: ChunkGroup, _ layout: LogLayout) {
        unsafe groupPointers(layout)[index] = UInt(bitPattern: group.base)
        firstTimes(layout)[index] = group.firstTimes[0]
        totals(-1, layout)[index] = Int32(group.events)
        for column in 0..<layout.countCount { totals(column, layout)[index] = group.valueTotals(layout)[column] }
        for position in 0..<layout.columnCount where layout.column(position).summaryAt >= 0 {
            let column = layout.column(position)
            switch column.kind {
            case .presence: break
            case .integer: summaries(column, as: Moments.self, layout)[index] = group.total(column, layout)
            case .double: summaries(column, as: DoubleMoments.self, layout)[index] = group.total(column, layout)
            case .text: summaries(column, as: TextExtremes.self, layout)[index] = group.total(column, layout)
            }
        }
    }

    /// A group's chunks have moved: its least and greatest texts are where they lie now.
    func updateTexts(_ index: Int, _ group: ChunkGroup, _ layout: LogLayout) {
        for position in 0..<layout.columnCount where layout.column(position).hasSummary(.text) {
            let column = layout.column(position)
            summaries(column, as: TextExtremes.self, layout)[index] = group.total(column, layout)
        }
    }

    /// One event more in a group, at `row` of the batch and at `place` of the chunk.
    func addEvent(_ batch: EventBatch, row: Int, group index: Int, in chunk: Chunk, at place: Int, _ layout: LogLayout) {
        let time = batch.times[row]
        if time < firstTimes(layout)[index] { firstTimes(layout)[index] = time }
        totals(-1, layout)[index] &+= 1
        for position in 0..<layout.columnCount where batch.valid[position][row] != 0 {
            totals(position, layout)[index] &+= 1
            let column = layout.column(position)
            guard column.summaryAt >= 0 else { continue }
            let word = batch.words[position][row]
            switch column.kind {
            case .presence: break
            case .integer: unsafe (summaries(column, as: Moments.self, layout).pointer + index).pointee.add(word: word, chunk)
            case .double:
                unsafe (summaries(column, as: DoubleMoments.self, layout).pointer + index).pointee.add(word: word, chunk)
            case .text:
                let text = chunk.words(column, layout)[place]
                unsafe (summaries(column, as: TextExtremes.self, layout).pointer + index).pointee.add(word: text, chunk)
            }
        }
        noteTime(time)
    }

    /// Raises or lowers one of the counts of a group.
    @inline(__always)
    func count(_ change: Int, _ position: Int, group index: Int, _ layout: LogLayout) {
        totals(position, layout)[index] &+= Int32(truncatingIfNeeded: change)
    }

    func removeFirstGroup(_ layout: LogLayout) {
        copy(from: self, at: 1, to: 0, count - 1, layout)
        header[0].groups -= 1
    }

    func nextChunkID() -> UInt32 {
        defer { header[0].nextChunkID += 1 }
        return header[0].nextChunkID
    }

    /// The last group that begins at or before `time`, or the first.
    func group(at time: Int64, _ layout: LogLayout) -> Int {
        max(0, firstTimes(layout).count(through: time, of: count) &- 1)
    }
}
