internal import Aggregates
internal import CKernels
internal import Records

/// Up to 32 chunks and what is known of each. See `ChunkTree`.
///
///     header | chunk … | first time of each … | events of each … | per column: values of each …, of the group |
///              per column: summaries of each chunk …
@safe
struct ChunkGroup: BitwiseCopyable, @unchecked Sendable {
    let base: UnsafeMutableRawPointer

    struct Header: BitwiseCopyable {
        var chunks: Int32
        var capacity: Int32
        var events: Int32
    }
    static let chunkMax = 32
    private static let headerBytes = 16

    init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

    private static func totalsAt(_ capacity: Int, _ layout: LogLayout) -> Int {
        headerBytes + 16 * capacity + Chunk.roundedUp(capacity * (1 + layout.countCount))
    }
    private static func summariesAt(_ capacity: Int, _ layout: LogLayout) -> Int {
        (totalsAt(capacity, layout) + 4 * layout.countCount + 15) & ~15
    }

    static func bytes(capacity: Int, _ layout: LogLayout) -> Int {
        summariesAt(capacity, layout) + layout.summaryBytes * capacity
    }

    static func allocate(capacity: Int, _ layout: LogLayout) -> ChunkGroup {
        let group = unsafe ChunkGroup(.allocate(byteCount: bytes(capacity: capacity, layout), alignment: 16))
        group.header[0] = Header(chunks: 0, capacity: Int32(capacity), events: 0)
        return group
    }

    /// Frees the group, not its chunks; gives the bytes that it held.
    func free(_ layout: LogLayout) -> Int {
        let held = ChunkGroup.bytes(capacity: capacity, layout)
        unsafe base.deallocate()
        return held
    }

    var header: Lane<Header> { unsafe Lane(base.assumingMemoryBound(to: Header.self), count: 1) }
    var count: Int { Int(header[0].chunks) }
    var capacity: Int { Int(header[0].capacity) }
    var events: Int { Int(header[0].events) }

    private var chunkPointers: Lane<UInt> {
        unsafe Lane((base + ChunkGroup.headerBytes).assumingMemoryBound(to: UInt.self), count: capacity)
    }
    var firstTimes: Lane<Int64> {
        unsafe Lane((base + ChunkGroup.headerBytes + 8 &* capacity).assumingMemoryBound(to: Int64.self), count: capacity)
    }
    /// Events of each chunk.
    private var eventCounts: Lane<UInt8> {
        unsafe Lane((base + ChunkGroup.headerBytes + 16 &* capacity).assumingMemoryBound(to: UInt8.self), count: capacity)
    }
    /// Values of each chunk in a column; behind the columns, last occurrences.
    private func valueCounts(_ column: Int) -> Lane<UInt8> {
        let start = unsafe base + ChunkGroup.headerBytes + (17 &+ column) &* capacity
        return unsafe Lane(start.assumingMemoryBound(to: UInt8.self), count: capacity)
    }
    /// Values of the group, by column.
    func valueTotals(_ layout: LogLayout) -> Lane<Int32> {
        let start = unsafe base + ChunkGroup.totalsAt(capacity, layout)
        return unsafe Lane(start.assumingMemoryBound(to: Int32.self), count: layout.countCount)
    }
    /// A column's summary of each chunk. Requires: the column keeps summaries.
    @inline(__always)
    func summaries<S: ChunkSummary>(_ column: LogLayout.Column, as type: S.Type, _ layout: LogLayout) -> Lane<S> {
        let start = unsafe base + (ChunkGroup.summariesAt(capacity, layout) &+ column.summaryAt &* capacity)
        return unsafe Lane(start.assumingMemoryBound(to: S.self), count: capacity)
    }

    /// The summary of all chunks.
    func total<S: ChunkSummary>(_ column: LogLayout.Column, _ layout: LogLayout) -> S {
        let summaries = summaries(column, as: S.self, layout)
        var total = S()
        for index in 0..<count { total.merge(summaries[index]) }
        return total
    }

    /// Calls `body` with what a column keeps, if anything.
    @inline(__always)
    private func withSummaries(_ column: LogLayout.Column, _ layout: LogLayout, _ body: SummaryEdit) {
        guard column.summaryAt >= 0 else { return }
        switch column.kind {
        case .presence: break
        case .integer: edit(summaries(column, as: Moments.self, layout), column, layout, body)
        case .double: edit(summaries(column, as: DoubleMoments.self, layout), column, layout, body)
        case .text: edit(summaries(column, as: TextExtremes.self, layout), column, layout, body)
        }
    }

    private enum SummaryEdit {
        case make(Int, Chunk)
        case move(from: Int, to: Int, Int)
        case append(ChunkGroup, from: Int, at: Int, Int)
        case add(Int64, Chunk, at: Int)
    }

    @inline(__always)
    private func edit<S: ChunkSummary>(_ lane: Lane<S>, _ column: LogLayout.Column, _ layout: LogLayout, _ edit: SummaryEdit) {
        switch edit {
        case .make(let index, let chunk): lane[index] = S(chunk, column, layout)
        case .move(let from, let to, let length): lane.move(from: from, to: to, count: length)
        case .append(let other, let from, let at, let length):
            lane.copy(from: other.summaries(column, as: S.self, layout), at: from, to: at, count: length)
        case .add(let word, let chunk, let index):
            // In place: a copy out and back would cost more than the addition.
            unsafe (lane.pointer + index).pointee.add(word: word, chunk)
        }
    }

    subscript(_ index: Int) -> Chunk { unsafe Chunk(UnsafeMutableRawPointer(bitPattern: chunkPointers[index])!) }

    /// The last chunk that begins at or before `time`, or the first.
    func chunk(at time: Int64) -> Int { max(0, firstTimes.count(through: time, of: count) &- 1) }

    /// Events in the chunks `[from, to)`.
    func events(from: Int, to: Int) -> Int {
        from < to ? unsafe Int(kernel_sum8(eventCounts.pointer + from, to &- from)) : 0
    }

    /// Values of a column in the chunks `[from, to)`.
    func values(_ column: Int, from: Int, to: Int) -> Int {
        from < to ? unsafe Int(kernel_sum8(valueCounts(column).pointer + from, to &- from)) : 0
    }

    // MARK: - Changes

    /// The same chunks with room for more; this group is freed.
    func grown(_ layout: LogLayout) -> ChunkGroup {
        let larger = ChunkGroup.allocate(capacity: min(ChunkGroup.chunkMax, capacity * 2), layout)
        larger.append(self, from: 0, layout)
        larger.summarize(layout)
        _ = free(layout)
        return larger
    }

    /// Puts a chunk at `index`. Requires: room for it. The group's own figures are stale until `summarize`.
    func insert(_ chunk: Chunk, at index: Int, _ layout: LogLayout) {
        move(from: index, to: index + 1, count - index, layout)
        header[0].chunks += 1
        replace(index, by: chunk, layout)
    }

    /// Puts a chunk that has no event yet at the end; the next event goes into it. Requires: room for it.
    func appendEmpty(_ chunk: Chunk, _ layout: LogLayout) {
        let index = count
        header[0].chunks += 1
        replace(index, by: chunk, layout)
        if index == 0 { summarize(layout) }
    }

    /// Takes chunk `index` for another of the same events. The group's total of texts is stale then.
    func rename(_ index: Int, to chunk: Chunk, _ layout: LogLayout) {
        unsafe chunkPointers[index] = UInt(bitPattern: chunk.base)
        for position in 0..<layout.columnCount where layout.column(position).hasSummary(.text) {
            withSummaries(layout.column(position), layout, .make(index, chunk))
        }
    }

    /// Takes chunk `index` for another, with new figures. The group's own are stale until `summarize`.
    func replace(_ index: Int, by chunk: Chunk, _ layout: LogLayout) {
        unsafe chunkPointers[index] = UInt(bitPattern: chunk.base)
        firstTimes[index] = chunk.count == 0 ? .max : chunk.firstTime(layout)
        eventCounts[index] = UInt8(chunk.count)
        for position in 0..<layout.columnCount {
            let column = layout.column(position)
            valueCounts(position)[index] = UInt8(chunk.validCount(column, from: 0, to: chunk.count, layout))
            if column.lastLane >= 0 {
                valueCounts(column.lastCount)[index] = UInt8(chunk.lane(column.lastLane, layout).sum(from: 0, to: chunk.count))
            }
            withSummaries(column, layout, .make(index, chunk))
        }
    }

    /// The first `length` chunks leave the group; the caller owns them. The group's own figures are stale until `summarize`.
    func removeFirst(_ length: Int, _ layout: LogLayout) {
        let rest = count - length
        move(from: length, to: 0, rest, layout)
        header[0].chunks = Int32(rest)
    }

    private func move(from: Int, to: Int, _ length: Int, _ layout: LogLayout) {
        chunkPointers.move(from: from, to: to, count: length)
        firstTimes.move(from: from, to: to, count: length)
        eventCounts.move(from: from, to: to, count: length)
        for position in 0..<layout.countCount { valueCounts(position).move(from: from, to: to, count: length) }
        for position in 0..<layout.columnCount {
            withSummaries(layout.column(position), layout, .move(from: from, to: to, length))
        }
    }

    /// Appends the chunks of another group from `from` on. The group's own figures are stale until `summarize`.
    private func append(_ other: ChunkGroup, from: Int, _ layout: LogLayout) {
        let (at, length) = (count, other.count - from)
        chunkPointers.copy(from: other.chunkPointers, at: from, to: at, count: length)
        firstTimes.copy(from: other.firstTimes, at: from, to: at, count: length)
        eventCounts.copy(from: other.eventCounts, at: from, to: at, count: length)
        for position in 0..<layout.countCount {
            valueCounts(position).copy(from: other.valueCounts(position), at: from, to: at, count: length)
        }
        for position in 0..<layout.columnCount {
            withSummaries(layout.column(position), layout, .append(other, from: from, at: at, length))
        }
        header[0].chunks += Int32(length)
    }

    /// Moves the chunks from `index` on to the end of another group.
    func moveSuffix(from index: Int, to other: ChunkGroup, _ layout: LogLayout) {
        other.append(self, from: index, layout)
        header[0].chunks = Int32(index)
        summarize(layout)
        other.summarize(layout)
    }

    /// The group's own figures from those of its chunks.
    func summarize(_ layout: LogLayout) {
        header[0].events = Int32(events(from: 0, to: count))
        for position in 0..<layout.countCount {
            valueTotals(layout)[position] = Int32(values(position, from: 0, to: count))
        }
    }

    /// One event more in chunk `index`, at `row` of the batch and at `position` of the chunk.
    func addEvent(_ batch: EventBatch, row: Int, chunk index: Int, at position: Int, _ layout: LogLayout) {
        let (chunk, place) = (self[index], position)
        header[0].events &+= 1
        eventCounts[index] &+= 1
        if batch.times[row] < firstTimes[index] { firstTimes[index] = batch.times[row] }
        for position in 0..<layout.columnCount where batch.valid[position][row] != 0 {
            valueTotals(layout)[position] &+= 1
            valueCounts(position)[index] &+= 1
            let column = layout.column(position)
            guard column.summaryAt >= 0 else { continue }
            // A text's word is the chunk's own.
            let word = column.kind == .text ? chunk.words(column, layout)[place] : batch.words[position][row]
            withSummaries(column, layout, .add(word, chunk, at: index))
        }
    }
}

extension ChunkGroup {
    /// Raises or lowers one of the counts of a chunk.
    @inline(__always)
    func count(_ change: Int, _ position: Int, chunk index: Int, _ layout: LogLayout) {
        valueCounts(position)[index] = UInt8(truncatingIfNeeded: Int(valueCounts(position)[index]) &+ change)
        valueTotals(layout)[position] &+= Int32(truncatingIfNeeded: change)
    }

    func clearCount(_ position: Int, chunk index: Int, _ layout: LogLayout) {
        count(-Int(valueCounts(position)[index]), position, chunk: index, layout)
    }
}
