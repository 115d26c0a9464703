internal import Glibc
internal import Parquet
internal import Records

/// A column of the rows on their way out.
struct OutputColumn {
    var values: ColumnValues
    /// How the texts of a string column are meant.
    var meaning = TableBatch.TextMeaning.text
}

/// Writes a table, batch by batch. The file has a hidden name until `finish`; dropped before, it goes.
protocol TableWriter: AnyObject {
    func write(count: Int, _ columns: [OutputColumn]) throws
    func finish() throws
}

func makeTable(_ path: String, _ schema: [ColumnSchema], pipeline: String, version: Int) throws -> any TableWriter {
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

    func write(count: Int, _ columns: [OutputColumn]) throws {
        try write(count: count, columns[...], [])
    }

    /// Lends the columns one inside the other.
    private func write(count: Int, _ rest: ArraySlice<OutputColumn>, _ lent: [ColumnData]) throws {
        guard let next = rest.first else {
            try writer!.write(rowCount: count, columns: lent)
            return
        }
        try next.values.withColumnData { try write(count: count, rest.dropFirst(), lent + [$0]) }
    }

    func finish() throws {
        _ = try writer.take()!.finish()
        try publish(hiddenPath(path), as: path)
    }
}

/// What rows look like as text.
protocol TextForm {
    func head(to bytes: inout [UInt8])
    func append(_ columns: [OutputColumn], row: Int, to bytes: inout [UInt8])
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

    func write(count: Int, _ columns: [OutputColumn]) throws {
        for row in 0..<count {
            form.append(columns, row: row, to: &bytes)
            if bytes.count >= Self.bytesMax { try flush() }
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
        guard fsync(descriptor) == 0 else { throw WorkerError(cannot: "sync", path) }
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

    func append(_ columns: [OutputColumn], row: Int, to bytes: inout [UInt8]) {
        for (index, column) in columns.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            guard !column.values.isNull(row) else { continue }
            if column.values.type == .string {
                CSVForm.append(column.values.text(row), to: &bytes)
            } else {
                bytes += column.values.plainText(row).utf8
            }
        }
        bytes.append(0x0A)
    }

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

    func append(_ columns: [OutputColumn], row: Int, to bytes: inout [UInt8]) {
        for (index, column) in columns.enumerated() {
            bytes.append(UInt8(ascii: index == 0 ? "{" : ","))
            bytes += keys[index]
            if column.values.isNull(row) {
                bytes += "null".utf8
            } else if column.values.type == .string {
                let text = column.values.text(row)
                if column.meaning == .json {
                    bytes += text
                } else {
                    JSONText.append(String(decoding: text, as: UTF8.self), to: &bytes)
                }
            } else {
                let isQuoted =
                    switch column.values.type {
                    case .timestamp, .date: true
                    default: false
                    }
                if isQuoted { bytes.append(UInt8(ascii: "\"")) }
                bytes += column.values.plainText(row).utf8
                if isQuoted { bytes.append(UInt8(ascii: "\"")) }
            }
        }
        bytes.append(UInt8(ascii: "}"))
        bytes.append(0x0A)
    }
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
