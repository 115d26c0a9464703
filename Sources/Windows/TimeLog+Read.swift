public import Aggregates
internal import Records

/// A place between two events of a log; `row` counts within its chunk. Valid until the log changes.
@frozen
public struct LogPosition: BitwiseCopyable, Equatable, Sendable {
    @usableFromInline var group: Int
    @usableFromInline var chunk: Int
    @usableFromInline var row: Int
}

/// One event of a log, where it lies.
@frozen
public struct LogRow: BitwiseCopyable, Sendable {
    public let chunk: Chunk
    public let row: Int

    public init(chunk: Chunk, row: Int) {
        self.chunk = chunk
        self.row = row
    }
}

extension TimeLog {
    /// The place behind the last event at or before `edge`.
    public func position(after edge: Int64, _ layout: LogLayout) -> LogPosition {
        guard isTree else {
            return LogPosition(group: 0, chunk: 0, row: isEmpty ? 0 : chunk.position(after: edge, layout))
        }
        let groupIndex = tree.group(at: edge)
        let group = tree[groupIndex]
        let chunkIndex = group.chunk(at: edge)
        return LogPosition(group: groupIndex, chunk: chunkIndex, row: group[chunkIndex].position(after: edge, layout))
    }

    public var start: LogPosition { LogPosition(group: 0, chunk: 0, row: 0) }

    /// How many events lie between two places.
    public func count(from: LogPosition, to: LogPosition) -> Int {
        guard isTree && (from.group != to.group || from.chunk != to.chunk) else { return to.row &- from.row }
        var total = to.row &- from.row
        if from.group == to.group {
            let group = tree[from.group]
            for index in from.chunk..<to.chunk { total &+= group[index].count }
            return total
        }
        let first = tree[from.group]
        for index in from.chunk..<first.count { total &+= first[index].count }
        for index in (from.group &+ 1)..<to.group { total &+= tree[index].events }
        let last = tree[to.group]
        for index in 0..<to.chunk { total &+= last[index].count }
        return total
    }

    /// Adds the moments of a column's values between two places. Requires: the column keeps moments.
    public func addMoments(_ index: Int, from: LogPosition, to: LogPosition, to moments: inout Moments, _ layout: LogLayout) {
        guard isTree else {
            if !isEmpty { chunk.addMoments(index, from: from.row, to: to.row, to: &moments, layout) }
            return
        }
        let column = layout.columns[index]
        let first = tree[from.group]
        if from.group == to.group {
            if from.chunk == to.chunk {
                first[from.chunk].addMoments(index, from: from.row, to: to.row, to: &moments, layout)
                return
            }
            add(chunks: from.chunk &+ 1, to.chunk, of: first.moments(column, layout), to: &moments)
        } else {
            add(chunks: from.chunk &+ 1, first.count, of: first.moments(column, layout), to: &moments)
            for groupIndex in (from.group &+ 1)..<to.group {
                moments.merge(tree[groupIndex].moments(column, layout)[ChunkGroup.chunkMax])
            }
            add(chunks: 0, to.chunk, of: tree[to.group].moments(column, layout), to: &moments)
        }
        let oldest = first[from.chunk]
        oldest.addMoments(index, from: from.row, to: oldest.count, to: &moments, layout)
        tree[to.group][to.chunk].addMoments(index, from: 0, to: to.row, to: &moments, layout)
    }

    private func add(chunks from: Int, _ to: Int, of lane: Lane<Moments>, to moments: inout Moments) {
        var index = from
        while index < to {
            moments.merge(lane[index])
            index &+= 1
        }
    }

    /// How many values a column has between two places.
    public func validCount(_ column: Int, from: LogPosition, to: LogPosition, _ layout: LogLayout) -> Int {
        var total = 0
        if isTree && to.group > from.group &+ 1 {
            for index in (from.group &+ 1)..<to.group { total &+= Int(tree[index].validCounts(layout)[column]) }
        }
        forEachPiece(from: from, to: to, skippingWholeGroups: true) { chunk, low, high in
            total &+= (chunk.validity(column) & bitRange(low, high)).nonzeroBitCount
            return true
        }
        return total
    }

    /// The newest event between two places that has a value in the column.
    public func newest(_ column: Int, from: LogPosition, to: LogPosition) -> LogRow? {
        var found: LogRow?
        forEachPiece(from: from, to: to) { chunk, low, high in
            let bits = chunk.validity(column) & bitRange(low, high)
            if bits != 0 { found = LogRow(chunk: chunk, row: 63 &- bits.leadingZeroBitCount) }
            return found == nil
        }
        return found
    }

    /// The oldest event between two places that has a value in the column.
    public func oldest(_ column: Int, from: LogPosition, to: LogPosition) -> LogRow? {
        var position = from
        while true {
            let isLast = position.group == to.group && position.chunk == to.chunk
            if !isEmpty {
                let chunk = isTree ? tree[position.group][position.chunk] : chunk
                let high = isLast ? to.row : chunk.count
                if position.row < high {
                    let bits = chunk.validity(column) & bitRange(position.row, high)
                    if bits != 0 { return LogRow(chunk: chunk, row: bits.trailingZeroBitCount) }
                }
            }
            if isLast { return nil }
            position.row = 0
            position.chunk &+= 1
            if position.chunk == tree[position.group].count {
                position.chunk = 0
                position.group &+= 1
            }
        }
    }

    /// The pieces of chunks between two places, newest first, until `body` says false. Pieces are never empty.
    @inline(__always)
    public func forEachPiece(
        from: LogPosition, to: LogPosition, skippingWholeGroups: Bool = false, _ body: (Chunk, Int, Int) -> Bool
    ) {
        guard isTree else {
            if from.row < to.row { _ = body(chunk, from.row, to.row) }
            return
        }
        var groupIndex = to.group
        while groupIndex >= from.group {
            defer { groupIndex &-= 1 }
            if skippingWholeGroups && groupIndex < to.group && groupIndex > from.group { continue }
            let group = tree[groupIndex]
            var index = groupIndex == to.group ? to.chunk : group.count &- 1
            let stop = groupIndex == from.group ? from.chunk : 0
            while index >= stop {
                let chunk = group[index]
                let high = groupIndex == to.group && index == to.chunk ? to.row : chunk.count
                let low = groupIndex == from.group && index == from.chunk ? from.row : 0
                if low < high, !body(chunk, low, high) { return }
                index &-= 1
            }
        }
    }

    /// All chunks, oldest first.
    public func forEachChunk(_ body: (Chunk) -> Void) {
        guard !isEmpty else { return }
        guard isTree else { return body(chunk) }
        for groupIndex in 0..<tree.count {
            let group = tree[groupIndex]
            for index in 0..<group.count { body(group[index]) }
        }
    }
}

extension TimeLog {
    /// An empty chunk to fill by `appendRow`; `install` takes it over.
    public static func newChunk(events: Int, id: UInt32, _ layout: LogLayout) -> Chunk {
        let capacity = events <= 4 ? 4 : events <= 8 ? 8 : events <= 16 ? 16 : events <= 32 ? 32 : Chunk.eventsMax
        return Chunk.allocate(capacity: capacity, id: id, layout)
    }

    /// Frees a chunk that was never installed.
    public static func discard(_ chunk: Chunk, _ layout: LogLayout) { chunk.free(layout) }

    /// A log of one chunk, as it was stored. Gives the bytes of memory held. Requires: the log is empty.
    public mutating func install(_ chunk: Chunk, _ layout: LogLayout) -> Int {
        unsafe root = chunk.base
        isTree = false
        chunk.state = .stored
        return chunk.bytes(layout)
    }

    /// A log of many chunks, as they were stored, in any order. Gives the bytes of memory held.
    /// Requires: the log is empty and there is at least one chunk.
    public mutating func install(chunks: [Chunk], nextChunkID: UInt32, _ layout: LogLayout) -> Int {
        let ordered = chunks.sorted { a, b in
            let (timeA, timeB) = (a.firstTime(layout), b.firstTime(layout))
            if timeA != timeB { return timeA < timeB }
            guard layout.isOrdered else { return a.lastTime(layout) < b.lastTime(layout) }
            return (a.partitions(layout)[0], a.offsets(layout)[0]) < (b.partitions(layout)[0], b.offsets(layout)[0])
        }
        let groupCount = (ordered.count + ChunkGroup.chunkMax - 1) / ChunkGroup.chunkMax
        var tree = ChunkTree.allocate(capacity: groupCount + 2)
        tree.header[0].nextChunkID = nextChunkID
        var bytes = ChunkTree.bytes(capacity: tree.capacity)
        for index in 0..<groupCount {
            let group = ChunkGroup.allocate(layout)
            bytes += ChunkGroup.bytes(layout)
            for chunk in ordered[(index * ChunkGroup.chunkMax)..<min(ordered.count, (index + 1) * ChunkGroup.chunkMax)] {
                chunk.state = .stored
                bytes += chunk.bytes(layout)
                group.insert(chunk, at: group.count, layout)
            }
            group.summarize(layout)
            tree = tree.inserting(group, at: index)
        }
        self.tree = tree
        isTree = true
        return bytes
    }

    /// The id that the next chunk will get. Requires: `hasManyChunks`.
    public var nextChunkID: UInt32 { tree.header[0].nextChunkID }
}
