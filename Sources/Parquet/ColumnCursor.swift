/// Reads a column's rows front to back, across pages and row groups; has at most one page and one dictionary in memory.
///
/// Used by one thread at a time, that of the scan which owns it.
final class ColumnCursor: @unchecked Sendable {
    private let column: FileColumn
    private let type: ColumnType
    private let path: String
    /// Of the row groups that are still to come, the last one first.
    private var chunks: [(chunk: StoredChunk, rowCount: Int)]
    private var pages: PageReader
    private var rowsOfChunk = 0
    private var rowsOfPage = 0
    private var dictionary: StoredDictionary?
    private var isFirstPage = true
    private var levels: HybridDecoder?
    private var values = ValueDecoder.nothing
    /// Memory of the page's, where its bytes are not in the order of its values.
    private var split = ByteBuffer(capacity: ByteBuffer.padding)
    private var scratch: [UInt8] = []
    /// The next row, as a number in the file.
    private var row: Int

    /// Requires: a column that can be read. `row`: that of the first chunk's first.
    init(_ column: FileColumn, _ type: ColumnType, chunks: [(chunk: StoredChunk, rowCount: Int)], row: Int, file: InputFile) {
        self.column = column
        self.type = type
        self.chunks = chunks.reversed()
        self.row = row
        path = file.path
        pages = PageReader(file)
    }

    /// A batch without any texts begins.
    func beginBatch() { dictionary?.forgetPlaces() }

    /// Appends the next `count` rows. Requires: there are as many.
    func read(_ count: Int, into batch: inout ColumnValues) throws(ParquetError) {
        let start = batch.count
        batch.grow(by: count)
        do throws(PageError) {
            try batch.withRows(from: start) { (rows, text) throws(PageError) in
                var done = 0
                while done < count {
                    while rowsOfPage == 0 { try nextPage() }
                    let length = min(rowsOfPage, count - done)
                    do throws(CorruptBytes) {
                        try decode(length, into: rows.advanced(by: done), text: &text)
                    } catch {
                        throw .corrupt(error)
                    }
                    rowsOfPage -= length
                    row += length
                    done += length
                }
            }
        } catch {
            switch error {
            case .file(let error): throw error
            case .corrupt(let error): throw ParquetError(.read, path, column: column.name, reason: error.reason)
            }
        }
    }

    private func nextPage() throws(PageError) {
        do throws(CorruptBytes) {
            while rowsOfChunk == 0 { try nextChunk() }
        } catch {
            throw .corrupt(error)
        }
        guard let (header, definitions, values) = try pages.next() else {
            throw .corrupt(CorruptBytes("its chunk ends before row \(row + rowsOfChunk)"))
        }
        do throws(CorruptBytes) {
            if header.kind == .dictionary {
                guard isFirstPage else { throw CorruptBytes("a dictionary in the wrong place") }
                isFirstPage = false
                dictionary = try StoredDictionary(header, values, column.form, type)
                return
            }
            guard 0...rowsOfChunk ~= header.valueCount else {
                throw CorruptBytes("a page of \(header.valueCount) rows in a group that has \(rowsOfChunk) left")
            }
            isFirstPage = false
            try begin(header, definitions, values)
        } catch {
            throw .corrupt(error)
        }
    }

    private func nextChunk() throws(CorruptBytes) {
        guard let (chunk, rowCount) = chunks.popLast() else { preconditionFailure("more rows than the file has") }
        guard rowCount > 0 else { return }
        if let obstacle = chunk.obstacle { throw CorruptBytes(obstacle) }
        guard chunk.physical == column.form.physical.rawValue, chunk.valueCount == rowCount else {
            throw CorruptBytes("a chunk does not fit the schema and the group's rows")
        }
        try pages.open(chunk)
        dictionary = nil
        isFirstPage = true
        rowsOfChunk = rowCount
    }

    private func begin(_ header: PageHeader, _ definitions: ByteReader?, _ values: ByteReader) throws(CorruptBytes) {
        var values = values
        levels = nil
        if column.nullable {
            var definitions = definitions
            if definitions == nil {
                guard header.levelEncoding == Encoding.rle.rawValue else {
                    let name = Encoding(rawValue: header.levelEncoding).map { "\($0)" } ?? "number \(header.levelEncoding)"
                    throw CorruptBytes("definition levels of encoding \(name) are not read")
                }
                let length = Int(try values.littleEndian(UInt32.self))
                definitions = try values.take(length)
            }
            if let definitions { levels = try HybridDecoder(definitions, width: 1) }
        }
        self.values = try ValueDecoder(header, values, column.form, split: &split)
        rowsOfPage = header.valueCount
        rowsOfChunk -= header.valueCount
    }

    private func decode(_ count: Int, into rows: RowMemory, text: inout [UInt8]) throws(CorruptBytes) {
        var present = count
        if let valid = unsafe rows.valid {
            try unsafe levels?.next(count, into: valid)
            present = unsafe validCount(valid, count: count)
        }
        guard present > 0 else { return }
        let textStart = text.count
        if case .indices(var indices) = values {
            guard dictionary != nil else { throw CorruptBytes("indices without a dictionary") }
            try dictionary?.look(up: &indices, count: present, into: rows, text: &text)
            values = .indices(indices)
        } else {
            try values.next(present, column.form, into: rows, text: &text, scratch: &scratch)
        }
        let outside =
            column.form == .text
            ? rows.firstMalformed(present, text, from: textStart) : column.form.firstOutside(rows, count: present, type)
        if let outside { throw CorruptBytes("row \(row + rows.row(of: outside.index, count)): \(outside.reason)") }
        rows.spread(present, rows: count)
    }
}

extension RowMemory {
    /// The row of a value that is none of the first `value` valid ones.
    fileprivate func row(of value: Int, _ count: Int) -> Int {
        guard let valid = unsafe valid else { return value }
        var left = value
        for row in 0..<count where unsafe valid[row] == 1 {
            if left == 0 { return row }
            left -= 1
        }
        return count
    }

    /// The first text that is not UTF-8, of those whose bytes lie from `start` on: the others were looked at before.
    fileprivate func firstMalformed(_ count: Int, _ text: [UInt8], from start: Int) -> (index: Int, reason: String)? {
        if isASCII(text[start...]) { return nil }
        for index in 0..<count {
            let word = unsafe words[index]
            let place = textOffset(word)
            if place < start { continue }
            let span = text.span.extracting(place..<place + textLength(word))
            if (try? UTF8Span(validating: span)) == nil { return (index, "a text that is not UTF-8") }
        }
        return nil
    }
}
