internal import Engine
internal import Records

/// Snapshot rows of one view and one UTC day, in columns that grow: what becomes one Parquet part.
public final class DayRows {
    public let day: Int64
    public private(set) var count = 0
    private var capacity: Int
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
        for (own, other) in zip(entity, rows.entity) { append(own, other, rows, from: from, length) }
        for (own, other) in zip(values, rows.values) { append(own, other, rows, from: from, length) }
        count += length
    }

    private func append(_ own: Column, _ other: Column, _ rows: RowBuffer, from: Int, _ length: Int) {
        own.valid.copy(from: other.valid, at: from, to: count, count: length)
        guard own.type == .string else {
            own.words.copy(from: other.words, at: from, to: count, count: length)
            return
        }
        for row in 0..<length {
            let isValid = other.valid[from + row] != 0
            let word = other.words[from + row]
            own.words[count + row] = isValid ? unsafe text.append(rows.text.bytes(TextReference(word: word))).word : 0
        }
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
