/// Reads Parquet files, whoever wrote them: the flat columns of a schema, in batches.
///
/// Encodings: PLAIN, dictionary, RLE, the three DELTA ones and BYTE_STREAM_SPLIT; compression: none, Snappy, gzip, zstd and raw
/// LZ4; data pages of both versions. What else a file holds is in the way only when its column is asked for.
///
/// Whatever the bytes are, they give values or a `ParquetError`. Values are checked for their form, checksums where there are
/// some; statistics are not looked at. Format: https://github.com/apache/parquet-format.
public struct TableReader: Sendable {
    /// The fields of the schema's root, in its order.
    public let columns: [FileColumn]
    public let rowCount: Int
    private let file: InputFile
    private let table: StoredTable

    public init(path: String) throws(ParquetError) {
        let file = try InputFile(opening: path)
        self.file = file
        let table = try TableReader.table(of: file)
        self.table = table
        do throws(CorruptBytes) {
            columns = try table.checkedColumns()
            rowCount = table.rowCount
        } catch {
            throw ParquetError(.read, path, reason: "footer: \(error.reason)")
        }
    }

    private static func table(of file: InputFile) throws(ParquetError) -> StoredTable {
        func failure(_ reason: String) -> ParquetError { ParquetError(.read, file.path, reason: reason) }
        guard file.size >= 12 else { throw failure("it is too short for a Parquet file") }
        var ends = ByteBuffer(capacity: 12)
        try file.read(0..<4, into: &ends)
        try file.read(file.size - 8..<file.size, into: &ends)
        let bytes = unsafe Array(ends.bytes)
        if bytes.suffix(4).elementsEqual("PARE".utf8) { throw failure("its footer is encrypted") }
        guard bytes.prefix(4).elementsEqual("PAR1".utf8), bytes.suffix(4).elementsEqual("PAR1".utf8) else {
            throw failure("it is not a Parquet file")
        }
        let length = bytes[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= file.size - 12, length <= Bounds.bytesOfFooterRead else {
            throw failure("its footer is longer than the file")
        }
        var footer = ByteBuffer(capacity: length + 1)
        try file.read(file.size - 8 - length..<file.size - 8, into: &footer)
        do throws(CorruptBytes) {
            var thrift = unsafe ThriftReader(ByteReader(footer.bytes))
            return try thrift.table()
        } catch {
            throw failure("footer: \(error.reason)")
        }
    }

    /// The footer's key-value pairs.
    public var metadata: [(String, String)] { table.keyValues }
    public var groupCount: Int { table.groups.count }
    public func rowCount(ofGroup group: Int) -> Int { table.groups[group].rowCount }

    /// The position of the column of a name; nil if there is none, an error if there are several.
    public func position(of name: String) throws(ParquetError) -> Int? {
        let found = columns.indices.filter { columns[$0].name == name }
        guard found.count < 2 else {
            throw ParquetError(.read, file.path, column: name, reason: "there are \(found.count) of this name")
        }
        return found.first
    }

    /// Reads columns, by their positions, from the first to the last row of some row groups, by default of all. Scans of one
    /// file may run on different threads.
    ///
    /// Requires: positions of columns and of groups.
    public func scan(_ positions: [Int], groups: Range<Int>? = nil) throws(ParquetError) -> TableScan {
        let groups = groups ?? table.groups.indices
        let start = table.groups[..<groups.lowerBound].reduce(0) { $0 + $1.rowCount }
        var cursors: [ColumnCursor] = []
        var batch: [ColumnValues] = []
        for position in positions {
            let column = columns[position]
            guard let type = column.type else {
                throw ParquetError(.read, file.path, column: column.name, reason: column.obstacle ?? "it is not read")
            }
            let chunks = table.groups[groups].map { (chunk: $0.chunks[column.leaf], rowCount: $0.rowCount) }
            cursors.append(ColumnCursor(column, type, chunks: chunks, row: start, file: file))
            batch.append(ColumnValues(type, nullable: column.nullable))
        }
        return TableScan(cursors, batch, rowsLeft: table.groups[groups].reduce(0) { $0 + $1.rowCount })
    }
}

/// A walk over some columns of a file, batch by batch.
public struct TableScan: ~Copyable, Sendable {
    /// The rows of the last batch, column by column as they were asked for.
    public private(set) var columns: [ColumnValues]
    /// Rows that are still to come.
    public private(set) var rowsLeft: Int
    private let cursors: [ColumnCursor]
    private let rowsOfStep: Int
    private var failed = false

    init(_ cursors: [ColumnCursor], _ columns: [ColumnValues], rowsLeft: Int) {
        self.cursors = cursors
        self.columns = columns
        self.rowsLeft = rowsLeft
        rowsOfStep = columns.contains { $0.type == .string } ? Bounds.rowsOfStep : Int.max
    }

    /// Replaces `columns` by the next rows, at most `rowsMax`, fewer at the end and where texts are long, and returns how many
    /// they are: 0 at the end only. After an error the scan can only be dropped.
    ///
    /// Requires: `rowsMax` is positive.
    public mutating func next(rowsMax: Int) throws(ParquetError) -> Int {
        precondition(!failed, "a scan that failed")
        precondition(rowsMax > 0, "a batch of no rows")
        failed = true
        for position in columns.indices {
            columns[position].removeAll()
            cursors[position].beginBatch()
        }
        let wanted = min(rowsMax, rowsLeft)
        var done = 0
        var textBytes = 0
        while done < wanted, textBytes < Bounds.textOfBatch {
            let rows = min(rowsOfStep, wanted - done)
            for position in columns.indices { try cursors[position].read(rows, into: &columns[position]) }
            textBytes = columns.reduce(0) { $0 + $1.text.count }
            done += rows
        }
        rowsLeft -= done
        failed = false
        return done
    }
}

extension StoredTable {
    fileprivate func checkedColumns() throws(CorruptBytes) -> [FileColumn] {
        let (columns, leafCount) = try columns()
        var rows = 0
        for group in groups {
            guard group.chunks.count == leafCount else { throw CorruptBytes("a row group has not a chunk for each column") }
            let (sum, overflow) = rows.addingReportingOverflow(group.rowCount)
            guard group.rowCount >= 0, !overflow else { throw CorruptBytes("a row group of \(group.rowCount) rows") }
            rows = sum
        }
        guard rows == rowCount else { throw CorruptBytes("\(rowCount) rows in all, \(rows) in the row groups") }
        return columns
    }
}
