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

    /// Without references: a row has dozens.
    private struct Member: BitwiseCopyable {
        let type: FieldType
        /// Where `,"name":` lies in `names`.
        let name: TextReference
    }

    /// What stands before the first member, and before each.
    private var names: TextArena
    private let head: TextReference
    private let entityCount: Int
    private let entity: Lane<Member>
    private let valueCount: Int
    private let values: Lane<Member>
    private let eventTimestamp: Member
    private let created: Member
    private let partition: Member
    private let offset: Member
    private let textEntity: [Int]
    private let textValues: [Int]
    /// What a row takes at most beside the bytes of its strings.
    private let bytesMax: Int

    init(_ program: ViewProgram, source: SourcePlan, pipeline: String, version: Int) {
        var text = Array(#"{"pipeline":"#.utf8)
        JSONText.append(pipeline, to: &text)
        text += #","version":\#(version),"view":"#.utf8
        JSONText.append(program.plan.name, to: &text)
        head = TextReference(offset: 0, length: text.count)
        func member(_ name: String, _ type: FieldType) -> Member {
            let start = text.count
            text.append(UInt8(ascii: ","))
            JSONText.append(name, to: &text)
            text.append(UInt8(ascii: ":"))
            return Member(type: type, name: TextReference(offset: start, length: text.count - start))
        }
        let entity = zip(program.plan.entity, program.entityTypes).map { member(source.fields[$0].name, $1) }
        let values = zip(program.plan.values, program.valueTypes).map { member($0.name, $1) }
        eventTimestamp = member("event_timestamp", .timestamp)
        created = member("created", .timestamp)
        partition = member("partition", .int64)
        offset = member("offset", .int64)
        textEntity = entity.indices.filter { program.entityTypes[$0] == .string }
        textValues = values.indices.filter { program.valueTypes[$0] == .string }
        let keyBytes = entity.reduce(2) { $0 + JSONValue.bytesMax($1.type) + 1 }
        bytesMax = (entity + values + [eventTimestamp, created, partition, offset])
            .reduce(keyBytes + text.count + 1) { $0 + JSONValue.bytesMax($1.type) }
        entityCount = entity.count
        valueCount = values.count
        self.entity = RowEncoder.lane(entity)
        self.values = RowEncoder.lane(values)
        names = TextArena(capacity: text.count)
        unsafe text.withUnsafeBytes { unsafe _ = names.append($0) }
    }

    private static func lane(_ members: [Member]) -> Lane<Member> {
        let lane = Lane<Member>.allocate(members.count)
        for (index, member) in members.enumerated() { lane[index] = member }
        return lane
    }

    deinit {
        entity.deallocate()
        values.deallocate()
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
        for index in textEntity { length += 2 * TextReference(word: rows.entityWords[index][row]).length }
        for index in textValues where rows.valueValid[index][row] != 0 {
            length += TextReference(word: rows.valueWords[index][row]).length
        }
        return length * JSONValue.stringFactor
    }

    @unsafe
    private func writeKey(_ rows: RowBuffer, _ row: Int, to out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        let first = rows.entityWords[0][row]
        guard entityCount == 1 else {
            var end = unsafe out
            for index in 0..<entityCount {
                unsafe end.pointee = UInt8(ascii: index == 0 ? "[" : ",")
                unsafe end = unsafe JSONValue.write(rows.entityWords[index][row], entity[index].type, rows.text, to: end + 1)
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
        var end = unsafe copy(head, to: out)
        for index in 0..<entityCount { unsafe end = unsafe write(entity[index], rows.entityWords[index][row], rows, to: end) }
        unsafe end = unsafe write(eventTimestamp, rows.times[row], rows, to: end)
        unsafe end = unsafe write(created, made, rows, to: end)
        for index in 0..<valueCount {
            if rows.valueValid[index][row] != 0 {
                unsafe end = unsafe write(values[index], rows.valueWords[index][row], rows, to: end)
            } else {
                unsafe end = unsafe copy(values[index].name, to: end)
                unsafe end.update(from: RowEncoder.null.utf8Start, count: 4)
                unsafe end += 4
            }
        }
        unsafe end = unsafe write(partition, rows.partitions[row], rows, to: end)
        unsafe end = unsafe write(offset, rows.offsets[row], rows, to: end)
        unsafe end.pointee = UInt8(ascii: "}")
        return unsafe end + 1
    }

    @unsafe @inline(__always)
    private func write(
        _ member: Member, _ word: Int64, _ rows: RowBuffer, to out: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        unsafe JSONValue.write(word, member.type, rows.text, to: copy(member.name, to: out))
    }

    private static let null: StaticString = "null"

    @unsafe @inline(__always)
    private func copy(_ name: TextReference, to out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        let bytes = unsafe names.bytes(name)
        unsafe UnsafeMutableRawBufferPointer(start: out, count: bytes.count).copyMemory(from: bytes)
        return unsafe out + bytes.count
    }
}
