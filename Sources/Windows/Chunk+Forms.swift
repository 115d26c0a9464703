internal import CKernels
internal import Records

/// Which forms the lanes of a chunk need: for its events from some on, and for one more.
extension Chunk {
    /// Sets the forms of all lanes but that of the times, for the events of a chunk from `from` on and one of a batch.
    static func findForms(
        _ forms: LaneForms, of kept: Chunk?, from: Int, with batch: EventBatch?, row: Int, capacity: Int, _ layout: LogLayout
    ) {
        forms[LogLayout.timeLane] = .plain(0)
        if layout.isOrdered {
            let (offset, partition) = (batch?.offsets[row], batch.map { Int64($0.partitions[row]) })
            forms.set(
                LogLayout.offsetLane,
                frame(LogLayout.offsetLane, of: kept, nulls: PackedLane.none, from, offset, capacity, layout))
            forms.set(
                LogLayout.partitionLane,
                frame(LogLayout.partitionLane, of: kept, nulls: PackedLane.none, from, partition, capacity, layout)
            )
        }
        for index in 0..<layout.columnCount {
            let column = layout.column(index)
            var isNull = false
            var word: Int64?
            if let batch {
                isNull = batch.valid[index][row] == 0
                if !isNull { word = batch.words[index][row] }
            }
            forms[column.validityLane] = isNull ? .plain(1) : kept?.form(column.validityLane) ?? .plain(0)
            if column.lastLane >= 0 { forms[column.lastLane] = kept?.form(column.lastLane) ?? .plain(0) }
            switch column.kind {
            case .presence: break
            case .integer:
                let nulls = kept?.nulls(column, layout) ?? PackedLane.none
                forms.set(column.wordLane, frame(column.wordLane, of: kept, nulls: nulls, from, word, capacity, layout))
            case .double:
                let isZero = (kept?.width(column.wordLane) ?? 0) == 0 && (word ?? 0) & .max == 0
                forms[column.wordLane] = .plain(isZero ? 0 : 8)
            case .text:
                forms[column.wordLane] = textForm(
                    column, of: kept, from: from, with: isNull ? nil : batch, row, index, capacity, layout)
                forms.fronts[column.wordLane] = TextDictionary.free
            }
        }
    }

    /// The frame of a lane's integers from an event on, and of one more. With none more, the narrowest.
    @inline(__always)
    private static func frame(
        _ lane: Int, of kept: Chunk?, nulls: PackedLane, _ from: Int, _ word: Int64?, _ capacity: Int, _ layout: LogLayout
    ) -> NumberFrame {
        guard let kept, from < kept.count else {
            let word = word ?? 0
            return NumberFrame(form: .plain(PackedLane.width(of: word)), reference: 0)
        }
        let own = kept.form(lane)
        if let word, !own.hasFront {
            let width = max(own.width, PackedLane.width(of: word))
            // No frame is narrower than a byte, nor than what three of the numbers need: no look at all of them then.
            if width <= 1 || nulls.width == 0 && kept.spreads(lane, beyond: width, from: from, word, layout) {
                return NumberFrame(form: .plain(width), reference: 0)
            }
        }
        return kept.narrowestFrame(lane, nulls: nulls, from: from, word, capacity, layout)
    }

    /// Whether the first, the middle or the last of a plain lane's numbers lies too far from another for fewer bytes.
    @inline(__always)
    private func spreads(_ index: Int, beyond width: Int, from: Int, _ word: Int64, _ layout: LogLayout) -> Bool {
        let lane = lane(index, layout)
        var range = NumberRange()
        range.add(word)
        range.add(lane[from])
        range.add(lane[(from &+ count) >> 1])
        range.add(lane[count &- 1])
        let spread = UInt64(bitPattern: range.greatest &- range.least)
        return spread > NumberFrame.spreadMax(width: width >> 1)
    }

    private func narrowestFrame(
        _ lane: Int, nulls: PackedLane, from: Int, _ word: Int64?, _ capacity: Int, _ layout: LogLayout
    ) -> NumberFrame {
        var range = range(lane, nulls: nulls, from: from, layout)
        if let word { range.add(word) }
        return NumberFrame(range, capacity: capacity)
    }

    /// The range of the integers of a lane from an event on.
    private func range(_ lane: Int, nulls: PackedLane, from: Int, _ layout: LogLayout) -> NumberRange {
        var range = NumberRange()
        guard from < count else { return range }
        let words = integers(lane, layout)
        if nulls.width == 0 && words.lane.width < 8 {
            let fold = words.lane.folded(from: from, length: count &- from)
            range.least = words.reference &+ fold.min
            range.greatest = words.reference &+ fold.max
            return range
        }
        for row in from..<count where nulls[row] == 0 { range.add(words.integer(row)) }
        return range
    }

    /// Whether an event can go into the lanes as they are.
    @inline(__always)
    func fits(_ batch: EventBatch, row: Int, _ layout: LogLayout) -> Bool {
        guard fits(time: batch.times[row]) else { return false }
        if layout.isOrdered {
            guard holds(Int64(batch.partitions[row]), LogLayout.partitionLane, layout),
                holds(batch.offsets[row], LogLayout.offsetLane, layout)
            else { return false }
        }
        for index in 0..<layout.columnCount {
            let column = layout.column(index)
            if batch.valid[index][row] == 0 {
                if width(column.validityLane) == 0 { return false }
                continue
            }
            let word = batch.words[index][row]
            switch column.kind {
            case .presence: break
            case .integer: if !holds(word, column.wordLane, layout) { return false }
            case .double: if word & .max != 0 && width(column.wordLane) == 0 { return false }
            case .text: if unsafe !holds(batch.text.bytes(TextReference(word: word)), column, layout) { return false }
            }
        }
        return true
    }

    @inline(__always)
    private func holds(_ number: Int64, _ lane: Int, _ layout: LogLayout) -> Bool {
        let form = form(lane)
        if !form.hasFront { return PackedLane.width(of: number) <= form.width }
        return NumberFrame.holds(number, width: form.width, reference: integers(lane, layout).reference)
    }
}
