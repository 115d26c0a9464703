/// Reads a Parquet file of a flat schema, a column of a row group at a time: plain, dictionary and delta encoding, pages of
/// version 1, zstd or nothing, which is all that `FileWriter` writes.
///
/// Whatever the bytes are, they give values or a `ParquetError`. Values are checked for their form, not against the statistics.
public struct FileReader: ~Copyable, Sendable {
    private let file: InputFile
    private let table: StoredTable
    private let decompressor = Decompressor()

    public init(path: String) throws(ParquetError) {
        let file = try InputFile(opening: path)
        table = try FileReader.table(of: file)
        self.file = file
    }

    private static func table(of file: borrowing InputFile) throws(ParquetError) -> StoredTable {
        func failure(_ reason: String) -> ParquetError { ParquetError(.read, file.path, reason: reason) }
        guard file.size >= 12 else { throw failure("it is too short for a Parquet file") }
        let tail = try file.read(file.size - 8..<file.size)
        let head = try file.read(0..<4)
        guard tail.suffix(4).elementsEqual("PAR1".utf8), head.elementsEqual("PAR1".utf8) else {
            throw failure("it is not a Parquet file")
        }
        let length = tail.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= file.size - 12, length <= Bounds.bytesOfFooterRead else {
            throw failure("its footer is longer than the file")
        }
        let footer = try file.read(file.size - 8 - length..<file.size - 8)
        do throws(CorruptBytes) {
            var thrift = ThriftReader(ByteReader(footer))
            return try thrift.table()
        } catch {
            throw failure("footer: \(error.reason)")
        }
    }

    public var schema: [ColumnSchema] { table.schema }
    /// The footer's key-value pairs.
    public var metadata: [(String, String)] { table.keyValues }
    public var groupCount: Int { table.groups.count }
    public func rowCount(ofGroup group: Int) -> Int { table.groups[group].rowCount }

    /// A column of a row group; both are positions.
    public func read(group: Int, column: Int) throws(ParquetError) -> ColumnValues {
        let schema = table.schema[column]
        let chunk = table.groups[group].chunks[column]
        let (end, overflow) = chunk.startOffset.addingReportingOverflow(chunk.compressedSize)
        guard !overflow, chunk.startOffset >= 0, chunk.compressedSize >= 0, end <= file.size else {
            throw ParquetError(.read, file.path, reason: "column \(schema.name): its chunk lies outside the file")
        }
        let bytes = try file.read(chunk.startOffset..<end)
        do throws(CorruptBytes) {
            let decoder = ChunkDecoder(schema, chunk, rowCount: table.groups[group].rowCount)
            return try decoder.decode(bytes, decompressor)
        } catch {
            throw ParquetError(.read, file.path, reason: "column \(schema.name): \(error.reason)")
        }
    }
}
