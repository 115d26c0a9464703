internal import History
internal import Parquet

/// A Parquet file, or a folder of some, as Spark writes them: their rows in the order of their paths.
final class ParquetSpine: SpineFile {
    let path: String
    let format = TableFormat.parquet
    private let files: [(path: String, rowCount: Int)]
    private let columns: [FileColumn]

    init(_ path: String) throws {
        self.path = path
        let paths = Folder.isFolder(path) ? Folder.files(below: path, ending: ".parquet") : [path]
        guard let first = paths.first else { throw WorkerError("\(path): there is no Parquet file in it", isInput: true) }
        columns = try ParquetSpine.open(first).columns
        if let twice = Dictionary(grouping: columns, by: \.name).first(where: { $0.value.count > 1 }) {
            throw WorkerError("\(first): there are two columns '\(twice.key)'", isInput: true)
        }
        var files: [(path: String, rowCount: Int)] = []
        for file in paths {
            let reader = try ParquetSpine.open(file)
            try ParquetSpine.check(reader, file, columns, of: first)
            files.append((file, reader.rowCount))
        }
        self.files = files
    }

    private static func open(_ path: String) throws(WorkerError) -> TableReader {
        do throws(ParquetError) { return try TableReader(path: path) } catch { throw WorkerError("\(error)", isInput: true) }
    }

    /// All files have the columns of the first, in any order.
    private static func check(_ reader: TableReader, _ path: String, _ columns: [FileColumn], of first: String) throws {
        for column in columns {
            guard let own = reader.columns.first(where: { $0.name == column.name }) else {
                throw WorkerError("\(path): it has no column '\(column.name)', which \(first) has", isInput: true)
            }
            guard own.type == column.type else {
                func text(_ type: ColumnType?) -> String { type?.text ?? "of a type that is not read" }
                throw WorkerError(
                    "\(path): column \(column.name): it is \(text(own.type)), but \(text(column.type)) in \(first)", isInput: true
                )
            }
        }
        if let other = reader.columns.first(where: { own in !columns.contains { $0.name == own.name } }) {
            throw WorkerError("\(path): it has a column '\(other.name)', which \(first) does not have", isInput: true)
        }
        guard reader.columns.count == columns.count else {
            throw WorkerError("\(path): there are two columns of one name", isInput: true)
        }
    }

    func place(ofRow row: Int) -> String {
        guard files.count > 1 else { return "row \(row)" }
        var start = 0
        for file in files {
            if row < start + file.rowCount { return "\(file.path), row \(row - start)" }
            start += file.rowCount
        }
        return "row \(row)"
    }

    func scan(rowsMax: Int, names: [String]?, _ body: (TableBatch) throws -> Void) throws {
        var batch = TableBatch()
        batch.names = names ?? columns.map(\.name)
        for file in files {
            do {
                let reader = try TableReader(path: file.path)
                let own = reader.columns.map(\.name)
                let positions = try batch.names.map { name in
                    guard let position = own.firstIndex(of: name) else { throw failure("it changed while it was read") }
                    return position
                }
                var scan = try reader.scan(positions)
                while true {
                    batch.count = try scan.next(rowsMax: rowsMax - batch.firstRow % rowsMax)
                    guard batch.count > 0 else { break }
                    batch.columns = scan.columns
                    try body(batch)
                    batch.firstRow += batch.count
                }
            } catch let error as ParquetError {
                throw WorkerError("\(error)", isInput: true)
            }
        }
    }
}
