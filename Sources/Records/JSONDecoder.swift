internal import CSimdJSON

/// Reads JSON records, one object each, into a batch's columns.
///
/// A record is taken as a whole or not at all: every byte of it has to be JSON, every field of the source is checked for presence
/// and type, stored or not. Keys come in any order, the last of a repeated key counts, keys of no field are ignored.
/// A decoder remembers the order of the keys, so it is fastest on records of one shape.
@safe
public struct JSONDecoder: ~Copyable {
    /// Larger records are rejected as out of range: one message must not take the memory that all keyed state shares.
    public static let recordBytesMax = 64 << 20

    private let reader: OpaquePointer
    private let fields: [RecordField]
    /// Whose columns the reader writes to: kept alive, so that no other batch can be taken for it.
    private var bound: RecordBatch?

    /// `eventTime` is the number of the timestamp field that says when a record happened; it is required, optional or not.
    ///
    /// Requires: names differ, and no name has an empty component.
    public init(fields: [RecordField], eventTime: Int) {
        precondition(fields[eventTime].type == .timestamp, "the event time is a timestamp")
        self.fields = fields
        // The reader copies the names; until then one array holds them all.
        var names: [CChar] = []
        let starts = fields.map { field in
            defer { names.append(contentsOf: field.name.utf8.map(CChar.init(bitPattern:))) }
            return names.count
        }
        unsafe reader = unsafe names.withUnsafeBufferPointer { names in
            // An empty array has no address, and a source without fields has no event time.
            let base = names.baseAddress!
            let declared = unsafe fields.indices.map { index in
                let field = fields[index]
                return unsafe JSONField(
                    name: base + starts[index], name_length: field.name.utf8.count, kind: field.kind, scale: field.scale,
                    optional: field.optional)
            }
            return unsafe json_reader_create(declared, declared.count, eventTime)
        }
    }

    deinit { unsafe json_reader_destroy(reader) }

    /// Appends one row to the batch's columns and `times`, or says why not and leaves `count` and `text` as they were.
    ///
    /// Requires: the batch's columns are of this decoder's fields, and `batch.hasRoom`.
    public mutating func decode(_ record: RawRecord, into batch: RecordBatch) -> Rejection? {
        guard let value = unsafe record.value else { return Rejection(.malformed, "the message is null") }
        guard let bytes = value.baseAddress, value.count > 0 else { return Rejection(.malformed, "the message is empty") }
        guard value.count <= Self.recordBytesMax else {
            return Rejection(.outOfRange, "the record has \(value.count) bytes, the most is \(Self.recordBytesMax)")
        }
        precondition(batch.hasRoom)
        if bound !== batch { bind(to: batch) }
        let row = batch.count
        let outcome = unsafe batch.text.write(upTo: value.count + Int(json_padding)) { text, count in
            unsafe json_reader_decode(
                reader, bytes.assumingMemoryBound(to: UInt8.self), value.count, max(0, record.readableBytes), row, text, &count)
        }
        guard outcome == .decoded else { return unsafe rejection(outcome, of: value) }
        batch.count = row + 1
        return nil
    }

    private mutating func bind(to batch: RecordBatch) {
        precondition(batch.columns.count == fields.count)
        let columns = unsafe zip(fields, batch.columns).map { field, column in
            unsafe field.stored
                ? JSONColumn(words: column.words.pointer, valid: column.valid.pointer) : JSONColumn(words: nil, valid: nil)
        }
        unsafe json_reader_bind(reader, columns, batch.times.pointer)
        bound = batch
    }

    private func rejection(_ outcome: JSONOutcome, of record: UnsafeRawBufferPointer) -> Rejection {
        let failure = unsafe json_reader_failure(reader)
        if outcome == .malformed {
            let reason = unsafe String(cString: failure.reason)
            return Rejection(.malformed, unsafe failure.placed ? "at byte \(failure.start): \(reason)" : reason)
        }
        let field = unsafe fields[Int(failure.field)]
        let found = unsafe excerpt(record[min(Int(failure.start), record.count)..<min(Int(failure.end), record.count)])
        switch outcome {
        case .absent: return Rejection(.missingField, "field \(field.name): required, but absent")
        case .null: return Rejection(.missingField, "field \(field.name): required, but null")
        case .wrongType: return Rejection(.wrongType, "field \(field.name): expected \(field.expectation), found \(found)")
        case .notAnObject:
            let above = unsafe field.name.split(separator: ".").prefix(Int(failure.components)).joined(separator: ".")
            return Rejection(.wrongType, "field \(field.name): expected \(above) to be an object, found \(found)")
        case .outOfRange: return Rejection(.outOfRange, "field \(field.name): \(found) is out of the range of \(field.type)")
        case .outOfMemory: fatalError("out of memory while a record of \(record.count) bytes was decoded")
        case .decoded, .malformed: preconditionFailure("no field is to blame")
        }
    }
}

extension RecordField {
    fileprivate var kind: JSONKind {
        switch type {
        case .string: .string
        case .int64: .int64
        case .double: .double
        case .bool: .bool
        case .decimal: .decimal
        case .timestamp: unit == .rfc3339 ? .instantText : .instant
        }
    }

    /// The power of ten that makes a number a column's word.
    fileprivate var scale: UInt8 {
        switch (type, unit) {
        case (.decimal(let scale), _): UInt8(scale)
        case (.timestamp, .seconds): 6
        case (.timestamp, .milliseconds): 3
        default: 0
        }
    }

    fileprivate var expectation: String {
        switch (type, unit) {
        case (.timestamp, .rfc3339): "an RFC 3339 timestamp in a string"
        case (.timestamp, _): "a timestamp as a number of \(unit.rawValue)"
        default: "\(type)"
        }
    }
}

/// The beginning of a value, for a message: at most 40 bytes, printable ASCII.
func excerpt(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
    let whiteSpace: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
    var length = unsafe bytes.count
    while length > 0, unsafe whiteSpace.contains(bytes[bytes.startIndex + length - 1]) { length -= 1 }
    let shown = unsafe bytes.prefix(min(length, 40)).map { 0x20..<0x7F ~= $0 ? $0 : UInt8(ascii: "?") }
    return String(decoding: shown, as: UTF8.self) + (length > 40 ? "..." : "")
}
