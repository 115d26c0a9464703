internal import Records

extension Chunk {
    /// An empty chunk for events that a store reads back; give it to `TimeLog.install` or `discard`.
    ///
    /// Its lanes are as wide as any number needs; `narrowed` makes them as narrow as the numbers allow.
    public static func loading(events: Int, id: UInt32, _ layout: LogLayout) -> Chunk {
        let chunk = withWidths(layout) { widths in
            for lane in 0..<layout.laneCount { widths[lane] = 8 }
            for index in 0..<layout.columnCount {
                widths[layout.column(index).validityLane] = 1
                if layout.column(index).lastLane >= 0 { widths[layout.column(index).lastLane] = 0 }
            }
            return allocate(capacity: max(1, events), widths: widths, id: id, layout)
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
        if column.wordLane >= 0 { words(column, layout)[row] = word ?? 0 }
    }

    public func setText(_ bytes: UnsafeRawBufferPointer, row: Int, _ column: LogLayout.Column, _ layout: LogLayout) {
        set(unsafe bytes.isEmpty ? 0 : intern(bytes).word, row: row, column, layout)
    }

    /// The same events in lanes as narrow as they allow; the loading chunk is freed. Requires: an event.
    func narrowed(capacity: Int, isOneOfMany: Bool, _ layout: LogLayout) -> Chunk {
        Chunk.withWidths(layout) { widths in
            for lane in 0..<layout.laneCount { widths[lane] = 0 }
            for index in 0..<layout.laneCount {
                let lane = lane(index, layout)
                for row in 0..<count { widths[index] = max(widths[index], UInt8(PackedLane.width(of: lane[row]))) }
            }
            for index in 0..<layout.columnCount {
                let column = layout.column(index)
                guard column.kind == .double || column.kind == .text, widths[column.wordLane] > 0 else { continue }
                widths[column.wordLane] = 8
            }
            if isOneOfMany { Chunk.flagLast(widths, layout) }
            var offsetBase: Int64 = 0
            if layout.isOrdered {
                var last = offset(0, layout)
                offsetBase = last
                for row in 0..<count {
                    (offsetBase, last) = (min(offsetBase, offset(row, layout)), max(last, offset(row, layout)))
                }
                let (span, overflow) = last.subtractingReportingOverflow(offsetBase)
                widths[LogLayout.offsetLane] = overflow || span > Int64(UInt32.max) ? 8 : 4
            }
            let frame = narrowestFrame(layout)
            widths[LogLayout.timeLane] = UInt8(frame.width)
            let chunk = Chunk.allocate(capacity: capacity, widths: widths, id: id, layout)
            chunk.header[0].timeBase = frame.base
            chunk.header[0].unit = frame.unit
            if layout.isOrdered && widths[LogLayout.offsetLane] == 4 { chunk.offsetBase(layout)[0] = offsetBase }
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
