internal import Parquet
internal import Records

/// JSON lines, an object each. Their values have no type that holds for a column: they come as the texts of JSON values. A key that
/// is not there is null.
final class JSONSpine: SpineFile {
    let path: String
    let format = TableFormat.jsonLines

    init(_ path: String) { self.path = path }

    func place(ofRow row: Int) -> String { "row \(row + 1)" }

    func scan(rowsMax: Int, names: [String]?, _ body: (TableBatch) throws -> Void) throws {
        let file = try FileSource(path: path)
        var batch = TableBatch()
        batch.meaning = .json
        batch.names = names ?? []
        batch.columns = batch.names.map { _ in ColumnValues(.string, nullable: true) }
        var positions = Dictionary(uniqueKeysWithValues: batch.names.enumerated().map { ($1, $0) })
        func take(_ line: UnsafeRawBufferPointer) throws {
            let row = batch.firstRow + batch.count
            var scanner = unsafe JSONScanner(line)
            if scanner.isBlank { return }
            let isObject = unsafe try scanner.object { key, value in
                let name = unsafe JSONScanner.string(key)
                guard let name else { throw failure(row: row, "a key is not UTF-8") }
                guard
                    let column = positions[name]
                        ?? (names == nil ? addColumn(name, &positions, &batch) : nil)
                else { return }
                if batch.columns[column].count > batch.count { throw failure(row: row, "the key '\(name)' stands twice") }
                if unsafe value[0] == UInt8(ascii: "n") {
                    batch.columns[column].appendNull()
                } else if !(unsafe batch.columns[column].append(text: value)) {
                    throw failure(row: row, "'\(name)' is not UTF-8")
                }
            }
            guard isObject else { throw failure(row: row, "it is no JSON object") }
            batch.count += 1
            for column in batch.columns.indices where batch.columns[column].count < batch.count {
                batch.columns[column].appendNull()
            }
            if batch.count == rowsMax { try batch.flush(to: body) }
        }
        try unsafe file.forAllLines { line, _ in unsafe try take(line) }
        try batch.flush(to: body)
    }

    private func addColumn(_ name: String, _ positions: inout [String: Int], _ batch: inout TableBatch) -> Int {
        positions[name] = batch.columns.count
        batch.names.append(name)
        var column = ColumnValues(.string, nullable: true)
        for _ in 0..<batch.count { column.appendNull() }
        batch.columns.append(column)
        return batch.columns.count - 1
    }
}
