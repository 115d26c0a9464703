internal import Parquet
internal import Records

/// What a table's file is, by its ending.
enum TableFormat: Equatable {
    case csv, jsonLines, parquet

    /// - Parameter path: also one that ends in `.zst` behind the format's ending, for texts that are read.
    init?(path: String, mayBeCompressed: Bool) {
        var name = Substring(path.split(separator: "/").last ?? "")
        let isCompressed = name.hasSuffix(".zst")
        if isCompressed { name = name.dropLast(4) }
        switch name.split(separator: ".", omittingEmptySubsequences: false).last.map({ $0.lowercased() }) {
        case "csv": self = .csv
        case "jsonl", "ndjson", "json": self = .jsonLines
        case "parquet", "pq": self = .parquet
        default: return nil
        }
        if isCompressed && (!mayBeCompressed || self == .parquet) { return nil }
    }
}

/// Some rows of a table.
struct TableBatch {
    var count = 0
    var names: [String] = []
    var columns: [ColumnValues] = []
    /// Number of its first row, from 0.
    var firstRow = 0
    /// How the texts of string columns are meant.
    var meaning = TextMeaning.text

    enum TextMeaning {
        /// As they stand.
        case text
        /// Of a CSV file: of no type yet.
        case cell
        /// JSON values.
        case json
    }
}

extension TableBatch {
    /// Gives `body` the rows that were gathered, if any, and begins anew behind them. Requires: columns of texts.
    mutating func flush(to body: (TableBatch) throws -> Void) throws {
        guard count > 0 else { return }
        try body(self)
        firstRow += count
        count = 0
        for index in columns.indices { columns[index] = ColumnValues(.string, nullable: true) }
    }
}

extension FileSource {
    /// Lends `body` all lines, without their ends, and their numbers, until it throws.
    func forAllLines(_ body: (UnsafeRawBufferPointer, Int64) throws -> Void) throws {
        var failure: (any Error)?
        while failure == nil {
            let goesOn = try unsafe forEachLine { (record, number) throws(WorkerError) in
                do { unsafe try body(record.value!, number) } catch { failure = error }
                return failure == nil
            }
            if !goesOn || isExhausted { break }
        }
        if let failure { throw failure }
    }
}

/// A table of rows, read from its start as often as wanted.
protocol SpineFile: AnyObject {
    var path: String { get }
    var format: TableFormat { get }
    /// How a message names a row: the line of a text, the number from 0 of a Parquet file's row.
    func place(ofRow row: Int) -> String
    /// Gives `body` all rows, at most `rowsMax` at once, and none together with one beyond a multiple of it. `names` are the columns
    /// wanted, in their order; nil: all.
    func scan(rowsMax: Int, names: [String]?, _ body: (TableBatch) throws -> Void) throws
}

extension SpineFile {
    func failure(_ reason: String) -> WorkerError { WorkerError("\(path): \(reason)", isInput: true) }
    func failure(row: Int, _ reason: String) -> WorkerError { failure("\(place(ofRow: row)): \(reason)") }
}

func openSpine(_ path: String) throws -> any SpineFile {
    switch TableFormat(path: path, mayBeCompressed: true) {
    case .csv: return CSVSpine(path)
    case .jsonLines: return JSONSpine(path)
    case .parquet: return try ParquetSpine(path)
    case nil:
        throw WorkerError("\(path): a table's name ends in .csv, .jsonl or .parquet", isInput: true)
    }
}
