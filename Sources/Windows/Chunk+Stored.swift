public import Records

extension Chunk {
    /// An empty chunk for events that a store reads back; give it to `TimeLog.install` or `discard`.
    ///
    /// Its lanes are as wide as any number needs; `narrowed` makes them as narrow as the numbers allow.
    public static func loading(events: Int, id: UInt32, _ layout: LogLayout) -> Chunk {
        let chunk = LaneForms.with(layout) { forms in
            for lane in 0..<layout.laneCount { forms[lane] = .plain(8) }
            for index in 0..<layout.columnCount {
                forms[layout.column(index).validityLane] = .plain(1)
                if layout.column(index).lastLane >= 0 { forms[layout.column(index).lastLane] = .plain(0) }
            }
            return allocate(capacity: max(1, events), forms, id: id, layout)
        }
        chunk.header[0].unit = .microsecond
        return chunk
    }

    /// Appends one event without values. Requires: a chunk that is loading, room, and events in order.
    public func appendRow(time: Int64, _ layout: LogLayout) {
        let row = count
        lane(LogLayout.timeLane, layout)[row] = time
        header[0].count += 1
    }

    public func setOrder(partition: Int32, offset: Int64, row: Int, _ layout: LogLayout) {
        lane(LogLayout.partitionLane, layout)[row] = Int64(partition)
        lane(LogLayout.offsetLane, layout)[row] = offset
    }

    public func set(_ word: Int64?, row: Int, _ column: LogLayout.Column, _ layout: LogLayout) {
        nulls(column, layout)[row] = word == nil ? 1 : 0
        if column.wordLane >= 0 { lane(column.wordLane, layout)[row] = word ?? 0 }
    }

    /// The word of a text, to be set for any number of events.
    public func keep(_ bytes: UnsafeRawBufferPointer) -> Int64 { unsafe intern(bytes).word }

    /// The same events in lanes as narrow as they allow; the loading chunk is freed. Requires: an event.
    func narrowed(capacity: Int, isOneOfMany: Bool, _ layout: LogLayout) -> Chunk {
        LaneForms.with(layout) { forms in
            Chunk.findForms(forms, of: self, from: 0, with: nil, row: 0, capacity: capacity, layout)
            for index in 0..<layout.columnCount {
                let column = layout.column(index)
                let nulls = nulls(column, layout)
                if nulls.sum(from: 0, to: count) == 0 { forms[column.validityLane] = .plain(0) }
                guard column.kind == .double else { continue }
                let words = lane(column.wordLane, layout)
                var isZero = true
                for row in 0..<count where words[row] != 0 { isZero = false }
                if isZero { forms[column.wordLane] = .plain(0) }
            }
            if isOneOfMany { forms.flagLast(layout) }
            let frame = narrowestFrame(layout)
            forms[LogLayout.timeLane] = .plain(frame.width)
            let chunk = Chunk.allocate(capacity: capacity, forms, id: id, layout)
            chunk.header[0].timeBase = frame.base
            chunk.header[0].unit = frame.unit
            chunk.append(self, from: 0, to: count, layout)
            free(layout)
            return chunk
        }
    }

    private func narrowestFrame(_ layout: LogLayout) -> TimeFrame {
        let first = firstTime(layout)
        var unit = TimeUnit.second
        for row in 0..<count { unit = unit.dividing(UInt64(bitPattern: self.time(row, layout) &- first)) }
        let (span, overflow) = lastTime(layout).subtractingReportingOverflow(first)
        if overflow || unit.units(in: UInt64(span)) > UInt64(UInt32.max) { return .absolute }
        return TimeFrame(base: first, unit: unit, width: 4)
    }
}

/// A chunk's numbers, column by column, for a store.
extension Chunk {
    /// The steps from each time to the next, and their unit. Requires: an event.
    public func copySteps(to steps: Lane<Int64>, _ layout: LogLayout) -> TimeUnit {
        let times = lane(LogLayout.timeLane, layout)
        if times.width == 8 {
            let words = times.longWords
            for row in 0..<(count &- 1) { steps[row] = words[row &+ 1] &- words[row] }
            return .microsecond
        }
        let words = times.unsignedWords
        for row in 0..<(count &- 1) { steps[row] = Int64(words[row &+ 1]) &- Int64(words[row]) }
        return header[0].unit
    }

    /// Requires: the layout is ordered.
    public func copyOffsets(to numbers: Lane<Int64>, _ layout: LogLayout) {
        integers(LogLayout.offsetLane, layout).copy(to: numbers, count: count)
    }

    /// Requires: the layout is ordered.
    public func copyPartitions(to numbers: Lane<Int64>, _ layout: LogLayout) {
        integers(LogLayout.partitionLane, layout).copy(to: numbers, count: count)
    }

    /// Requires: a column of integers.
    public func copyIntegers(_ column: LogLayout.Column, to numbers: Lane<Int64>, _ layout: LogLayout) {
        integers(column.wordLane, layout).copy(to: numbers, count: count)
    }
}

extension ColumnWords {
    fileprivate func copy(to numbers: Lane<Int64>, count: Int) {
        switch lane.width {
        case 0: for row in 0..<count { numbers[row] = reference }
        case 1: widen(Int8.self, to: numbers, count: count)
        case 2: widen(Int16.self, to: numbers, count: count)
        case 4: widen(Int32.self, to: numbers, count: count)
        default: widen(Int64.self, to: numbers, count: count)
        }
    }

    @inline(__always)
    private func widen<Word: FixedWidthInteger>(_ type: Word.Type, to numbers: Lane<Int64>, count: Int) {
        let words = unsafe lane.base.assumingMemoryBound(to: Word.self)
        for row in 0..<count { numbers[row] = unsafe reference &+ Int64(truncatingIfNeeded: words[row]) }
    }
}
