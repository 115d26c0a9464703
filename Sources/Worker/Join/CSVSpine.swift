internal import Parquet
internal import Records

/// A CSV file with a header, as RFC 4180 has it: a comma between fields, quotes around those that need them. A field with nothing
/// in it, not even quotes, is null. Its fields have no type: they come as texts.
final class CSVSpine: SpineFile {
    let path: String
    let format = TableFormat.csv

    init(_ path: String) { self.path = path }

    func place(ofRow row: Int) -> String { "row \(row + 1) below the header" }

    func scan(rowsMax: Int, names: [String]?, _ body: (TableBatch) throws -> Void) throws {
        let file = try FileSource(path: path)
        var header: [String]?
        var batch = TableBatch()
        batch.meaning = .cell
        var fields = CSVFields()
        /// Lines of a field with line ends in quotes.
        var pending: [UInt8] = []
        var isPending = false
        func take(_ line: UnsafeRawBufferPointer) throws {
            let row = batch.firstRow + batch.count
            guard unsafe fields.split(line) else {
                throw failure(row: row, "characters behind a closing quote")
            }
            guard let header else {
                guard let names = unsafe fields.names(line) else { throw failure("its header is not UTF-8") }
                try self.check(names)
                header = names
                batch.names = names
                batch.columns = names.map { _ in ColumnValues(.string, nullable: true) }
                return
            }
            if fields.count != header.count {
                // An empty line at the end, or between rows, is none.
                if unsafe fields.count == 1 && line.isEmpty { return }
                throw failure(row: row, "\(fields.count) fields, the header has \(header.count)")
            }
            for column in header.indices {
                guard unsafe fields.append(column, of: line, to: &batch.columns[column]) else {
                    throw failure(row: row, "column '\(header[column])' is not UTF-8")
                }
            }
            batch.count += 1
            if batch.count == rowsMax { try batch.flush(to: body) }
        }
        try unsafe file.forAllLines { line, number in
            if isPending {
                pending.append(0x0A)
                unsafe pending += line
                if unsafe !pending.withUnsafeBytes({ unsafe CSVFields.endsWithinQuotes($0) }) {
                    isPending = false
                    try unsafe pending.withUnsafeBytes { unsafe try take($0) }
                }
            } else if unsafe CSVFields.endsWithinQuotes(line) {
                isPending = true
                unsafe pending = Array(line)
            } else {
                // Excel begins a file with a mark.
                let isMarked = unsafe number == 0 && line.count >= 3 && line[0] == 0xEF && line[1] == 0xBB && line[2] == 0xBF
                unsafe try take(isMarked ? UnsafeRawBufferPointer(rebasing: line[3...]) : line)
            }
        }
        if isPending { throw failure(row: batch.firstRow + batch.count, "a quote is never closed") }
        if header == nil { throw failure("it is empty; a CSV file begins with a header") }
        try batch.flush(to: body)
    }

    private func check(_ names: [String]) throws {
        for (index, name) in names.enumerated() {
            if name.isEmpty { throw failure("column \(index + 1) of the header has no name") }
            if names[..<index].contains(name) { throw failure("there are two columns '\(name)'") }
        }
    }
}

/// The fields of one line.
private struct CSVFields {
    private struct Field {
        var start: Int
        var end: Int
        var isQuoted: Bool
        /// Whether a quote stands twice in it.
        var hasQuotes: Bool
    }
    private var fields: [Field] = []
    private var unquoted: [UInt8] = []
    private static let quote = UInt8(ascii: "\"")

    var count: Int { fields.count }

    static func endsWithinQuotes(_ line: UnsafeRawBufferPointer) -> Bool {
        var isOdd = false
        for index in 0..<line.count where unsafe line[index] == quote { isOdd.toggle() }
        return isOdd
    }

    /// Gives false where something stands behind a closing quote.
    mutating func split(_ line: UnsafeRawBufferPointer) -> Bool {
        fields.removeAll(keepingCapacity: true)
        var position = 0
        while true {
            var field = Field(start: position, end: position, isQuoted: false, hasQuotes: false)
            if position < line.count, unsafe line[position] == CSVFields.quote {
                field.isQuoted = true
                position += 1
                field.start = position
                while true {
                    guard position < line.count else { return false }
                    if unsafe line[position] == CSVFields.quote {
                        guard position + 1 < line.count, unsafe line[position + 1] == CSVFields.quote else { break }
                        field.hasQuotes = true
                        position += 1
                    }
                    position += 1
                }
                field.end = position
                position += 1
                if position < line.count, unsafe line[position] != UInt8(ascii: ",") { return false }
            } else {
                while position < line.count, unsafe line[position] != UInt8(ascii: ",") { position += 1 }
                field.end = position
            }
            fields.append(field)
            guard position < line.count else { return true }
            position += 1
        }
    }

    /// All fields as texts.
    mutating func names(_ line: UnsafeRawBufferPointer) -> [String]? {
        var column = ColumnValues(.string, nullable: true)
        for index in fields.indices {
            guard unsafe append(index, of: line, to: &column) else { return nil }
        }
        return fields.indices.map { String(decoding: column.text($0), as: UTF8.self) }
    }

    /// Appends a field to a column of texts; false where it is not UTF-8.
    mutating func append(_ index: Int, of line: UnsafeRawBufferPointer, to column: inout ColumnValues) -> Bool {
        let field = fields[index]
        if field.start == field.end && !field.isQuoted {
            column.appendNull()
            return true
        }
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: line[field.start..<field.end])
        guard field.hasQuotes else { return unsafe column.append(text: bytes) }
        unquoted.removeAll(keepingCapacity: true)
        var position = 0
        while position < bytes.count {
            unsafe unquoted.append(bytes[position])
            position += unsafe bytes[position] == CSVFields.quote ? 2 : 1
        }
        return unsafe unquoted.withUnsafeBytes { unsafe column.append(text: $0) }
    }
}
