public import Records

/// A record that was set aside, as its JSON object has it:
///
///     {"source", "topic", "partition", "offset", "timestamp", "watermark", "reason", "error", "key", "value", "headers"}
///
/// `timestamp` is the record's own, `watermark` that of its partition before it came: RFC 3339, or null. `key` and `value` are base64 of
/// the original bytes, or null; `headers` is there if the record has some, and then an array of `{"name", "value"}`, values alike.
public struct DeadLetter: Sendable {
    public var source: String
    public var topic: String
    public var partition: Int32
    public var offset: Int64
    public var timestamp: EventTime?
    /// nil also where the letter does not say: earlier versions did not.
    public var watermark: EventTime?
    public var reason: String
    public var error: String
    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: [(name: String, value: [UInt8]?)] = []

    init(
        source: String, topic: String, partition: Int32, offset: Int64, timestamp: EventTime?, watermark: EventTime?,
        reason: String, error: String
    ) {
        self.source = source
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.watermark = watermark
        self.reason = reason
        self.error = error
    }

    /// Whether the record, of this event time, came at or before its partition's watermark.
    func isLate(_ time: EventTime) -> Bool { reason == RejectionReason.late.rawValue || watermark.map { time <= $0 } ?? false }

    func withValue<R>(_ body: (UnsafeRawBufferPointer?) -> R) -> R {
        guard let value else { return body(nil) }
        return unsafe value.withUnsafeBytes { unsafe body($0) }
    }

    // MARK: - JSON

    /// Appends the letter as one JSON object, with bytes that are not its own.
    func append(
        key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?, headers: [(name: String, value: [UInt8]?)],
        to line: inout [UInt8]
    ) {
        line += #"{"source":"#.utf8
        JSONText.append(source, to: &line)
        line += #","topic":"#.utf8
        JSONText.append(topic, to: &line)
        line += #","partition":\#(partition),"offset":\#(offset),"timestamp":"#.utf8
        JSONText.append(timestamp, to: &line)
        line += #","watermark":"#.utf8
        JSONText.append(watermark, to: &line)
        line += #","reason":"#.utf8
        JSONText.append(reason, to: &line)
        line += #","error":"#.utf8
        JSONText.append(error, to: &line)
        line += #","key":"#.utf8
        unsafe JSONText.append(base64: key, to: &line)
        line += #","value":"#.utf8
        unsafe JSONText.append(base64: value, to: &line)
        if !headers.isEmpty {
            line += #","headers":["#.utf8
            for (index, header) in headers.enumerated() {
                line += index == 0 ? #"{"name":"#.utf8 : #",{"name":"#.utf8
                JSONText.append(header.name, to: &line)
                line += #","value":"#.utf8
                JSONText.append(base64: header.value, to: &line)
                line.append(UInt8(ascii: "}"))
            }
            line.append(UInt8(ascii: "]"))
        }
        line.append(UInt8(ascii: "}"))
    }

    /// nil for what is no dead letter.
    init?(json: UnsafeRawBufferPointer) {
        self.init(
            source: "", topic: "", partition: -1, offset: -1, timestamp: nil, watermark: nil, reason: "", error: "")
        var isWhole = true
        var seen: Set<String> = []
        var scanner = unsafe JSONScanner(json)
        let isObject = unsafe scanner.object { key, text in
            let name = unsafe JSONScanner.string(key)
            guard let name, seen.insert(name).inserted, unsafe take(name, text) else {
                isWhole = false
                return
            }
        }
        let needed: Set = ["source", "topic", "partition", "offset", "timestamp", "reason", "error", "key", "value"]
        guard isObject, isWhole, seen.isSuperset(of: needed), partition >= 0, offset >= 0 else { return nil }
    }

    /// False for a value that the field cannot have.
    private mutating func take(_ name: String, _ text: UnsafeRawBufferPointer) -> Bool {
        let isNull = unsafe text.count == 4 && text[0] == UInt8(ascii: "n")
        let isText = unsafe text[0] == UInt8(ascii: "\"")
        let string = unsafe isText ? JSONScanner.string(text) : nil
        let number = unsafe Int64(String(decoding: text, as: UTF8.self))
        switch name {
        case "source": return DeadLetter.set(&source, string)
        case "topic": return DeadLetter.set(&topic, string)
        case "reason": return DeadLetter.set(&reason, string)
        case "error": return DeadLetter.set(&error, string)
        case "partition": return DeadLetter.set(&partition, number.flatMap(Int32.init(exactly:)))
        case "offset": return DeadLetter.set(&offset, number)
        case "timestamp":
            timestamp = string.flatMap { parseTimestamp($0) }
            return isNull || timestamp != nil
        case "watermark":
            watermark = string.flatMap { parseTimestamp($0) }
            return isNull || watermark != nil
        case "key":
            key = string.flatMap { Base64.bytes($0) }
            return isNull || key != nil
        case "value":
            value = string.flatMap { Base64.bytes($0) }
            return isNull || value != nil
        case "headers": return unsafe takeHeaders(text)
        // Of a later version.
        default: return true
        }
    }

    private static func set<Value>(_ field: inout Value, _ value: Value?) -> Bool {
        guard let value else { return false }
        field = value
        return true
    }

    private mutating func takeHeaders(_ text: UnsafeRawBufferPointer) -> Bool {
        var isWhole = true
        var scanner = unsafe JSONScanner(text)
        let isArray = unsafe scanner.array { element in
            var header: (name: String?, value: [UInt8]?) = (nil, nil)
            var scanner = unsafe JSONScanner(element)
            let isObject = unsafe scanner.object { key, text in
                let string = unsafe text[0] == UInt8(ascii: "\"") ? JSONScanner.string(text) : nil
                switch unsafe JSONScanner.string(key) {
                case "name": header.name = string
                case "value": header.value = string.flatMap { Base64.bytes($0) }
                default: break
                }
            }
            guard isObject, let name = header.name else {
                isWhole = false
                return
            }
            headers.append((name, header.value))
        }
        return isArray && isWhole
    }
}

/// Bytes as text, after RFC 4648.
enum Base64 {
    /// nil for what is none.
    static func bytes(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { unsafe decoded($0) }
    }

    private static func decoded(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        let end = text.count
        var padding = 0
        if end > 0, unsafe text[end - 1] == UInt8(ascii: "=") { padding = unsafe text[end - 2] == UInt8(ascii: "=") ? 2 : 1 }
        var position = 0
        while position < end {
            let isLast = position + 4 == end
            var word: UInt32 = 0
            for index in 0..<4 {
                let isPadding = isLast && index >= 4 - padding
                guard let digit = isPadding ? 0 : unsafe digit(text[position + index]) else { return nil }
                word = word << 6 | digit
            }
            bytes.append(UInt8(truncatingIfNeeded: word >> 16))
            if !isLast || padding < 2 { bytes.append(UInt8(truncatingIfNeeded: word >> 8)) }
            if !isLast || padding < 1 { bytes.append(UInt8(truncatingIfNeeded: word)) }
            position += 4
        }
        return bytes
    }

    private static func digit(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
