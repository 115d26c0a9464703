import Records

/// A generator whose sequence a test's message can name: SplitMix64.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func field(_ name: String, _ type: FieldType, optional: Bool = false, unit: TimeUnit = .milliseconds, stored: Bool = true)
    -> RecordField
{
    RecordField(name: name, type: type, optional: optional, unit: unit, stored: stored)
}

/// Decodes record after record and reads the rows back.
struct Decoding: ~Copyable {
    let fields: [RecordField]
    let eventTime: Int
    var decoder: JSONDecoder
    let batch: RecordBatch
    /// Of the last record that was set aside.
    var error = ""

    init(_ fields: [RecordField], eventTime: Int) {
        self.fields = fields
        self.eventTime = eventTime
        decoder = JSONDecoder(fields: fields, eventTime: eventTime)
        batch = RecordBatch(types: fields.map(\.type), capacity: 16)
    }

    /// `behind`: what follows the record in memory. With 64 bytes or more it is decoded in place.
    mutating func decode(_ record: [UInt8], behind: [UInt8] = []) -> SlowRow {
        if batch.count == batch.capacity { batch.removeAll() }
        let (row, text) = (batch.count, batch.text.count)
        let rejection = unsafe (record + behind).withUnsafeBytes { bytes in
            let value = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<record.count])
            return unsafe decoder.decode(RawRecord(value: value, readableBytes: behind.count), into: batch)
        }
        if let rejection {
            precondition(batch.count == row && batch.text.count == text, "a rejected record left something behind")
            error = rejection.error
            return .rejected(rejection.reason)
        }
        precondition(batch.count == row + 1)
        if fields[eventTime].stored { precondition(batch.times[row] == batch.columns[eventTime].words[row]) }
        return .row(fields.indices.map { value(row, $0) })
    }

    mutating func decode(_ record: String) -> SlowRow { decode(Array(record.utf8)) }

    func value(_ row: Int, _ index: Int) -> String {
        guard fields[index].stored else { return "not stored" }
        let word = batch.columns[index].words[row]
        guard batch.columns[index].valid[row] == 1 else { return word == 0 ? "null" : "null with a word" }
        switch fields[index].type {
        case .string: return batch.text.string(TextReference(word: word))
        case .bool: return word == 1 ? "true" : "false"
        case .double: return "\(Double(bitPattern: UInt64(bitPattern: word)))"
        default: return "\(word)"
        }
    }
}
