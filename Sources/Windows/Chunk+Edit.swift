internal import Aggregates
internal import Records

extension Chunk {
    /// Puts event `row` of the batch at `position`. Requires: room for it.
    func insert(_ batch: EventBatch, row: Int, at position: Int, _ layout: LogLayout) {
        let tail = count &- position
        let times = times(layout)
        if tail > 0 { times.move(from: position, to: position &+ 1, count: tail) }
        times[position] = batch.times[row]
        if layout.isOrdered {
            let offsets = offsets(layout)
            let partitions = partitions(layout)
            if tail > 0 {
                offsets.move(from: position, to: position &+ 1, count: tail)
                partitions.move(from: position, to: position &+ 1, count: tail)
            }
            offsets[position] = batch.offsets[row]
            partitions[position] = batch.partitions[row]
        }
        for index in 0..<layout.columns.count {
            let column = layout.columns[index]
            let isValid = batch.valid[index][row] != 0
            valid[index] = Chunk.insertBit(isValid, at: position, into: valid[index])
            guard column.kind != .presence else { continue }
            let words = words(column, layout)
            if tail > 0 { words.move(from: position, to: position &+ 1, count: tail) }
            let word = batch.words[index][row]
            switch column.kind {
            case .integer, .presence:
                words[position] = word
            case .double:
                words[position] = word == .min ? 0 : word
            case .text:
                words[position] = isValid ? unsafe intern(batch.text.bytes(TextReference(word: word))).word : 0
            }
        }
        header[0].count &+= 1
        state.insert(.dirty)
    }

    /// `bits` with a bit inserted, those at and above `position` one up.
    static func insertBit(_ bit: Bool, at position: Int, into bits: UInt64) -> UInt64 {
        let below = bits & ((1 << UInt64(position)) &- 1)
        return below | (bits ^ below) << 1 | (bit ? 1 << UInt64(position) : 0)
    }

    /// Appends events `[from, to)` of another chunk, which keeps them. Requires: room for them.
    func append(_ other: Chunk, from: Int, to: Int, _ layout: LogLayout) {
        let count = count
        let length = to - from
        guard length > 0 else { return }
        times(layout).copy(from: other.times(layout), at: from, to: count, count: length)
        if layout.isOrdered {
            offsets(layout).copy(from: other.offsets(layout), at: from, to: count, count: length)
            partitions(layout).copy(from: other.partitions(layout), at: from, to: count, count: length)
        }
        for index in 0..<layout.columns.count {
            let column = layout.columns[index]
            valid[index] |= ((other.valid[index] & bitRange(from, to)) >> UInt64(from)) << UInt64(count)
            guard column.kind != .presence else { continue }
            let words = words(column, layout)
            let source = other.words(column, layout)
            if column.kind == .text {
                for row in 0..<length {
                    let text = LoggedText(word: source[from + row])
                    words[count + row] = unsafe text.isInline ? text.word : other.withBytes(text) { unsafe intern($0).word }
                }
            } else {
                words.copy(from: source, at: from, to: count, count: length)
            }
        }
        header[0].count += UInt16(length)
        state.insert(.dirty)
    }

    /// A chunk of the events `[from, to)` with room for `capacity`.
    func copy(from: Int, to: Int, capacity: Int, id: UInt32, _ layout: LogLayout) -> Chunk {
        let result = Chunk.allocate(capacity: capacity, id: id, layout)
        result.append(self, from: from, to: to, layout)
        return result
    }

    /// Appends one event of known columns, as a store reads them back. Requires: room, and rows in order.
    public func appendRow(time: Int64, partition: Int32, offset: Int64, _ layout: LogLayout) -> Int {
        let row = count
        times(layout)[row] = time
        if layout.isOrdered {
            offsets(layout)[row] = offset
            partitions(layout)[row] = partition
        }
        header[0].count += 1
        return row
    }

    public func setValidity(_ column: Int, _ bits: UInt64) { valid[column] = bits }

    public func setText(_ bytes: UnsafeRawBufferPointer, row: Int, _ column: LogLayout.Column, _ layout: LogLayout) {
        words(column, layout)[row] = unsafe intern(bytes).word
    }

    /// The moments of the valid values among the events `[from, to)` of a column.
    func addMoments(_ index: Int, from: Int, to: Int, to moments: inout Moments, _ layout: LogLayout) {
        let column = layout.columns[index]
        moments.add(words(column, layout), valid: valid[index], from: from, to: to, needs: column.needs)
    }
}
