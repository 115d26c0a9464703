internal import Records

extension Chunk {
    /// A chunk for one event: lanes as narrow as it needs. In a log of many, last occurrences are flagged.
    static func allocate(
        for batch: EventBatch, row: Int, capacity: Int, id: UInt32, isOneOfMany: Bool, _ layout: LogLayout
    ) -> Chunk {
        LaneForms.with(layout) { forms in
            findForms(forms, of: nil, from: 0, with: batch, row: row, capacity: capacity, layout)
            forms[LogLayout.timeLane] = .plain(4)
            if isOneOfMany { forms.flagLast(layout) }
            let chunk = allocate(capacity: capacity, forms, id: id, layout)
            chunk.header[0].timeBase = batch.times[row]
            return chunk
        }
    }

    /// The chunk that an event can go into: this one, or a copy of its events from `from` on with room for `capacity` and
    /// lanes that hold it, for which this one is freed. `bytes` follows the memory that is held.
    func admitting(
        _ batch: EventBatch, row: Int, from: Int = 0, capacity: Int, bytes: inout Int, _ layout: LogLayout
    ) -> Chunk {
        if from == 0 && capacity == self.capacity && fits(batch, row: row, layout) { return self }
        return LaneForms.with(layout) { forms in
            Chunk.findForms(forms, of: self, from: from, with: batch, row: row, capacity: capacity, layout)
            let frame = frame(from: from, with: batch.times[row], layout)
            forms[LogLayout.timeLane] = .plain(frame.width)
            let copy = Chunk.allocate(capacity: capacity, forms, id: id, layout)
            copy.header[0].timeBase = frame.base
            copy.header[0].unit = frame.unit
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
            integers(LogLayout.offsetLane, layout).set(position, batch.offsets[row])
            integers(LogLayout.partitionLane, layout).set(position, Int64(batch.partitions[row]))
        }
        for index in 0..<layout.columnCount {
            let column = layout.column(index)
            let isValid = batch.valid[index][row] != 0
            nulls(column, layout)[position] = isValid ? 0 : 1
            if column.lastLane >= 0 { lane(column.lastLane, layout)[position] = 0 }
            guard column.wordLane >= 0 else { continue }
            let numbers = lane(column.wordLane, layout)
            let word = batch.words[index][row]
            switch column.kind {
            case .presence: break
            case .integer:
                let isPlain = !form(column.wordLane).hasFront
                let reference = isPlain ? 0 : integers(column.wordLane, layout).reference
                numbers[position] = isValid ? word &- reference : 0
            case .double: numbers[position] = isValid && word != .min ? word : 0
            case .text:
                numbers[position] = isValid ? unsafe number(batch.text.bytes(TextReference(word: word)), column, layout) : 0
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
            func copy(_ lane: Int) {
                integers(lane, layout).copy(from: other.integers(lane, layout), at: from, to: count, count: length)
            }
            copy(LogLayout.offsetLane)
            copy(LogLayout.partitionLane)
        }
        for index in 0..<layout.columnCount {
            let column = layout.column(index)
            nulls(column, layout).copy(from: other.nulls(column, layout), at: from, to: count, count: length)
            if column.lastLane >= 0 {
                lane(column.lastLane, layout).copy(
                    from: other.lane(column.lastLane, layout), at: from, to: count, count: length)
            }
            switch column.kind {
            case .presence: break
            case .integer, .double:
                words(column, layout).copy(from: other.words(column, layout), at: from, to: count, count: length)
            case .text: appendTexts(other, column, from: from, to: to, at: count, layout)
            }
        }
        header[0].count += UInt8(length)
        state.insert(.dirty)
    }

    /// The same events with lanes for the flags of last occurrences, for the first chunk of many; this one is freed.
    func flagging(bytes: inout Int, _ layout: LogLayout) -> Chunk {
        guard layout.distinctCount > 0 else { return self }
        let copy = copy(from: 0, to: count, capacity: capacity, id: id, isFlagging: true, layout)
        copy.state = state
        bytes += copy.bytes(layout)
        bytes -= free(layout)
        return copy
    }

    /// A chunk of the events `[from, to)` in lanes of these forms, with room for `capacity`.
    func copy(from: Int, to: Int, capacity: Int, id: UInt32, isFlagging: Bool = false, _ layout: LogLayout) -> Chunk {
        LaneForms.with(layout) { forms in
            for lane in 0..<layout.laneCount {
                forms[lane] = form(lane)
                forms.fronts[lane] = integers(lane, layout).reference
            }
            for index in 0..<layout.columnCount where layout.column(index).kind == .text {
                forms.fronts[layout.column(index).wordLane] = TextDictionary.free
            }
            if isFlagging { forms.flagLast(layout) }
            let result = Chunk.allocate(capacity: capacity, forms, id: id, layout)
            result.header[0].timeBase = header[0].timeBase
            result.header[0].unit = header[0].unit
            result.append(self, from: from, to: to, layout)
            return result
        }
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
