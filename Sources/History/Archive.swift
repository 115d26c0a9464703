public import Engine
public import Pipelines
public import Records

/// The archive of a source: the events that were applied, as Parquet under `_events/<source>/dt=YYYY-MM-DD/`, with all declared
/// fields, and `OriginColumns` beside them. It is written like the rows of a view, by a `ViewLog`.
public enum Archive {
    /// The folder of a source's archive within that of the log.
    public static func folder(of source: String) -> String { "_events/\(source)" }

    /// The columns that take a source's events on their way to the archive: its fields and the time stamp.
    static func valueTypes(_ source: SourcePlan) -> [FieldType] { source.fields.map(\.type) + [.timestamp] }

    /// Under which name commits know the log of a source's events. With the fields in it: they may change while the state stays
    /// fit, and a segment can only be read as what it was written.
    static func stateName(_ source: SourcePlan) -> String {
        let fields = source.fields.map { "\($0.name) \($0.type)\($0.optional ? "?" : "")" }
        return "\(folder(of: source.name)) (\(fields.joined(separator: ", ")))"
    }

    /// Whether a commit's name stands for a log of this source's events, of whatever fields.
    static func isState(_ name: String, of source: SourcePlan) -> Bool { name.hasPrefix("\(folder(of: source.name)) ") }

    /// Room for the events of a turn. Requires: not more than a segment's block has.
    public static func buffer(_ source: SourcePlan, capacity: Int) -> RowBuffer {
        precondition(capacity <= Bounds.rowBufferRows, "more events than a segment's block takes")
        return RowBuffer(entity: [], values: valueTypes(source), capacity: capacity)
    }

    /// Copies all records. Requires: the buffer is empty and of their source; every field was decoded.
    public static func copy(_ records: RecordBatch, to rows: RowBuffer) {
        let count = records.count
        rows.times.copy(from: records.times, at: 0, to: 0, count: count)
        rows.offsets.copy(from: records.offsets, at: 0, to: 0, count: count)
        for row in 0..<count { rows.partitions[row] = Int64(records.partitions[row]) }
        for (own, other) in zip(rows.values, records.columns) {
            own.words.copy(from: other.words, at: 0, to: 0, count: count)
            own.valid.copy(from: other.valid, at: 0, to: 0, count: count)
        }
        let stamps = rows.values[rows.values.count - 1]
        for row in 0..<count {
            // As records have it: 0 where there is none.
            stamps.words[row] = records.timestamps[row]
            stamps.valid[row] = records.timestamps[row] == 0 ? 0 : 1
        }
        // In one piece, so that the references stay what they are.
        unsafe _ = rows.text.append(records.text.bytes(TextReference(offset: 0, length: records.text.count)))
        rows.count = count
    }
}
