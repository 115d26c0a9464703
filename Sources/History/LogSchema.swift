public import Parquet
internal import Pipelines
public import Records

/// The columns of the files that a `ViewLog` writes: a view's rows, or a source's events.
struct LogSchema: Sendable, Equatable {
    enum Kind {
        /// Entity, `event_timestamp`, `created`, values, `partition`, `offset`.
        case rows
        /// All fields of the source, then its `OriginColumns`: a buffer's values are the fields and the time stamp.
        case events
    }

    let columns: [ColumnSchema]
    let metadata: [(String, String)]
    private let kind: Kind

    static func == (a: LogSchema, b: LogSchema) -> Bool {
        a.columns == b.columns && a.metadata.elementsEqual(b.metadata) { $0 == $1 }
    }

    init(_ view: ViewPlan, entity: [(name: String, type: FieldType)], pipeline: String, version: Int) {
        kind = .rows
        columns =
            entity.map { ColumnSchema($0.name, $0.type, nullable: false) }
            + [
                ColumnSchema("event_timestamp", .timestamp, nullable: false),
                ColumnSchema("created", .timestamp, nullable: false),
            ]
            + view.values.map { ColumnSchema($0.name, $0.type, nullable: true) } + ColumnSchema.origin("partition", "offset")
        metadata = [
            ("freshet.pipeline", pipeline), ("freshet.version", String(version)), ("freshet.view", view.name),
            ("freshet.snapshots", view.snapshots.rawValue),
        ]
    }

    init(eventsOf source: SourcePlan, pipeline: String, version: Int) {
        kind = .events
        let origin = OriginColumns(beside: source.fields)
        columns =
            source.fields.map { ColumnSchema($0.name, $0.type, nullable: $0.optional) }
            + ColumnSchema.origin(origin.partition, origin.offset)
            + [ColumnSchema(origin.timestamp, .timestamp, nullable: true)]
        metadata =
            [("freshet.pipeline", pipeline), ("freshet.version", String(version))] + origin.metadata(of: source)
    }

    /// Rows as a file takes them. Events are brought into the order of partition and offset, so that a reader can take up each
    /// partition's where they go on.
    func content(of rows: DayRows) -> PartContent {
        switch kind {
        case .rows:
            let lanes: [(Lane<Int64>, Lane<UInt8>?)] =
                rows.entity.map { ($0.words, nil) } + [(rows.times, nil), (rows.created, nil)]
                + rows.values.map { ($0.words, $0.valid) } + [(rows.partitions, nil), (rows.offsets, nil)]
            return PartContent(rows: rows, columns: columns, lanes: lanes, groups: [0..<rows.count])
        case .events:
            let groups = rows.sortByOrigin(groupRowsMin: Bounds.eventGroupRowsMin)
            let fields = zip(rows.values.dropLast(), columns).map { ($0.words, $1.nullable ? $0.valid : nil) }
            let stamps = rows.values[rows.values.count - 1]
            let lanes = fields + [(rows.partitions, nil), (rows.offsets, nil), (stamps.words, stamps.valid)]
            let content = PartContent(rows: rows, columns: columns, lanes: lanes, groups: groups)
            content.widenDecimals()
            return content
        }
    }
}

/// What one file is to hold: its columns, and its row groups as ranges of rows.
final class PartContent {
    private(set) var columns: [ColumnSchema]
    let groups: [Range<Int>]
    private let rows: DayRows
    private let lanes: [(words: Lane<Int64>, valid: Lane<UInt8>?)]
    /// The upper words of columns that are wide here, by their position.
    private var high: [Int: Lane<Int64>] = [:]

    init(rows: DayRows, columns: [ColumnSchema], lanes: [(Lane<Int64>, Lane<UInt8>?)], groups: [Range<Int>]) {
        self.columns = columns
        self.groups = groups
        self.rows = rows
        self.lanes = lanes
    }

    deinit { for lane in high.values { lane.deallocate() } }

    /// A word holds some decimals of 19 digits, a narrow column has 18: widens the columns that have such ones.
    func widenDecimals() {
        for (index, column) in columns.enumerated() {
            guard case .decimal(_, let scale) = column.type else { continue }
            let (words, valid) = lanes[index]
            let isWide = (0..<rows.count).contains {
                words[$0].magnitude >= 1_000_000_000_000_000_000 && valid?[$0] ?? 1 != 0
            }
            guard isWide else { continue }
            columns[index].type = .decimal(digits: 19, scale: scale)
            let upper = Lane<Int64>.allocate(rows.count)
            for row in 0..<rows.count { upper[row] = words[row] >> 63 }
            high[index] = upper
        }
    }

    /// The columns from a row on, for as long as this object is there.
    func data(from row: Int) -> [ColumnData] {
        let text = unsafe rows.text.bytes(TextReference(offset: 0, length: rows.text.count))
        return lanes.enumerated().map { index, lane in
            unsafe ColumnData(
                words: UnsafePointer(lane.words.pointer + row), valid: lane.valid.map { unsafe UnsafePointer($0.pointer + row) },
                text: text, high: high[index].map { unsafe UnsafePointer($0.pointer + row) })
        }
    }
}

extension ColumnType {
    /// The column that holds a field's values.
    public init(_ type: FieldType) {
        switch type {
        case .string: self = .string
        case .int64: self = .int64
        case .double: self = .double
        case .bool: self = .bool
        case .decimal(let scale): self = .decimal(scale: scale)
        case .timestamp: self = .timestampMicrosUTC
        }
    }
}

extension ColumnSchema {
    fileprivate init(_ name: String, _ type: FieldType, nullable: Bool) {
        self.init(name: name, type: ColumnType(type), nullable: nullable)
    }

    fileprivate static func origin(_ partition: String, _ offset: String) -> [ColumnSchema] {
        [ColumnSchema(name: partition, type: .int32, nullable: false), ColumnSchema(offset, .int64, nullable: false)]
    }
}
