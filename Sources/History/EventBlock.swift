internal import Parquet
public import Records

/// Some events of an archive's file as the columns of their source; reused from block to block.
final class EventBlock {
    private(set) var count = 0
    let partitions: Lane<Int32>
    let offsets: Lane<Int64>
    /// 0 where there is none.
    let timestamps: Lane<Int64>
    private let fields: [RecordField]
    private let columns: [Column]
    private var text = TextArena()
    /// What is wrong with rows that are to be set aside, the first of a row.
    private var flaws: [Int: Rejection] = [:]

    init(_ fields: [RecordField]) {
        let capacity = Bounds.eventBlockRows
        self.fields = fields
        partitions = .allocate(capacity)
        offsets = .allocate(capacity)
        timestamps = .allocate(capacity)
        columns = fields.map { Column(type: $0.type, capacity: capacity) }
    }

    deinit {
        for column in columns { column.deallocate() }
        partitions.deallocate()
        offsets.deallocate()
        timestamps.deallocate()
    }

    /// Begins anew with rows whose columns are to be filled.
    func restart(count: Int) {
        precondition(count <= Bounds.eventBlockRows, "more rows than a block has")
        self.count = count
        text.removeAll()
        flaws.removeAll(keepingCapacity: true)
    }

    /// Fills the column of a field that the file does not have.
    func fillNothing(_ field: Int) {
        for row in 0..<count {
            columns[field].words[row] = 0
            columns[field].valid[row] = 0
        }
    }

    /// Fills a field's column.
    func fill(_ field: Int, _ values: ColumnValues, _ reading: EventColumns.Reading) throws(HistoryError) {
        let column = columns[field]
        var textStart = 0
        if reading == .text {
            // Words have 31 bits for the place of a text.
            guard text.count + values.text.count <= Int(Int32.max) else {
                throw HistoryError("\(count) rows have more than 2 GiB of texts")
            }
            textStart = unsafe values.text.withUnsafeBytes { unsafe text.append($0).offset }
        }
        for row in 0..<count {
            column.words[row] = 0
            column.valid[row] = 0
            if values.isNull(row) {
                if !fields[field].optional { add(.missingField, field, row, "required, but null") }
                continue
            }
            guard let word = reading.word(values, row, textStart: textStart) else {
                add(.outOfRange, field, row, "a value is out of the range of \(fields[field].type)")
                continue
            }
            column.words[row] = word
            column.valid[row] = 1
        }
    }

    private func add(_ reason: RejectionReason, _ field: Int, _ row: Int, _ text: String) {
        if flaws[row] == nil { flaws[row] = Rejection(reason, "field \(fields[field].name): \(text)") }
    }

    /// Appends a row, or says why not and leaves the batch as it was.
    func copy(_ row: Int, to batch: RecordBatch, eventTime: Int) -> Rejection? {
        if !flaws.isEmpty, let flaw = flaws[row] { return flaw }
        precondition(batch.hasRoom)
        let target = batch.count
        var bytes = 0
        for (field, column) in columns.enumerated() where column.type == .string && column.valid[row] == 1 {
            bytes += TextReference(word: column.words[row]).length
            if bytes > JSONDecoder.recordBytesMax {
                return Rejection(
                    .outOfRange, "field \(fields[field].name): the record has more than \(JSONDecoder.recordBytesMax) bytes")
            }
        }
        for (column, other) in zip(columns, batch.columns) {
            var word = column.words[row]
            if column.type == .string && column.valid[row] == 1 {
                word = batch.text.append(TextReference(word: word), of: text).word
            }
            other.words[target] = word
            other.valid[target] = column.valid[row]
        }
        batch.times[target] = columns[eventTime].words[row]
        batch.count = target + 1
        return nil
    }
}

/// One event of an archive, until the next is asked for.
public struct ArchiveEvent {
    let block: EventBlock
    let row: Int
    let eventTime: Int

    public var partition: Int32 { block.partitions[row] }
    public var offset: Int64 { block.offsets[row] }
    /// The Kafka time stamp.
    public var timestamp: EventTime? {
        block.timestamps[row] == 0 ? nil : EventTime(microseconds: block.timestamps[row])
    }

    /// Appends the event's fields and time to a batch of its source, or says why not and leaves it as it was.
    ///
    /// Requires: `batch.hasRoom`.
    public func copy(to batch: RecordBatch) -> Rejection? { block.copy(row, to: batch, eventTime: eventTime) }
}
