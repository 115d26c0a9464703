public import Aggregates
public import Records

/// A place between two events of a log; `row` counts within its chunk. Valid until the log changes.
@frozen
public struct LogPosition: BitwiseCopyable, Equatable, Sendable {
    @usableFromInline var group: Int
    @usableFromInline var chunk: Int
    @usableFromInline var row: Int

    /// Moves behind the next event. Requires: there is one in the chunk.
    public mutating func step() { row &+= 1 }
}

/// Where an edge lay in a log when it was last looked for.
struct PlaceHint: BitwiseCopyable {
    private var group: UInt32
    private var chunk: UInt16
    private var row: UInt16

    init(_ place: LogPosition) {
        group = UInt32(truncatingIfNeeded: place.group)
        chunk = UInt16(truncatingIfNeeded: place.chunk)
        row = UInt16(truncatingIfNeeded: place.row)
    }

    var place: LogPosition { LogPosition(group: Int(group), chunk: Int(chunk), row: Int(row)) }
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
        guard hasManyChunks else {
            return LogPosition(group: 0, chunk: 0, row: isEmpty ? 0 : chunk.position(after: edge, layout))
        }
        let groupIndex = tree.group(at: edge, layout)
        let group = tree.group(groupIndex, layout)
        let chunkIndex = group.chunk(at: edge)
        return LogPosition(group: groupIndex, chunk: chunkIndex, row: group[chunkIndex].position(after: edge, layout))
    }

    /// `position(after:)` for several edges at once, in the scratch's `edges`.
    ///
    /// - Parameter firstHint: from which number on, below the layout's `hintCount`, a long log remembers where these edges lay.
    @inline(__always)
    public func findPositions(_ scratch: EdgeScratch, count: Int, firstHint: Int, _ layout: LogLayout) {
        if !hasManyChunks && !isEmpty {
            chunk.positions(after: scratch.edges, count: count, units: scratch.units, into: scratch.rows, layout)
        } else if isEmpty {
            for index in 0..<count { scratch.rows[index] = 0 }
        } else {
            findInTree(scratch, count, firstHint, layout)
        }
    }

    private func findInTree(_ scratch: EdgeScratch, _ count: Int, _ firstHint: Int, _ layout: LogLayout) {
        let hints = tree.hints(layout)
        for index in 0..<count {
            let edge = scratch.edges[index]
            guard firstHint &+ index < layout.hintCount else {
                scratch.places[index] = position(after: edge, layout)
                continue
            }
            let place = near(hints[firstHint &+ index].place, edge, layout) ?? position(after: edge, layout)
            hints[firstHint &+ index] = PlaceHint(place)
            scratch.places[index] = place
        }
    }

    /// The place behind the last event at or before `edge`, if it is in the chunk where it was last or one beside it: edges
    /// slide along. The log may have changed since, so nothing is taken for granted.
    @inline(__always)
    private func near(_ last: LogPosition, _ edge: Int64, _ layout: LogLayout) -> LogPosition? {
        guard hasManyChunks, last.group < tree.count else { return nil }
        let tree = tree
        let group = tree.group(last.group, layout)
        guard last.chunk < group.count else { return nil }
        var chunk = last.chunk
        if group.firstTimes[chunk] > edge && chunk > 0 {
            chunk &-= 1
        } else if chunk &+ 1 < group.count && group.firstTimes[chunk &+ 1] <= edge {
            chunk &+= 1
        }
        guard group.firstTimes[chunk] <= edge else { return nil }
        if chunk &+ 1 < group.count {
            guard group.firstTimes[chunk &+ 1] > edge else { return nil }
        } else if last.group &+ 1 < tree.count {
            guard tree.firstTimes(layout)[last.group &+ 1] > edge else { return nil }
        }
        let hint = chunk == last.chunk ? last.row : chunk < last.chunk ? group[chunk].count : 0
        return LogPosition(group: last.group, chunk: chunk, row: group[chunk].position(after: edge, near: hint, layout))
    }

    public var start: LogPosition { LogPosition(group: 0, chunk: 0, row: 0) }

    /// How many events lie between two places.
    @inline(__always)
    public func count(from: LogPosition, to: LogPosition, _ layout: LogLayout) -> Int {
        guard hasManyChunks && (from.group != to.group || from.chunk != to.chunk) else { return to.row &- from.row }
        return countOfMany(from: from, to: to, layout)
    }

    private func countOfMany(from: LogPosition, to: LogPosition, _ layout: LogLayout) -> Int {
        let first = tree.group(from.group, layout)
        let total = to.row &- from.row
        if from.group == to.group { return total &+ first.events(from: from.chunk, to: to.chunk) }
        return total &+ first.events(from: from.chunk, to: first.count)
            &+ tree.total(-1, from: from.group &+ 1, to: to.group, layout)
            &+ tree.group(to.group, layout).events(from: 0, to: to.chunk)
    }

    /// Adds the moments of a column's values between two places. Requires: the column keeps moments.
    ///
    /// - Parameter memo: below the layout's `memoCount`, the number under which a long log remembers the way; a window and a
    ///   column should keep to one of their own.
    @inline(__always)
    public func addMoments(
        _ index: Int, from: LogPosition, to: LogPosition, memo: Int = .max, to moments: inout Moments, _ layout: LogLayout
    ) {
        if hasManyChunks {
            addMomentsOfMany(layout.column(index), from: from, to: to, memo: memo, to: &moments, layout)
        } else if !isEmpty {
            chunk.addMoments(layout.column(index), from: from.row, to: to.row, to: &moments, layout)
        }
    }

    private func addMomentsOfMany(
        _ column: LogLayout.Column, from: LogPosition, to: LogPosition, memo: Int, to moments: inout Moments, _ layout: LogLayout
    ) {
        let oldest = tree.group(from.group, layout)[from.chunk]
        if from.group == to.group && from.chunk == to.chunk {
            oldest.addMoments(column, from: from.row, to: to.row, to: &moments, layout)
            return
        }
        addMiddle(column, from: from, to: to, memo: memo, to: &moments, layout)
        oldest.addMoments(column, from: from.row, to: oldest.count, to: &moments, layout)
        let last = tree.group(to.group, layout)
        if to.row == last[to.chunk].count {
            // As a rule, right after an event came: all of the newest chunk.
            moments.merge(last.summaries(column, as: Moments.self, layout)[to.chunk])
        } else {
            last[to.chunk].addMoments(column, from: 0, to: to.row, to: &moments, layout)
        }
    }

    /// Walks the values of a column of doubles between two places: `whole` gets what is known of whole chunks, `piece` the
    /// events whose values are to be added one by one.
    @inline(__always)
    public func walkDoubles(
        _ index: Int, from: LogPosition, to: LogPosition, memo: Int = .max, _ layout: LogLayout, whole: (DoubleMoments) -> Void,
        piece: (Chunk, Int, Int) -> Void
    ) {
        let column = layout.column(index)
        var middle = DoubleMoments()
        let hasMiddle = hasManyChunks && column.summaryAt >= 0 && (from.group != to.group || from.chunk != to.chunk)
        if hasMiddle { addMiddle(column, from: from, to: to, memo: memo, to: &middle, layout) }
        guard hasMiddle, !middle.isWide else {
            return forEachPiece(from: from, to: to, layout) { chunk, low, high in
                piece(chunk, low, high)
                return true
            }
        }
        whole(middle)
        let oldest = tree.group(from.group, layout)[from.chunk]
        piece(oldest, from.row, oldest.count)
        piece(tree.group(to.group, layout)[to.chunk], 0, to.row)
    }

    /// Adds the summaries of the whole chunks after the one of `from` and before that of `to`.
    func addChunks<S: ChunkSummary>(
        _ column: LogLayout.Column, from: LogPosition, to: LogPosition, to summary: inout S, _ layout: LogLayout
    ) {
        let first = tree.group(from.group, layout)
        if from.group == to.group {
            add(first.summaries(column, as: S.self, layout), from: from.chunk &+ 1, to: to.chunk, to: &summary)
            return
        }
        add(first.summaries(column, as: S.self, layout), from: from.chunk &+ 1, to: first.count, to: &summary)
        add(tree.summaries(column, as: S.self, layout), from: from.group &+ 1, to: to.group, to: &summary)
        add(tree.group(to.group, layout).summaries(column, as: S.self, layout), from: 0, to: to.chunk, to: &summary)
    }

    private func add<S: ChunkSummary>(_ lane: Lane<S>, from: Int, to: Int, to summary: inout S) {
        var index = from
        while index < to {
            summary.merge(lane[index])
            index &+= 1
        }
    }

    /// How many values a column has between two places.
    public func validCount(_ index: Int, from: LogPosition, to: LogPosition, _ layout: LogLayout) -> Int {
        guard !isEmpty else { return 0 }
        let column = layout.column(index)
        guard hasManyChunks else { return chunk.validCount(column, from: from.row, to: to.row, layout) }
        let oldest = tree.group(from.group, layout)[from.chunk]
        if from.group == to.group && from.chunk == to.chunk {
            return oldest.validCount(column, from: from.row, to: to.row, layout)
        }
        var total = oldest.validCount(column, from: from.row, to: oldest.count, layout)
        total &+= tree.group(to.group, layout)[to.chunk].validCount(column, from: 0, to: to.row, layout)
        let first = tree.group(from.group, layout)
        if from.group == to.group { return total &+ first.values(index, from: from.chunk &+ 1, to: to.chunk) }
        total &+= first.values(index, from: from.chunk &+ 1, to: first.count)
        total &+= tree.total(index, from: from.group &+ 1, to: to.group, layout)
        return total &+ tree.group(to.group, layout).values(index, from: 0, to: to.chunk)
    }

    /// The newest event between two places that has a value in the column.
    public func newest(_ index: Int, from: LogPosition, to: LogPosition, _ layout: LogLayout) -> LogRow? {
        let column = layout.column(index)
        var found: LogRow?
        forEachPiece(from: from, to: to, layout) { chunk, low, high in
            if let row = chunk.newest(column, from: low, to: high, layout) { found = LogRow(chunk: chunk, row: row) }
            return found == nil
        }
        return found
    }

    /// The oldest event between two places that has a value in the column.
    public func oldest(_ index: Int, from: LogPosition, to: LogPosition, _ layout: LogLayout) -> LogRow? {
        guard !isEmpty else { return nil }
        let column = layout.column(index)
        var position = from
        while true {
            let isLast = position.group == to.group && position.chunk == to.chunk
            let chunk = hasManyChunks ? tree.group(position.group, layout)[position.chunk] : chunk
            if let row = chunk.oldest(column, from: position.row, to: isLast ? to.row : chunk.count, layout) {
                return LogRow(chunk: chunk, row: row)
            }
            if isLast { return nil }
            position.row = 0
            position.chunk &+= 1
            if position.chunk == tree.group(position.group, layout).count {
                position.chunk = 0
                position.group &+= 1
            }
        }
    }

    /// The pieces of chunks between two places, newest first, until `body` says false. Pieces are never empty.
    @inline(__always)
    public func forEachPiece(from: LogPosition, to: LogPosition, _ layout: LogLayout, _ body: (Chunk, Int, Int) -> Bool) {
        guard hasManyChunks else {
            if from.row < to.row { _ = body(chunk, from.row, to.row) }
            return
        }
        var groupIndex = to.group
        while groupIndex >= from.group {
            let group = tree.group(groupIndex, layout)
            var index = groupIndex == to.group ? to.chunk : group.count &- 1
            let stop = groupIndex == from.group ? from.chunk : 0
            while index >= stop {
                let chunk = group[index]
                let high = groupIndex == to.group && index == to.chunk ? to.row : chunk.count
                let low = groupIndex == from.group && index == from.chunk ? from.row : 0
                if low < high, !body(chunk, low, high) { return }
                index &-= 1
            }
            groupIndex &-= 1
        }
    }

    /// The event behind a place, which moves to the chunk that has it; nil at the end.
    public func event(at place: inout LogPosition, _ layout: LogLayout) -> LogRow? {
        guard hasManyChunks else { return isEmpty || place.row == chunk.count ? nil : LogRow(chunk: chunk, row: place.row) }
        while place.group < tree.count {
            let group = tree.group(place.group, layout)
            while place.chunk < group.count {
                let chunk = group[place.chunk]
                if place.row < chunk.count { return LogRow(chunk: chunk, row: place.row) }
                (place.chunk, place.row) = (place.chunk + 1, 0)
            }
            (place.group, place.chunk, place.row) = (place.group + 1, 0, 0)
        }
        return nil
    }

    /// Whether an event is there. Requires: the layout is ordered.
    public func contains(time: Int64, partition: Int32, offset: Int64, _ layout: LogLayout) -> Bool {
        var place = position(after: saturatingSubtract(time, 1), layout)
        while let event = event(at: &place, layout), event.chunk.time(event.row, layout) == time {
            if event.chunk.partition(event.row, layout) == partition && event.chunk.offset(event.row, layout) == offset {
                return true
            }
            place.step()
        }
        return false
    }

    /// All chunks, oldest first.
    public func forEachChunk(_ layout: LogLayout, _ body: (Chunk) -> Void) {
        guard !isEmpty else { return }
        guard hasManyChunks else { return body(chunk) }
        for groupIndex in 0..<tree.count {
            let group = tree.group(groupIndex, layout)
            for index in 0..<group.count { body(group[index]) }
        }
    }

    /// Asks for the memory that the next insert and evaluation begin with.
    @inline(__always)
    public func prefetchHead() {
        guard !isEmpty else { return }
        Prefetch.line(rootAddress)
        Prefetch.line(rootAddress &+ UInt(Prefetch.lineBytes))
    }

    /// Asks for what lies behind the head, whose memory has come by now.
    @inline(__always)
    public func prefetchEvents(_ layout: LogLayout) {
        guard !isEmpty, !hasManyChunks else { return }
        chunk.prefetch(layout)
    }
}

/// What finding the places of several edges needs. Whoever made it calls `deallocate`.
public struct EdgeScratch: BitwiseCopyable {
    public let edges: Lane<Int64>
    let units: Lane<UInt32>
    /// The rows behind the edges, of a log of one chunk or none.
    let rows: Lane<UInt32>
    /// The places behind the edges, of a log of many.
    let places: Lane<LogPosition>

    public init(count: Int) {
        edges = .allocate(count)
        units = .allocate(count)
        rows = .allocate(count)
        places = .allocate(count)
    }

    public func deallocate() {
        edges.deallocate()
        units.deallocate()
        rows.deallocate()
        places.deallocate()
    }

    /// The row behind an edge of the last search. Requires: its log has one chunk or none.
    @inline(__always)
    public func row(_ index: Int) -> Int { Int(rows[index]) }

    /// The place behind an edge of the last search, which was in `log`.
    @inline(__always)
    public func place(_ index: Int, in log: TimeLog) -> LogPosition {
        log.hasManyChunks ? places[index] : LogPosition(group: 0, chunk: 0, row: Int(rows[index]))
    }

    /// Moves an edge of the last search. Requires: its log has many chunks.
    public func setPlace(_ index: Int, _ place: LogPosition) { places[index] = place }

    /// Moves an edge of the last search to the beginning.
    public func setStart(_ index: Int) {
        rows[index] = 0
        places[index] = LogPosition(group: 0, chunk: 0, row: 0)
    }
}

/// A column of integers of a log of one chunk.
public struct ChunkColumn: BitwiseCopyable {
    let lane: PackedLane
    let reference: Int64
    let nulls: PackedLane

    @inline(__always)
    init(_ lane: PackedLane, reference: Int64, nulls: PackedLane) {
        self.lane = lane
        self.reference = reference
        self.nulls = nulls
    }
}

extension TimeLog {
    /// A column's integers. Requires: one chunk or none.
    @inline(__always)
    public func values(of index: Int, _ layout: LogLayout) -> ChunkColumn {
        isEmpty
            ? ChunkColumn(.none, reference: 0, nulls: .none)
            : chunk.values(layout.column(index), layout)
    }
}
