internal import Parquet
internal import Records

/// Why a row of a column is none of a type.
struct CellError: Error {
    var row: Int
    var reason: String
}

/// A column of a table as one of the pipeline's types.
final class Cells {
    private(set) var words: [Int64] = []
    private(set) var isValid: [Bool] = []
    /// What the words of strings refer to.
    private(set) var text = TextArena(capacity: 1 << 12)

    /// Replaces what it has by the first `count` rows of a column.
    func read(
        _ column: ColumnValues, _ meaning: TableBatch.TextMeaning, count: Int, _ reader: CellReader
    ) throws(CellError) {
        words.removeAll(keepingCapacity: true)
        isValid.removeAll(keepingCapacity: true)
        text.removeAll()
        for row in 0..<count {
            guard !column.isNull(row) else {
                words.append(0)
                isValid.append(false)
                continue
            }
            do throws(WorkerError) {
                words.append(try reader.read(column, meaning, row, &text))
            } catch {
                throw CellError(row: row, reason: error.description)
            }
            isValid.append(true)
        }
    }
}

/// Reads values of a table as one of the pipeline's types.
struct CellReader {
    let name: String
    let type: FieldType

    /// Gives a row's word; texts are appended to `texts`. Throws why it is none of the type. Requires: it is not null.
    @inline(__always)
    func read(
        _ column: ColumnValues, _ meaning: TableBatch.TextMeaning, _ row: Int, _ texts: inout TextArena
    ) throws(WorkerError) -> Int64 {
        guard column.type == .string else { return try read(column, row) }
        var result: Result<Int64, WorkerError>?
        unsafe column.text(row).withUnsafeBytes { bytes in
            result = Result { () throws(WorkerError) in try unsafe read(bytes, meaning, &texts) }
        }
        return try result!.get()
    }

    private func read(_ bytes: UnsafeRawBufferPointer, _ meaning: TableBatch.TextMeaning, _ texts: inout TextArena)
        throws(WorkerError) -> Int64
    {
        let isQuoted = unsafe meaning == .json && bytes[0] == UInt8(ascii: "\"")
        if type == .string {
            if meaning == .json && !isQuoted { throw mismatch(unsafe String(decoding: bytes, as: UTF8.self)) }
            guard isQuoted, unsafe bytes.contains(UInt8(ascii: "\\")) else {
                return unsafe texts.append(isQuoted ? UnsafeRawBufferPointer(rebasing: bytes[1..<bytes.count - 1]) : bytes).word
            }
        }
        guard let text = isQuoted ? unsafe JSONScanner.string(bytes) : unsafe String(decoding: bytes, as: UTF8.self) else {
            throw mismatch("half of a surrogate pair")
        }
        switch type {
        case .string: return texts.append(text).word
        case .int64: if let number = Int64(text), !isQuoted { return number }
        case .bool:
            let isAny = meaning != .json
            if text == "true" || (isAny && text.lowercased() == "true") { return 1 }
            if text == "false" || (isAny && text.lowercased() == "false") { return 0 }
        case .timestamp:
            if meaning != .json || isQuoted, let time = parseTimestamp(text) { return time.microseconds }
        case .decimal(let scale): if case .success(let number) = parseDecimal(text, scale: scale) { return number }
        case .double: if let number = Double(text), number.isFinite { return Int64(bitPattern: number.bitPattern) }
        }
        throw mismatch(text)
    }

    private func read(_ column: ColumnValues, _ row: Int) throws(WorkerError) -> Int64 {
        let word = column.words[row]
        switch (type, column.type) {
        case (.int64, .int64), (.int64, .int32), (.bool, .bool), (.double, .double): return word
        case (.timestamp, .timestamp(let unit, _)):
            if let time = unit.microseconds(word) { return time }
            throw WorkerError("\(name): the time lies beyond what microseconds can say", isInput: true)
        case (.timestamp, .date): return word * 86_400_000_000
        case (.decimal(let scale), .decimal(_, let own)): return try rescaled(column.decimal(row), from: own, to: scale)
        case (.decimal(let scale), .int64), (.decimal(let scale), .int32): return try rescaled(Int128(word), from: 0, to: scale)
        default: throw WorkerError("\(name): the column is \(column.type.text), expected \(expectation)", isInput: true)
        }
    }

    private func rescaled(_ number: Int128, from own: Int, to scale: Int) throws(WorkerError) -> Int64 {
        guard let word = rescaleDecimal(number, from: own, to: scale) else {
            throw WorkerError("\(name): it is out of the range of \(type)", isInput: true)
        }
        return word
    }

    private var expectation: String { type == .timestamp ? "a timestamp, or its text as RFC 3339 has it" : "\(type)" }

    private func mismatch(_ text: String) -> WorkerError {
        WorkerError("\(name): '\(text.prefix(60))' is no \(type == .timestamp ? "RFC 3339 time" : "\(type)")", isInput: true)
    }
}

/// What a column of texts could be taken for: the narrowest type that holds all.
struct TypeGuess {
    private var hasNumbers = false
    private var hasFractions = false
    private var hasFlags = false
    private var hasOthers = false

    mutating func see(_ bytes: UnsafeRawBufferPointer, _ meaning: TableBatch.TextMeaning) {
        if hasOthers { return }
        guard let first = unsafe bytes.first else {
            hasOthers = true
            return
        }
        let isNumber = 0x30...0x39 ~= first || first == UInt8(ascii: "-") || (meaning == .cell && first == UInt8(ascii: "."))
        guard isNumber else {
            let word = unsafe bytes.count <= 5 ? String(decoding: bytes, as: UTF8.self).lowercased() : ""
            if word == "true" || word == "false" { hasFlags = true } else { hasOthers = true }
            return
        }
        let text = unsafe String(decoding: bytes, as: UTF8.self)
        // A number that begins with zeros is more likely a name.
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        if digits.count > 1 && digits.hasPrefix("0") && !digits.hasPrefix("0.") && !digits.lowercased().hasPrefix("0e") {
            hasOthers = true
        } else if Int64(text) != nil {
            hasNumbers = true
        } else if text.allSatisfy({ "0123456789.eE+-".contains($0) }), let number = Double(text), number.isFinite {
            hasFractions = true
        } else {
            hasOthers = true
        }
    }

    var type: FieldType {
        if hasOthers || (hasFlags && (hasNumbers || hasFractions)) { return .string }
        if hasFlags { return .bool }
        return hasFractions ? .double : hasNumbers ? .int64 : .string
    }
}
