internal import Records

extension Chunk {
    /// A chunk for one event: lanes as narrow as it needs. In a log of many, last occurrences are flagged.
    static func allocate(
        for batch: EventBatch, row: Int, capacity: Int, id: UInt32, isOneOfMany: Bool, _ layout: LogLayout
    ) -> Chunk {
        withWidths(layout) { widths in
            for lane in 0..<layout.laneCount { widths[lane] = 0 }
            raise(widths, for: batch, row: row, offsetBase: batch.offsets[row], layout)
            widths[LogLayout.timeLane] = 4
            if isOneOfMany { flagLast(widths, layout) }
            let chunk = allocate(capacity: capacity, widths: widths, id: id, layout)
            chunk.header[0].timeBase = batch.times[row]
            if layout.isOrdered { chunk.offsetBase(layout)[0] = widths[LogLayout.offsetLane] == 4 ? batch.offsets[row] : 0 }
            return chunk
        }
    }

    /// Lends `body` room for a width per lane, on the stack.
    @inline(__always)
    static func withWidths<R>(_ layout: LogLayout, _ body: (Lane<UInt8>) -> R) -> R {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: layout.laneCount) {
            unsafe body(Lane($0.baseAddress!, count: layout.laneCount))
        }
    }

    /// Makes lanes for the flags of last occurrences.
    static func flagLast(_ widths: Lane<UInt8>, _ layout: LogLayout) {
        for index in 0..<layout.columnCount where layout.column(index).lastLane >= 0 {
            widths[layout.column(index).lastLane] = 1
        }
    }

    /// Raises widths, but for that of the times, to what an event needs.
    private static func raise(
        _ widths: Lane<UInt8>, for batch: EventBatch, row: Int, offsetBase: Int64, _ layout: LogLayout
    ) {
        func raise(_ lane: Int, _ width: Int) { widths[lane] = max(widths[lane], UInt8(width)) }
        if layout.isOrdered {
            raise(LogLayout.offsetLane, offsetWidth(batch.offsets[row], offsetBase))
            raise(LogLayout.partitionLane, PackedLane.width(of: Int64(batch.partitions[row])))
        }
        for index in 0..<layout.columnCount {
            let column = layout.column(index)
            if batch.valid[index][row] == 0 {
                raise(column.validityLane, 1)
            } else if column.wordLane >= 0 {
                raise(column.wordLane, wordWidth(batch, index, row, column))
            }
        }
    }

    /// Numbers that are shifted by a base are never without bytes: zero would mean nothing.
    private static func offsetWidth(_ offset: Int64, _ base: Int64) -> Int {
        let (distance, overflow) = offset.subtractingReportingOverflow(base)
        return overflow || distance < 0 || distance > Int64(UInt32.max) ? 8 : 4
    }

    @inline(__always)
    private static func wordWidth(_ batch: EventBatch, _ index: Int, _ row: Int, _ column: LogLayout.Column) -> Int {
        switch column.kind {
        case .presence: 0
        case .integer: PackedLane.width(of: batch.words[index][row])
        case .double: batch.words[index][row] & .max == 0 ? 0 : 8
        case .text: TextReference(word: batch.words[index][row]).length == 0 ? 0 : 8
        }
    }

    /// Whether an event can go into the lanes as they are.
    @inline(__always)
    private func fits(_ batch: EventBatch, row: Int, _ layout: LogLayout) -> Bool {
        guard fits(time: batch.times[row]) else { return false }
        if layout.isOrdered {
            guard PackedLane.width(of: Int64(batch.partitions[row])) <= width(LogLayout.partitionLane),
                width(LogLayout.offsetLane) == 8 || Chunk.offsetWidth(batch.offsets[row], offsetBase(layout)[0]) == 4
            else { return false }
        }
        for index in 0..<layout.columnCount {
            let column = layout.column(index)
            if batch.valid[index][row] == 0 {
                if width(column.validityLane) == 0 { return false }
            } else if column.wordLane >= 0 {
                if Chunk.wordWidth(batch, index, row, column) > width(column.wordLane) { return false }
            }
        }
        return true
    }

    /// The chunk that an event can go into: this one, or a copy of its events from `from` on with room for `capacity` and
    /// lanes wide enough, for which this one is freed. `bytes` follows the memory that is held.
    func admitting(
        _ batch: EventBatch, row: Int, from: Int = 0, capacity: Int, bytes: inout Int, _ layout: LogLayout
    ) -> Chunk {
        if from == 0 && capacity == self.capacity && fits(batch, row: row, layout) { return self }
        return Chunk.withWidths(layout) { widths in
            widths.copy(from: self.widths(layout), at: 0, to: 0, count: layout.laneCount)
            var offsetBase: Int64 = 0
            if layout.isOrdered {
                offsetBase = batch.offsets[row]
                for kept in from..<count { offsetBase = min(offsetBase, offset(kept, layout)) }
                for kept in from..<count where Chunk.offsetWidth(offset(kept, layout), offsetBase) == 8 {
                    widths[LogLayout.offsetLane] = 8
                }
            }
            Chunk.raise(widths, for: batch, row: row, offsetBase: offsetBase, layout)
            let frame = frame(from: from, with: batch.times[row], layout)
            widths[LogLayout.timeLane] = UInt8(frame.width)
            let copy = Chunk.allocate(capacity: capacity, widths: widths, id: id, layout)
            copy.header[0].timeBase = frame.base
            copy.header[0].unit = frame.unit
            if layout.isOrdered && widths[LogLayout.offsetLane] == 4 { copy.offsetBase(layout)[0] = offsetBase }
            copy.append(self, from: from, to: count, layout)
            copy.state = state.union(.dirty)
            bytes += copy.bytes(layout)
            bytes -= free(layout)
            return copy
        }
    }

    /// Puts event `row` of the batch at `position`. Requires: `admitting` gave this chunk for it.
    func insert(_ batch: EventBatch, row: Int, at position: Int, _ layout: LogLayout) {
        let tail = count &- position
        if tail > 0 {
            for index in 0..<layout.laneCount { lane(index, layout).move(from: position, to: position &+ 1, count: tail) }
        }
        setTime(batch.times[row], row: position, layout)
        if layout.isOrdered {
            let offsets = lane(LogLayout.offsetLane, layout)
            offsets[position] = offsets.width == 8 ? batch.offsets[row] : batch.offsets[row] &- offsetBase(layout)[0]
            lane(LogLayout.partitionLane, layout)[position] = Int64(batch.partitions[row])
        }
        for index in 0..<layout.columnCount {
            let column = layout.column(index)
            let isValid = batch.valid[index][row] != 0
            nulls(column, layout)[position] = isValid ? 0 : 1
            if column.lastLane >= 0 { lane(column.lastLane, layout)[position] = 0 }
            guard column.wordLane >= 0 else { continue }
            let words = lane(column.wordLane, layout)
            let word = batch.words[index][row]
            switch column.kind {
            case .integer, .presence: words[position] = isValid ? word : 0
            case .double: words[position] = isValid && word != .min ? word : 0
            case .text:
                words[position] =
                    isValid && words.width == 8 ? unsafe intern(batch.text.bytes(TextReference(word: word))).word : 0
            }
        }
        header[0].count &+= 1
        state.insert(.dirty)
    }

    /// Appends events `[from, to)` of another chunk, which keeps them. Requires: room for them, in lanes that hold them.
    func append(_ other: Chunk, from: Int, to: Int, _ layout: LogLayout) {
        let count = count
        let length = to - from
        guard length > 0 else { return }
        let (frame, own) = (other.frame, self.frame)
        if frame.base == own.base && frame.unit == own.unit && frame.width == own.width {
            lane(LogLayout.timeLane, layout).copy(
                from: other.lane(LogLayout.timeLane, layout), at: from, to: count, count: length)
        } else {
            for row in 0..<length { setTime(other.time(from + row, layout), row: count + row, layout) }
        }
        if layout.isOrdered {
            let offsets = lane(LogLayout.offsetLane, layout)
            let base = offsets.width == 8 ? 0 : offsetBase(layout)[0]
            for row in 0..<length { offsets[count + row] = other.offset(from + row, layout) &- base }
            lane(LogLayout.partitionLane, layout).copy(
                from: other.lane(LogLayout.partitionLane, layout), at: from, to: count, count: length)
        }
        for index in 0..<layout.columnCount {
            let column = layout.column(index)
            nulls(column, layout).copy(from: other.nulls(column, layout), at: from, to: count, count: length)
            if column.lastLane >= 0 {
                lane(column.lastLane, layout).copy(
                    from: other.lane(column.lastLane, layout), at: from, to: count, count: length)
            }
            guard column.wordLane >= 0 else { continue }
            let words = words(column, layout)
            let source = other.words(column, layout)
            if column.kind == .text && other.header[0].heap != 0 {
                for row in 0..<length {
                    let text = LoggedText(word: source[from + row])
                    words[count + row] = unsafe text.isInline ? text.word : other.withBytes(text) { unsafe intern($0).word }
                }
            } else {
                words.copy(from: source, at: from, to: count, count: length)
            }
        }
        header[0].count += UInt8(length)
        state.insert(.dirty)
    }

    /// The same events with lanes for the flags of last occurrences, for the first chunk of many; this one is freed.
    func flagging(bytes: inout Int, _ layout: LogLayout) -> Chunk {
        guard layout.distinctCount > 0 else { return self }
        let copy = Chunk.withWidths(layout) { widths in
            widths.copy(from: self.widths(layout), at: 0, to: 0, count: layout.laneCount)
            Chunk.flagLast(widths, layout)
            return Chunk.allocate(capacity: capacity, widths: widths, id: id, layout)
        }
        copy.header[0].timeBase = header[0].timeBase
        copy.header[0].unit = header[0].unit
        if layout.isOrdered { copy.offsetBase(layout)[0] = offsetBase(layout)[0] }
        copy.append(self, from: 0, to: count, layout)
        copy.state = state
        bytes += copy.bytes(layout)
        bytes -= free(layout)
        return copy
    }

    /// A chunk of the events `[from, to)` in lanes as wide as these, with room for `capacity`.
    func copy(from: Int, to: Int, capacity: Int, id: UInt32, _ layout: LogLayout) -> Chunk {
        let result = Chunk.allocate(capacity: capacity, widths: widths(layout), id: id, layout)
        result.header[0].timeBase = header[0].timeBase
        result.header[0].unit = header[0].unit
        if layout.isOrdered { result.offsetBase(layout)[0] = offsetBase(layout)[0] }
        result.append(self, from: from, to: to, layout)
        return result
    }

    /// The first events leave. Requires: there are more. The texts of those that left stay in the heap until the chunk is copied.
    func removeFirst(_ length: Int, _ layout: LogLayout) {
        let rest = count - length
        for index in 0..<layout.laneCount { lane(index, layout).move(from: length, to: 0, count: rest) }
        header[0].count = UInt8(rest)
        state.insert(.dirty)
        moveBase(layout)
    }

    /// Counts time from the first event, so that 32 bits reach as far ahead as they can. Requires: an event.
    private func moveBase(_ layout: LogLayout) {
        let lane = lane(LogLayout.timeLane, layout)
        guard lane.width == 4 else { return }
        let words = lane.unsignedWords
        let first = words[0]
        for row in 0..<count { words[row] &-= first }
        header[0].timeBase &+= Int64(first) &* header[0].unit.microseconds
    }
}
