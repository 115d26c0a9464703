internal import Records

/// Inserting into a log of many chunks.
extension TimeLog {
    /// The events that a new last chunk first has room for.
    private static let lastChunkCapacity = 32

    mutating func insertIntoTree(
        _ batch: EventBatch, row: Int, horizon: LogHorizon, removed: inout [UInt32], bytes: inout Int, _ layout: LogLayout
    ) {
        if layout.distinctCount > 0 { prepareDistinct(for: batch.times[row], bytes: &bytes, layout) }
        var (groupIndex, chunkIndex) = place(batch, row: row, layout)
        var chunk = tree.group(groupIndex, layout)[chunkIndex]
        var position = chunk.insertionPosition(
            time: batch.times[row], partition: batch.partitions[row], offset: batch.offsets[row], layout)
        if chunk.count == Chunk.eventsMax {
            let isNewest =
                position == chunk.count && groupIndex == tree.count - 1 && chunkIndex == tree.group(groupIndex, layout).count - 1
            if isNewest {
                appendChunk(batch, row: row, bytes: &bytes, layout)
                trimTree(horizon: horizon, removed: &removed, bytes: &bytes, layout)
                groupIndex = tree.count - 1
                chunkIndex = tree.group(groupIndex, layout).count - 1
                position = 0
            } else {
                split(&groupIndex, &chunkIndex, &position, bytes: &bytes, layout)
            }
            chunk = tree.group(groupIndex, layout)[chunkIndex]
        }
        let group = tree.group(groupIndex, layout)
        let capacity = chunk.count < chunk.capacity ? chunk.capacity : Chunk.nextCapacity(chunk.capacity)
        let fitting = chunk.admitting(batch, row: row, capacity: capacity, bytes: &bytes, layout)
        if unsafe fitting.base != chunk.base {
            group.rename(chunkIndex, to: fitting, layout)
            tree.updateTexts(groupIndex, group, layout)
        }
        chunk = fitting
        let before = layout.hasText ? chunk.heapBytes : 0
        chunk.insert(batch, row: row, at: position, layout)
        if layout.hasText { bytes += chunk.heapBytes - before }
        group.addEvent(batch, row: row, chunk: chunkIndex, at: position, layout)
        tree.addEvent(batch, row: row, group: groupIndex, in: chunk, at: position, layout)
        if layout.distinctCount > 0 {
            addToDistinct(LogPosition(group: groupIndex, chunk: chunkIndex, row: position), layout)
        }
    }

    /// The chunk that an event belongs to.
    private func place(_ batch: EventBatch, row: Int, _ layout: LogLayout) -> (group: Int, chunk: Int) {
        let time = batch.times[row]
        var groupIndex = tree.count &- 1
        // Most events are among the newest.
        if tree.firstTimes(layout)[groupIndex] > time { groupIndex = tree.group(at: time, layout) }
        var group = tree.group(groupIndex, layout)
        var chunkIndex = group.count &- 1
        if group.firstTimes[chunkIndex] > time { chunkIndex = group.chunk(at: time) }
        // Among events of one time the order goes on by partition and offset, so an earlier chunk may be the right one.
        guard layout.isOrdered else { return (groupIndex, chunkIndex) }
        while group.firstTimes[chunkIndex] == time,
            group[chunkIndex].insertionPosition(
                time: time, partition: batch.partitions[row], offset: batch.offsets[row], layout) == 0
        {
            if chunkIndex > 0 {
                chunkIndex -= 1
            } else if groupIndex > 0 {
                groupIndex -= 1
                group = tree.group(groupIndex, layout)
                chunkIndex = group.count - 1
            } else {
                break
            }
        }
        return (groupIndex, chunkIndex)
    }

    /// The group, with room for one more chunk if it may have that many.
    private func grown(_ index: Int, bytes: inout Int, _ layout: LogLayout) -> ChunkGroup {
        let group = tree.group(index, layout)
        guard group.count == group.capacity, group.capacity < ChunkGroup.chunkMax else { return group }
        bytes -= ChunkGroup.bytes(capacity: group.capacity, layout)
        let larger = group.grown(layout)
        bytes += ChunkGroup.bytes(capacity: larger.capacity, layout)
        tree.update(index, larger, layout)
        return larger
    }

    private mutating func insertGroup(_ group: ChunkGroup, at index: Int, bytes: inout Int, _ layout: LogLayout) {
        bytes += ChunkGroup.bytes(capacity: group.capacity, layout) - tree.bytes(layout)
        tree = tree.inserting(group, at: index, layout)
        bytes += tree.bytes(layout)
    }

    /// An empty chunk behind all others.
    private mutating func appendChunk(_ batch: EventBatch, row: Int, bytes: inout Int, _ layout: LogLayout) {
        let chunk = Chunk.allocate(
            for: batch, row: row, capacity: TimeLog.lastChunkCapacity, id: tree.nextChunkID(), isOneOfMany: true,
            layout)
        bytes += chunk.bytes(layout)
        tree.forgetDisorder()
        let group = grown(tree.count - 1, bytes: &bytes, layout)
        if group.count < group.capacity {
            group.appendEmpty(chunk, layout)
        } else {
            let next = ChunkGroup.allocate(capacity: ChunkGroup.chunkMax, layout)
            next.appendEmpty(chunk, layout)
            insertGroup(next, at: tree.count, bytes: &bytes, layout)
        }
    }

    /// A full chunk gives its upper half to a new one; place and position move to where the event now belongs.
    private mutating func split(
        _ groupIndex: inout Int, _ chunkIndex: inout Int, _ position: inout Int, bytes: inout Int, _ layout: LogLayout
    ) {
        var group = grown(groupIndex, bytes: &bytes, layout)
        if group.count == group.capacity {
            let half = ChunkGroup.chunkMax / 2
            let next = ChunkGroup.allocate(capacity: ChunkGroup.chunkMax, layout)
            group.moveSuffix(from: half, to: next, layout)
            tree.update(groupIndex, group, layout)
            insertGroup(next, at: groupIndex + 1, bytes: &bytes, layout)
            if chunkIndex >= half {
                groupIndex += 1
                chunkIndex -= half
                group = next
            }
        }
        let full = group[chunkIndex]
        let half = Chunk.eventsMax / 2
        let capacity = Chunk.nextCapacity(half)
        let lower = full.copy(from: 0, to: half, capacity: capacity, id: full.id, layout)
        lower.state = full.state.union(.dirty)
        let upper = full.copy(from: half, to: full.count, capacity: capacity, id: tree.nextChunkID(), layout)
        bytes += lower.bytes(layout) + upper.bytes(layout)
        bytes -= full.free(layout)
        group.replace(chunkIndex, by: lower, layout)
        group.insert(upper, at: chunkIndex + 1, layout)
        tree.updateTexts(groupIndex, group, layout)
        if position > half {
            chunkIndex += 1
            position -= half
        }
    }

    /// Whole chunks out of every window's reach leave from the front, and others become tiles; the newest chunk, which is still
    /// empty, always stays.
    private mutating func trimTree(horizon: LogHorizon, removed: inout [UInt32], bytes: inout Int, _ layout: LogLayout) {
        while true {
            let group = tree.group(0, layout)
            let isOnly = tree.count == 1
            var leaving = 0
            var settling = 0
            while leaving < group.count - (isOnly ? 1 : 0) {
                let chunk = group[leaving]
                guard chunk.count > 0 else { break }
                if chunk.lastTime(layout) > horizon.reach {
                    guard let rule = layout.tiles, maySettle(chunk, horizon, rule, layout) else { break }
                    settling += 1
                }
                leaving += 1
            }
            guard leaving > 0 else { break }
            for index in 0..<leaving {
                let chunk = group[index]
                if index < leaving - settling {
                    trimmedThrough = max(trimmedThrough, chunk.lastTime(layout))
                } else {
                    settle(chunk, layout.tiles!, bytes: &bytes, layout)
                }
                if layout.distinctCount > 0 { removeFromDistinct(chunk, layout) }
                if chunk.state.contains(.stored) { removed.append(chunk.id) }
                bytes -= chunk.free(layout)
            }
            if leaving == group.count {
                bytes -= group.free(layout)
                tree.removeFirstGroup(layout)
                continue
            }
            group.removeFirst(leaving, layout)
            group.summarize(layout)
            tree.update(0, group, layout)
            break
        }
        if layout.tiles != nil { trimTiles(horizon.reach, removed: &removed, bytes: &bytes, layout) }
    }
}
