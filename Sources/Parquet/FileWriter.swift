/// The memory that a file is written with: several may use it one after the other, never two at a time.
public final class WriterMemory: @unchecked Sendable {
    fileprivate var output = ByteBuffer(capacity: Bounds.writeBytes)
    fileprivate var encoder: ChunkEncoder

    /// Requires: a compression level of zstd's.
    public init(compressionLevel: Int32 = 1) { encoder = ChunkEncoder(compressionLevel: compressionLevel) }
}

/// Writes a Parquet file of a flat schema, row group by row group, zstd-compressed where that helps.
///
///     "PAR1" row group... footer (Thrift) length of the footer u32 "PAR1"
///
/// Every failure names the operation, the path and the system's reason; after one, the writer can only be dropped.
/// Dropped before `finish` has returned, it closes and removes the file. Format: https://github.com/apache/parquet-format.
public struct FileWriter: ~Copyable, Sendable {
    private static let magic = Array("PAR1".utf8)

    private var file: OutputFile
    private let memory: WriterMemory
    private var metadata: FileMetadata
    private var failed = false

    /// Creates the file; it must not exist. `metadata` becomes the footer's key-value pairs. With `checksums`, each page has one, which
    /// `TableReader` checks and other readers may.
    ///
    /// Requires: at least one column, distinct names; no other writer uses the memory until this one has gone.
    public init(
        path: String, schema: [ColumnSchema], metadata: [(String, String)] = [], checksums: Bool = false,
        memory: WriterMemory = WriterMemory()
    ) throws(ParquetError) {
        precondition(!schema.isEmpty, "a table without columns")
        precondition(Set(schema.map(\.name)).count == schema.count, "two columns of one name")
        for case .decimal(let digits, let scale) in schema.map(\.type) {
            precondition(1...ColumnType.digitsMax ~= digits, "a decimal has 1 to 38 digits")
            precondition(0...digits ~= scale, "a decimal's scale is 0 to its digits")
        }
        self.memory = memory
        memory.encoder.path = path
        memory.encoder.writesChecksums = checksums
        self.metadata = FileMetadata(schema: schema, keyValues: metadata)
        file = try OutputFile(creating: path)
        memory.output.removeAll()
        memory.output.append(Self.magic)
    }

    /// Writes one row group; none if there are no rows.
    ///
    /// Requires: a column for each of the schema's, in its order; at most 1,048,576 rows; no null where the schema has none.
    public mutating func write(rowCount: Int, columns: [ColumnData]) throws(ParquetError) {
        precondition(!failed, "a writer that failed")
        precondition(columns.count == metadata.schema.count, "not one column data for each column")
        precondition(0...Bounds.rowsOfGroup ~= rowCount, "too many rows for a row group")
        guard rowCount > 0 else { return }
        failed = true
        var group = RowGroupMetadata(rowCount: rowCount, chunks: [])
        group.chunks.reserveCapacity(columns.count)
        for (data, column) in zip(columns, metadata.schema) {
            group.chunks.append(
                try memory.encoder.encode(
                    data, rowCount: rowCount, schema: column, origin: file.size, into: &memory.output))
            if memory.output.count >= Bounds.writeBytes { try flush() }
        }
        metadata.rowGroups.append(group)
        failed = false
    }

    /// Writes the footer and closes the file; with `sync`, waits until its content is on disk (its name in the directory is the
    /// caller's to sync). Returns its size in bytes.
    public consuming func finish(sync: Bool = true) throws(ParquetError) -> Int {
        precondition(!failed, "a writer that failed")
        var footer = ThriftCompact()
        footer.fileMetadata(metadata)
        unsafe memory.output.append(footer.bytes.bytes)
        memory.output.append(littleEndian: UInt32(footer.bytes.count))
        memory.output.append(Self.magic)
        try flush()
        let size = file.size
        if sync { try file.sync() }
        try file.close()
        return size
    }

    private mutating func flush() throws(ParquetError) {
        try unsafe file.write(memory.output.bytes)
        memory.output.removeAll()
    }
}
