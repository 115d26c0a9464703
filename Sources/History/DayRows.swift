internal import Engine
internal import Records

/// Snapshot rows of one view and one UTC day, in columns that grow: what becomes one Parquet part.
public final class DayRows {
    public private(set) var day: Int64
    public private(set) var count = 0
    private(set) var capacity: Int
    var times: Lane<Int64>
    var created: Lane<Int64>
    var partitions: Lane<Int64>
    var offsets: Lane<Int64>
    var entity: [Column]
    var values: [Column]
    var text = TextArena()

    init(day: Int64, entity: [FieldType], values: [FieldType], capacity: Int) {
        self.day = day
        self.capacity = capacity
        times = .allocate(capacity)
        created = .allocate(capacity)
        partitions = .allocate(capacity)
        offsets = .allocate(capacity)
        self.entity = entity.map { Column(type: $0, capacity: capacity) }
        self.values = values.map { Column(type: $0, capacity: capacity) }
    }

    deinit {
        for lane in [times, created, partitions, offsets] { lane.deallocate() }
        for column in entity + values { column.deallocate() }
    }

    /// Makes it another day without rows.
    func restart(day: Int64) {
        self.day = day
        count = 0
        text.removeAll()
    }

    /// The days since the epoch of an instant in microseconds.
    public static func day(of time: Int64) -> Int64 {
        let day: Int64 = 86_400_000_000
        return time >= 0 ? time / day : ~(~time / day)
    }

    /// Appends rows `[from, to)` of a buffer. Requires: they are of this day.
    func append(_ rows: RowBuffer, from: Int, to: Int, created: Int64) {
        let length = to - from
        if count + length > capacity { grow(to: count + length) }
        times.copy(from: rows.times, at: from, to: count, count: length)
        partitions.copy(from: rows.partitions, at: from, to: count, count: length)
        offsets.copy(from: rows.offsets, at: from, to: count, count: length)
        for row in count..<(count + length) { self.created[row] = created }
        let moved = moveTexts(of: rows, from: from, to: to)
        for (own, other) in zip(entity, rows.entity) { append(own, other, rows, moved, from: from, length) }
        for (own, other) in zip(values, rows.values) { append(own, other, rows, moved, from: from, length) }
        count += length
    }

    private func append(_ own: Column, _ other: Column, _ rows: RowBuffer, _ moved: Int?, from: Int, _ length: Int) {
        own.valid.copy(from: other.valid, at: from, to: count, count: length)
        guard own.type == .string else {
            own.words.copy(from: other.words, at: from, to: count, count: length)
            return
        }
        for row in 0..<length {
            let reference = TextReference(word: other.words[from + row])
            if other.valid[from + row] == 0 {
                own.words[count + row] = 0
            } else if let moved {
                own.words[count + row] = TextReference(offset: reference.offset + moved, length: reference.length).word
            } else {
                own.words[count + row] = unsafe text.append(rows.text.bytes(reference)).word
            }
        }
    }

    /// Copies the texts of rows in one piece and gives how far their offsets moved; nil, and copies none, if they lie too far
    /// apart. Mostly they were written row by row.
    private func moveTexts(of rows: RowBuffer, from: Int, to: Int) -> Int? {
        var first = Int.max
        var end = 0
        var bytes = 0
        for column in rows.entity + rows.values where column.type == .string {
            for row in from..<to where column.valid[row] != 0 {
                let reference = TextReference(word: column.words[row])
                first = min(first, reference.offset)
                end = max(end, reference.offset + reference.length)
                bytes += reference.length
            }
        }
        guard first <= end && end - first <= 2 * bytes else { return nil }
        return unsafe text.append(rows.text.bytes(TextReference(offset: first, length: end - first))).offset - first
    }

    private func grow(to needed: Int) {
        let wanted = max(needed, capacity * 2)
        func grown<Element: BitwiseCopyable>(_ lane: Lane<Element>) -> Lane<Element> {
            let larger = Lane<Element>.allocate(wanted)
            larger.copy(from: lane, at: 0, to: 0, count: count)
            lane.deallocate()
            return larger
        }
        func grown(_ column: Column) -> Column {
            Column(type: column.type, words: grown(column.words), valid: grown(column.valid))
        }
        times = grown(times)
        created = grown(created)
        partitions = grown(partitions)
        offsets = grown(offsets)
        entity = entity.map { grown($0) }
        values = values.map { grown($0) }
        capacity = wanted
    }
}
