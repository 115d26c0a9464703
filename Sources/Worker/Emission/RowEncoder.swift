internal import Engine
internal import Pipelines
internal import Records

/// A view's rows as messages: the entity is the key, the value is one JSON object with the columns of the offline log, in their order,
/// behind `pipeline`, `version` and `view`.
///
/// A key of one field is that field's text as it is, without quotes; of several, a JSON array.
final class RowEncoder {
    /// Members of every object that are not columns.
    static let ownMembers = ["pipeline", "version", "view"]

    private struct Member {
        let type: FieldType
        /// `,"name":`
        let name: [UInt8]

        init(_ name: String, _ type: FieldType) {
            self.type = type
            var bytes = Array(",".utf8)
            JSONText.append(name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            self.name = bytes
        }
    }

    private let head: [UInt8]
    private let entity: [Member]
    private let values: [Member]
    private let eventTimestamp = Member("event_timestamp", .timestamp)
    private let created = Member("created", .timestamp)
    private let partition = Member("partition", .int64)
    private let offset = Member("offset", .int64)
    private let textEntity: [Int]
    private let textValues: [Int]
    /// What a row takes at most beside the bytes of its strings.
    private let bytesMax: Int

    init(_ program: ViewProgram, source: SourcePlan, pipeline: String, version: Int) {
        var head = Array(#"{"pipeline":"#.utf8)
        JSONText.append(pipeline, to: &head)
        head += #","version":\#(version),"view":"#.utf8
        JSONText.append(program.plan.name, to: &head)
        self.head = head
        let fields = zip(program.plan.entity, program.entityTypes)
        entity = fields.map { Member(source.fields[$0].name, $1) }
        values = zip(program.plan.values, program.valueTypes).map { Member($0.name, $1) }
        textEntity = entity.indices.filter { program.entityTypes[$0] == .string }
        textValues = values.indices.filter { program.valueTypes[$0] == .string }
        let keyBytes = entity.reduce(2) { $0 + JSONValue.bytesMax($1.type) + 1 }
        let members = [eventTimestamp, created, partition, offset] + entity + values
        bytesMax = members.reduce(keyBytes + head.count + 1) { $0 + $1.name.count + JSONValue.bytesMax($1.type) }
    }

    /// Encodes rows from `first` on until all are or the batch is large enough; gives the first that is not.
    ///
    /// - Parameter made: when the rows were made, in microseconds.
    func encode(_ rows: RowBuffer, from first: Int, created made: Int64, into batch: EmitBatch) -> Int {
        var row = first
        while row < rows.count && batch.bytes.count < Bounds.emitBatchBytes {
            batch.bytes.reserve(bytesMax + textBytesMax(rows, row))
            let start = unsafe batch.bytes.unsafeEnd
            let keyEnd = unsafe writeKey(rows, row, to: start)
            let end = unsafe writeValue(rows, row, made, to: keyEnd)
            // Kafka counts from 1970 on, in milliseconds, and takes 0 for "now".
            let milliseconds = max(1, rows.times[row] / 1_000)
            unsafe batch.add(keyLength: keyEnd - start, valueLength: end - keyEnd, timestampMilliseconds: milliseconds)
            row += 1
        }
        return row
    }

    private func textBytesMax(_ rows: RowBuffer, _ row: Int) -> Int {
        var length = 0
        // In the key and in the value.
        for index in textEntity { length += 2 * TextReference(word: rows.entity[index].words[row]).length }
        for index in textValues where rows.valueValid[index][row] != 0 {
            length += TextReference(word: rows.valueWords[index][row]).length
        }
        return length * JSONValue.stringFactor
    }

    @unsafe
    private func writeKey(_ rows: RowBuffer, _ row: Int, to out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        let first = rows.entity[0].words[row]
        guard entity.count == 1 else {
            var end = unsafe out
            for index in entity.indices {
                unsafe end.pointee = UInt8(ascii: index == 0 ? "[" : ",")
                unsafe end = unsafe JSONValue.write(
                    rows.entity[index].words[row], entity[index].type, rows.text, to: end + 1)
            }
            unsafe end.pointee = UInt8(ascii: "]")
            return unsafe end + 1
        }
        switch entity[0].type {
        case .string:
            let text = unsafe rows.text.bytes(TextReference(word: first))
            unsafe UnsafeMutableRawBufferPointer(start: out, count: text.count).copyMemory(from: text)
            return unsafe out + text.count
        case .timestamp:
            let end = unsafe JSONValue.write(first, .timestamp, rows.text, to: out)
            let length = unsafe end - out - 2
            unsafe out.update(from: out + 1, count: length)
            return unsafe out + length
        default: return unsafe JSONValue.write(first, entity[0].type, rows.text, to: out)
        }
    }

    @unsafe
    private func writeValue(
        _ rows: RowBuffer, _ row: Int, _ made: Int64, to out: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var end = unsafe RowEncoder.copy(head, to: out)
        func member(_ member: Member, _ word: Int64) {
            unsafe end = unsafe RowEncoder.copy(member.name, to: end)
            unsafe end = unsafe JSONValue.write(word, member.type, rows.text, to: end)
        }
        for index in entity.indices { member(entity[index], rows.entity[index].words[row]) }
        member(eventTimestamp, rows.times[row])
        member(created, made)
        for index in values.indices {
            if rows.valueValid[index][row] != 0 {
                member(values[index], rows.valueWords[index][row])
            } else {
                unsafe end = unsafe RowEncoder.copy(values[index].name, to: end)
                unsafe end.update(from: RowEncoder.null.utf8Start, count: 4)
                unsafe end += 4
            }
        }
        member(partition, rows.partitions[row])
        member(offset, rows.offsets[row])
        unsafe end.pointee = UInt8(ascii: "}")
        return unsafe end + 1
    }

    private static let null: StaticString = "null"

    @unsafe @inline(__always)
    private static func copy(_ bytes: [UInt8], to out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe out.update(from: bytes.baseAddress!, count: bytes.count)
            return unsafe out + bytes.count
        }
    }
}
