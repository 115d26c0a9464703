internal import Glibc
internal import History
internal import Parquet
internal import Records

/// Rows on their way out: the spine's columns, and those of values.
struct OutputBlock {
    var count: Int
    var spine: [ColumnValues]
    /// How the texts of the spine's string columns are meant.
    var meaning = TableBatch.TextMeaning.text
    /// Those of a whole block of row numbers.
    var values: [ValueBlock]
    /// The row of `values` that the first row here has.
    var firstValue: Int
    /// No other rows of `values` are to come.
    var isLast: Bool
    /// Which columns of those come out, in their order.
    var picks: [(block: Int, column: Int)]
}

/// The values of one view for a block of rows. Used again, block after block: fresh memory costs more than what is written to it.
final class ValueBlock {
    let columns: [Column]
    var text = TextArena(capacity: 1 << 10)

    init(_ types: [FieldType]) { columns = types.map { Column(type: $0, capacity: AnswerStore.blockRows) } }

    deinit { for column in columns { column.deallocate() } }

    /// Keeps the rows for which `isKept` is true.
    func filter(_ isKept: [Bool]) {
        for column in columns {
            var kept = 0
            for row in isKept.indices where isKept[row] {
                column.words[kept] = column.words[row]
                column.valid[kept] = column.valid[row]
                kept += 1
            }
        }
    }

    /// From a row on. Valid while the block is not written to.
    func data(_ index: Int, from row: Int) -> ColumnData {
        let column = columns[index]
        return unsafe ColumnData(
            words: column.words.pointer + row, valid: column.valid.pointer + row,
            text: column.type == .string ? text.bytes(TextReference(offset: 0, length: text.count)) : nil)
    }
}

/// Writes a table, block by block. The file has a hidden name until `finish`; dropped before, it goes.
protocol TableWriter: AnyObject {
    func write(_ block: OutputBlock) throws
    func finish() throws
}

func makeTable(_ path: String, _ schema: [ColumnSchema], pipeline: String, version: Int) throws -> any TableWriter {
    removeAbandoned(path)
    switch TableFormat(path: path, mayBeCompressed: false) {
    case .parquet:
        return try ParquetTable(path, schema, [("freshet.pipeline", pipeline), ("freshet.version", String(version))])
    case .csv: return try TextTable(path, CSVForm(names: schema.map(\.name)))
    case .jsonLines: return try TextTable(path, JSONForm(names: schema.map(\.name)))
    case nil: throw WorkerError("\(path): a table's name ends in .csv, .jsonl or .parquet", isInput: true)
    }
}

/// The name that a file has until it is whole.
private func hiddenPath(_ path: String) -> String {
    let cut = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    return "\(path[..<cut]).\(path[cut...]).\(getpid()).inprogress"
}

/// Removes what joins to the same table left that were killed.
private func removeAbandoned(_ path: String) {
    let cut = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let folder = cut == path.startIndex ? "." : String(path[..<cut])
    let (prefix, suffix) = (".\(path[cut...]).", ".inprogress")
    for name in Folder.names(folder) where name.hasPrefix(prefix) && name.hasSuffix(suffix) {
        guard let process = pid_t(name.dropFirst(prefix.count).dropLast(suffix.count)), kill(process, 0) != 0, errno == ESRCH
        else {
            continue
        }
        unsafe _ = unlink("\(folder)/\(name)")
    }
}

private func publish(_ hidden: String, as path: String) throws(WorkerError) {
    if unsafe rename(hidden, path) != 0 { throw WorkerError(cannot: "rename to", path) }
}

private final class ParquetTable: TableWriter {
    private let path: String
    private var writer: FileWriter?

    init(_ path: String, _ schema: [ColumnSchema], _ metadata: [(String, String)]) throws {
        self.path = path
        unsafe _ = unlink(hiddenPath(path))
        writer = try FileWriter(path: hiddenPath(path), schema: schema, metadata: metadata)
    }

    func write(_ block: OutputBlock) throws {
        try write(block, block.spine[...], [])
    }

    /// Lends the spine's columns one inside the other.
    private func write(_ block: OutputBlock, _ rest: ArraySlice<ColumnValues>, _ lent: [ColumnData]) throws {
        guard let next = rest.first else {
            let values = block.picks.map { block.values[$0.block].data($0.column, from: block.firstValue) }
            try writer!.write(rowCount: block.count, columns: lent + values)
            return
        }
        try next.withColumnData { try write(block, rest.dropFirst(), lent + [$0]) }
    }

    func finish() throws {
        // Whatever is lost with the power can be made again.
        _ = try writer.take()!.finish(sync: false)
        try publish(hiddenPath(path), as: path)
    }
}

/// What rows look like as text.
protocol TextForm {
    func head(to bytes: inout [UInt8])
    /// A value, or null, behind those before it in the row.
    func append(_ cell: TextCell, column: Int, to bytes: inout [UInt8])
    func endRow(to bytes: inout [UInt8])
}

/// A value as text.
enum TextCell {
    case null
    /// A text, which may need quotes.
    case text(ArraySlice<UInt8>)
    /// A text of JSON.
    case json(ArraySlice<UInt8>)
    /// A number or a flag.
    case plain(String)
    /// A time or a date.
    case time(String)
}

private final class TextTable<Form: TextForm>: TableWriter {
    private let path: String
    private let form: Form
    private let descriptor: Int32
    private var bytes: [UInt8] = []
    private var isFinished = false
    private static var bytesMax: Int { 1 << 20 }

    init(_ path: String, _ form: Form) throws(WorkerError) {
        self.path = path
        self.form = form
        descriptor = unsafe open(hiddenPath(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw WorkerError(cannot: "make", path) }
        form.head(to: &bytes)
    }

    deinit {
        if !isFinished { unsafe _ = unlink(hiddenPath(path)) }
        _ = close(descriptor)
    }

    func write(_ block: OutputBlock) throws {
        for row in 0..<block.count {
            for (index, column) in block.spine.enumerated() {
                form.append(cell(column, row, block.meaning), column: index, to: &bytes)
            }
            for (index, pick) in block.picks.enumerated() {
                let values = block.values[pick.block]
                form.append(
                    cell(values, values.columns[pick.column], block.firstValue + row), column: block.spine.count + index,
                    to: &bytes)
            }
            form.endRow(to: &bytes)
            if bytes.count >= Self.bytesMax { try flush() }
        }
    }

    private func cell(_ column: ColumnValues, _ row: Int, _ meaning: TableBatch.TextMeaning) -> TextCell {
        if column.isNull(row) { return .null }
        switch column.type {
        case .string: return meaning == .json ? .json(column.text(row)) : .text(column.text(row))
        case .timestamp, .date: return .time(column.plainText(row))
        default: return .plain(column.plainText(row))
        }
    }

    private func cell(_ values: ValueBlock, _ column: Column, _ row: Int) -> TextCell {
        guard column.valid[row] != 0 else { return .null }
        let word = column.words[row]
        switch column.type {
        case .string: return .text(Array(values.text.string(TextReference(word: word)).utf8)[...])
        case .timestamp: return .time(EventTime(microseconds: word).rfc3339())
        case .bool: return .plain(word != 0 ? "true" : "false")
        case .double: return .plain("\(Double(bitPattern: UInt64(bitPattern: word)))")
        case .int64, .decimal: return .plain(String(word))
        }
    }

    private func flush() throws(WorkerError) {
        var done = 0
        while done < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if written < 0 && errno == EINTR { continue }
            guard written >= 0 else { throw WorkerError(cannot: "write", path) }
            done += written
        }
        bytes.removeAll(keepingCapacity: true)
    }

    func finish() throws {
        try flush()
        try publish(hiddenPath(path), as: path)
        isFinished = true
    }
}

private struct CSVForm: TextForm {
    let names: [String]

    func head(to bytes: inout [UInt8]) {
        for (index, name) in names.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            CSVForm.append(Array(name.utf8)[...], to: &bytes)
        }
        bytes.append(0x0A)
    }

    func append(_ cell: TextCell, column: Int, to bytes: inout [UInt8]) {
        if column > 0 { bytes.append(UInt8(ascii: ",")) }
        switch cell {
        case .null: break
        case .text(let text), .json(let text): CSVForm.append(text, to: &bytes)
        case .plain(let text), .time(let text): bytes += text.utf8
        }
    }

    func endRow(to bytes: inout [UInt8]) { bytes.append(0x0A) }

    private static func append(_ text: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
        // Nothing at all would be null.
        let needsQuotes =
            text.isEmpty || text.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 0x0A || $0 == 0x0D }
        guard needsQuotes else {
            bytes += text
            return
        }
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            if byte == UInt8(ascii: "\"") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

private struct JSONForm: TextForm {
    /// `"name":`
    private let keys: [[UInt8]]

    init(names: [String]) {
        keys = names.map { name in
            var key: [UInt8] = []
            JSONText.append(name, to: &key)
            return key + [UInt8(ascii: ":")]
        }
    }

    func head(to bytes: inout [UInt8]) {}

    func append(_ cell: TextCell, column: Int, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: column == 0 ? "{" : ","))
        bytes += keys[column]
        switch cell {
        case .null: bytes += "null".utf8
        case .text(let text): JSONText.append(String(decoding: text, as: UTF8.self), to: &bytes)
        case .json(let text): bytes += text
        case .plain(let text): bytes += text.utf8
        case .time(let text): JSONText.append(text, to: &bytes)
        }
    }

    func endRow(to bytes: inout [UInt8]) { bytes += "}\n".utf8 }
}

extension ColumnValues {
    /// A value that is no string as text. Requires: it is not null.
    fileprivate func plainText(_ row: Int) -> String {
        let word = words[row]
        switch type {
        case .string: return ""
        case .int32, .int64: return String(word)
        case .double: return "\(Double(bitPattern: UInt64(bitPattern: word)))"
        case .bool: return word != 0 ? "true" : "false"
        case .date: return CivilDate(daysSinceEpoch: Int(word)).description
        case .timestamp(let unit, let isUTC): return ColumnValues.timeText(word, unit, isUTC: isUTC)
        case .decimal(_, let scale): return ColumnValues.decimalText(decimal(row), scale)
        }
    }

    private static func timeText(_ word: Int64, _ unit: TimestampUnit, isUTC: Bool) -> String {
        guard let microseconds = unit.microseconds(word) else { return "" }
        var text = String(EventTime(microseconds: microseconds).rfc3339().dropLast())
        let rest = unit == .nanoseconds ? word - microseconds * 1000 : 0
        if rest != 0 {
            let fraction = text.firstIndex(of: ".").map { String(text[text.index(after: $0)...]) } ?? ""
            text = String(text.prefix { $0 != "." })
            let digits = String(rest)
            text += "." + fraction + String(repeating: "0", count: 6 - fraction.count)
            text += String(repeating: "0", count: 3 - digits.count) + digits
        }
        return isUTC ? text + "Z" : text
    }

    private static func decimalText(_ number: Int128, _ scale: Int) -> String {
        guard scale > 0 else { return String(number) }
        var digits = String(number.magnitude)
        if digits.count <= scale { digits = String(repeating: "0", count: scale + 1 - digits.count) + digits }
        return (number < 0 ? "-" : "") + digits.dropLast(scale) + "." + digits.suffix(scale)
    }
}
