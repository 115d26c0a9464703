import Parquet

/// SplitMix64, so that a printed seed brings a table back.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A column in memory, as a caller of the writer has it.
struct TableColumn {
    var schema: ColumnSchema
    var words: [Int64] = []
    /// The upper words of a wide type.
    var high: [Int64] = []
    var valid: [UInt8]?
    var text: [UInt8] = []
    /// The encoding of the data pages in every row group, where a test wants a certain one.
    var encoding: String?

    init(_ name: String, _ type: ColumnType, nullable: Bool = false) {
        schema = ColumnSchema(name: name, type: type, nullable: nullable)
    }

    init(_ name: String, _ type: ColumnType, words: [Int64], valid: [UInt8]? = nil, encoding: String? = nil) {
        self.init(name, type, nullable: valid != nil)
        self.words = words
        self.valid = valid
        self.encoding = encoding
    }

    init(_ name: String, texts: [String], valid: [UInt8]? = nil, encoding: String? = nil) {
        self.init(name, .string, nullable: valid != nil)
        for text in texts { append(text) }
        self.valid = valid
        self.encoding = encoding
    }

    mutating func append(_ string: String) {
        words.append(Int64(text.count) << 32 | Int64(string.utf8.count))
        text.append(contentsOf: string.utf8)
    }

    /// The value as the comparing script reads it: null, an integer (the word), or a text's bytes in hexadecimal.
    func expected(_ row: Int) -> String {
        if let valid, valid[row] == 0 { return "null" }
        let word = words[row]
        if schema.type.isWide { return String(Int128(high[row]) << 64 | Int128(UInt64(bitPattern: word))) }
        guard schema.type == .string else { return String(word) }
        let bytes = text[Int(word >> 32)..<Int(word >> 32) + Int(word & 0xFFFF_FFFF)]
        let digits = Array("0123456789abcdef".utf8)
        return "\"" + String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self) + "\""
    }
}

struct Table {
    var columns: [TableColumn]
    /// Rows of each row group.
    var groups: [Int]
    var metadata: [(String, String)] = []

    func write(to path: String) throws -> Int {
        var writer = try FileWriter(path: path, schema: columns.map(\.schema), metadata: metadata)
        var start = 0
        for rowCount in groups {
            try withColumnData(columns[...], from: start) { data throws(ParquetError) in
                try writer.write(rowCount: rowCount, columns: data)
            }
            start += rowCount
        }
        return try writer.finish()
    }

    /// The table as JSON for `compare.py`.
    func expected() -> String {
        let columns = columns.map { column in
            var start = 0
            let groups = groups.filter { $0 > 0 }.map { rowCount in
                defer { start += rowCount }
                return "[" + (start..<start + rowCount).map { column.expected($0) }.joined(separator: ",") + "]"
            }
            let encoding = column.encoding.map { "\"\($0)\"" } ?? "null"
            return """
                {"name": "\(column.schema.name)", "type": "\(column.schema.type.name)", "nullable": \(column.schema.nullable), \
                "encoding": \(encoding), "groups": [\(groups.joined(separator: ","))]}
                """
        }
        let metadata = metadata.map { "\"\($0.0)\": \"\($0.1)\"" }
        return "{\"metadata\": {\(metadata.joined(separator: ","))}, \"columns\": [\(columns.joined(separator: ","))]}"
    }
}

extension ColumnType {
    var name: String {
        switch self {
        case .string: "string"
        case .int32: "int32"
        case .int64: "int64"
        case .double: "double"
        case .bool: "bool"
        case .date: "date"
        case .timestamp(let unit, let isUTC): "timestamp(\(unit.name)\(isUTC ? ",UTC" : ""))"
        case .decimal(let digits, let scale): "decimal(\(digits),\(scale))"
        }
    }
}

extension TimestampUnit {
    var name: String {
        switch self {
        case .milliseconds: "ms"
        case .microseconds: "us"
        case .nanoseconds: "ns"
        }
    }
}

/// Lends the memory of all columns at once.
func withColumnData(
    _ columns: ArraySlice<TableColumn>, from start: Int, _ lent: [ColumnData] = [],
    _ body: ([ColumnData]) throws(ParquetError) -> Void
) throws(ParquetError) {
    guard let column = columns.first else { return try body(lent) }
    var failure: ParquetError?
    unsafe column.words.withUnsafeBufferPointer { words in
        unsafe (column.valid ?? []).withUnsafeBufferPointer { valid in
            unsafe column.high.withUnsafeBufferPointer { high in
                unsafe column.text.withUnsafeBytes { text in
                    // An empty array may have no address at all.
                    let nothing = unsafe UnsafePointer<Int64>(bitPattern: 8).unsafelyUnwrapped
                    let data = unsafe ColumnData(
                        words: words.baseAddress.map { unsafe $0 + start } ?? nothing,
                        valid: column.valid == nil ? nil : valid.baseAddress.map { unsafe $0 + start },
                        text: column.schema.type == .string ? text : nil,
                        high: column.schema.type.isWide ? high.baseAddress.map { unsafe $0 + start } ?? nothing : nil)
                    do throws(ParquetError) {
                        try withColumnData(columns.dropFirst(), from: start, lent + [data], body)
                    } catch {
                        failure = error
                    }
                }
            }
        }
    }
    if let failure { throw failure }
}
