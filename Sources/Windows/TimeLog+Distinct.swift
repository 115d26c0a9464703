internal import Records

/// Distinct values of long logs: the last occurrences of each value, flagged up to a frontier that follows the reads.
///
/// Taking an event in costs a probe of a hash table and a look at the value's occurrence before; counting a window costs the
/// sum of flags at its edges and of counts between. A column of a log of one chunk is counted by looking at all its values.
extension TimeLog {
    /// How many distinct values a column has between two places, the second of which is behind the last event at or before
    /// `edge`; nil where that lies too far back for the flags. Requires: `hasManyChunks`, and distinct counts in the column's
    /// needs.
    public func distinctCount(_ index: Int, from: LogPosition, through edge: Int64, _ layout: LogLayout) -> Int? {
        let column = layout.column(index)
        let last = tree.lastOccurrences(column, layout)
        let header = last.header
        if edge > header[0].frontier {
            advance(last, column, to: edge, layout)
        } else if edge < header[0].frontier {
            guard edge >= header[0].undoableAfter else { return nil }
            retreat(last, column, to: edge, layout)
        }
        // No event behind the frontier has a flag.
        let oldest = tree.group(from.group, layout)[from.chunk]
        let first = tree.group(from.group, layout)
        return oldest.lane(column.lastLane, layout).sum(from: from.row, to: oldest.count)
            &+ first.values(column.lastCount, from: from.chunk &+ 1, to: first.count)
            &+ tree.total(column.lastCount, from: from.group &+ 1, to: tree.count, layout)
    }

    /// An event will come at `time`: the flags are made to know nothing of what follows it.
    func prepareDistinct(for time: Int64, bytes: inout Int, _ layout: LogLayout) {
        for index in 0..<layout.columnCount where layout.column(index).lastLane >= 0 {
            let column = layout.column(index)
            let last = tree.lastOccurrences(column, layout)
            bytes += last.takeGrowth()
            guard time <= last.header[0].frontier else { continue }
            if time >= last.header[0].undoableAfter {
                retreat(last, column, to: time, layout)
            } else {
                forgetFlags(column, layout)
                last.reset(wider: true)
                bytes += last.takeGrowth()
            }
        }
    }

    /// The event came, at a place: where the frontier lies at its time, it is taken in like the others of that time.
    func addToDistinct(_ place: LogPosition, _ layout: LogLayout) {
        let chunk = tree.group(place.group, layout)[place.chunk]
        for index in 0..<layout.columnCount where layout.column(index).lastLane >= 0 {
            let column = layout.column(index)
            let last = tree.lastOccurrences(column, layout)
            guard chunk.time(place.row, layout) <= last.header[0].frontier, chunk.isValid(place.row, column, layout) else {
                continue
            }
            takeIn(last, LogRow(chunk: chunk, row: place.row), place, column, layout)
        }
    }

    /// A chunk is about to leave: values that occur last in it are gone.
    func removeFromDistinct(_ chunk: Chunk, _ layout: LogLayout) {
        for index in 0..<layout.columnCount where layout.column(index).lastLane >= 0 {
            let column = layout.column(index)
            let last = tree.lastOccurrences(column, layout)
            let flags = chunk.lane(column.lastLane, layout)
            for row in 0..<chunk.count where flags[row] != 0 {
                let time = chunk.time(row, layout)
                if let slot = last.find(chunk.distinctKey(row, column, layout), { $0 == time }) { last.remove(slot) }
            }
        }
    }

    private func forgetFlags(_ column: LogLayout.Column, _ layout: LogLayout) {
        for groupIndex in 0..<tree.count {
            let group = tree.group(groupIndex, layout)
            for index in 0..<group.count {
                let flags = group[index].lane(column.lastLane, layout)
                for row in 0..<group[index].count { flags[row] = 0 }
                group.clearCount(column.lastCount, chunk: index, layout)
            }
            tree.update(groupIndex, group, layout)
        }
    }

    /// Takes in the events after the frontier through `edge`.
    private func advance(_ last: LastOccurrences, _ column: LogLayout.Column, to edge: Int64, _ layout: LogLayout) {
        let to = position(after: edge, layout)
        var place = position(after: last.header[0].frontier, layout)
        last.header[0].frontier = edge
        while true {
            let isLast = place.group == to.group && place.chunk == to.chunk
            let chunk = tree.group(place.group, layout)[place.chunk]
            let end = isLast ? to.row : chunk.count
            while place.row < end {
                if chunk.isValid(place.row, column, layout) {
                    takeIn(last, LogRow(chunk: chunk, row: place.row), place, column, layout)
                }
                place.row &+= 1
            }
            if isLast { return }
            place.row = 0
            place.chunk &+= 1
            if place.chunk == tree.group(place.group, layout).count {
                place.chunk = 0
                place.group &+= 1
            }
        }
    }

    private func takeIn(
        _ last: LastOccurrences, _ event: LogRow, _ place: LogPosition, _ column: LogLayout.Column, _ layout: LogLayout
    ) {
        let time = event.chunk.time(event.row, layout)
        let key = event.chunk.distinctKey(event.row, column, layout)
        var before: LogPosition?
        let slot = last.find(key) { previous in
            before = occurrence(of: event, at: previous, isFlagged: true, column, layout)
            return before != nil
        }
        if let slot, let before {
            last.push(LastOccurrences.Step(key: key, time: time, previous: last.time(of: slot)))
            flag(before, false, column, layout)
            last.setTime(time, of: slot)
        } else {
            last.push(LastOccurrences.Step(key: key, time: time, previous: .min))
            last.insert(key, time)
        }
        flag(place, true, column, layout)
    }

    /// Undoes the steps over the events after `edge`. Requires: they can be undone.
    private func retreat(_ last: LastOccurrences, _ column: LogLayout.Column, to edge: Int64, _ layout: LogLayout) {
        last.header[0].frontier = edge
        while let step = last.pop(after: edge) {
            // No entry: its event has left.
            guard let slot = last.find(step.key, { $0 == step.time }) else { continue }
            guard let place = flagged(step, column, layout) else { return restart(last, column, to: edge, layout) }
            let group = tree.group(place.group, layout)
            let event = LogRow(chunk: group[place.chunk], row: place.row)
            flag(place, false, column, layout)
            guard step.previous > trimmedThrough else {
                last.remove(slot)
                continue
            }
            guard let before = occurrence(of: event, at: step.previous, isFlagged: false, column, layout) else {
                return restart(last, column, to: edge, layout)
            }
            flag(before, true, column, layout)
            last.setTime(step.previous, of: slot)
        }
    }

    /// Two long texts of one hash at one instant: which step was whose is not known, so all begins anew.
    private func restart(_ last: LastOccurrences, _ column: LogLayout.Column, to edge: Int64, _ layout: LogLayout) {
        forgetFlags(column, layout)
        last.reset(wider: false)
        advance(last, column, to: edge, layout)
    }

    private func flag(_ place: LogPosition, _ isLast: Bool, _ column: LogLayout.Column, _ layout: LogLayout) {
        let group = tree.group(place.group, layout)
        group[place.chunk].lane(column.lastLane, layout)[place.row] = isLast ? 1 : 0
        group.count(isLast ? 1 : -1, column.lastCount, chunk: place.chunk, layout)
        tree.count(isLast ? 1 : -1, column.lastCount, group: place.group, layout)
    }

    /// The newest event at `time` that has the value of another, and the flag or not.
    private func occurrence(
        of event: LogRow, at time: Int64, isFlagged: Bool, _ column: LogLayout.Column, _ layout: LogLayout
    ) -> LogPosition? {
        newest(at: time, layout) { chunk, row in
            unsafe chunk.isValid(row, column, layout) && (chunk.lane(column.lastLane, layout)[row] != 0) == isFlagged
                && !(chunk.base == event.chunk.base && row == event.row)
                && chunk.hasSameValue(row, as: event, column, layout)
        }
    }

    /// The flagged event at a step's time that has its key; nil where two have it.
    private func flagged(_ step: LastOccurrences.Step, _ column: LogLayout.Column, _ layout: LogLayout) -> LogPosition? {
        func isIt(_ chunk: Chunk, _ row: Int) -> Bool {
            chunk.lane(column.lastLane, layout)[row] != 0 && chunk.distinctKey(row, column, layout) == step.key
        }
        guard let place = newest(at: step.time, layout, isIt) else { return nil }
        let isHash = column.kind == .text && step.key < 0
        return isHash && newest(at: step.time, before: place, layout, isIt) != nil ? nil : place
    }

    /// The newest of the events at `time` for which `isIt` is true.
    @inline(__always)
    private func newest(
        at time: Int64, before: LogPosition? = nil, _ layout: LogLayout, _ isIt: (Chunk, Int) -> Bool
    ) -> LogPosition? {
        var place = before ?? position(after: time, layout)
        while true {
            let chunk = tree.group(place.group, layout)[place.chunk]
            while place.row > 0 {
                place.row &-= 1
                if chunk.time(place.row, layout) != time { return nil }
                if isIt(chunk, place.row) { return place }
            }
            if place.chunk > 0 {
                place.chunk &-= 1
            } else {
                if place.group == 0 { return nil }
                place.group &-= 1
                place.chunk = tree.group(place.group, layout).count &- 1
            }
            place.row = tree.group(place.group, layout)[place.chunk].count
        }
    }
}

extension Chunk {
    /// What stands for a value: itself, or a hash of a text that does not fit in a word.
    func distinctKey(_ row: Int, _ column: LogLayout.Column, _ layout: LogLayout) -> Int64 {
        let word = words(column, layout)[row]
        guard column.kind == .text, word < 0 else { return word }
        return unsafe withBytes(LoggedText(word: word)) { bytes in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for index in 0..<bytes.count { hash = unsafe (hash ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01B3 }
            return Int64(bitPattern: hash | 1 << 63)
        }
    }

    func hasSameValue(_ row: Int, as event: LogRow, _ column: LogLayout.Column, _ layout: LogLayout) -> Bool {
        let (own, other) = (words(column, layout)[row], event.chunk.words(column, layout)[event.row])
        guard column.kind == .text, own < 0, other < 0 else { return own == other }
        return Chunk.compare(LoggedText(word: own), in: self, LoggedText(word: other), in: event.chunk) == 0
    }
}
