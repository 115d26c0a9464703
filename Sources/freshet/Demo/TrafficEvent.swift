/// One record of the traffic, on its way to a topic: what it says, and in which way it is broken if it is.
struct TrafficEvent: BitwiseCopyable {
    /// Milliseconds since 1970.
    var time: Int64
    /// When the record reaches the topic, likewise; never before `time`.
    var arrival: Int64
    var transaction: Int64
    var amountCents: Int64
    var customer: Int32
    var terminal: Int32
    var isFraud: Bool
    var defect: Defect

    enum Defect: UInt8, BitwiseCopyable {
        case none
        /// Cut off in the middle.
        case truncated
        /// The amount is a word.
        case wrongType
        /// No terminal.
        case missingField
        /// An amount that no decimal holds.
        case outOfRange
        /// A terminal whose clock is generations ahead.
        case ahead
    }

    /// The partition of the event's customer: a topic that is partitioned by customer.
    func partition(of partitions: Int) -> Int32 {
        var hash = UInt64(UInt32(bitPattern: customer)) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
        return Int32((hash &* 0xBF58_476D_1CE4_E5B9) >> 33) % Int32(partitions)
    }
}

// MARK: - As JSON

extension TrafficEvent {
    var customerID: String { "c-\(customer)" }
    var terminalID: String { "t-\(terminal)" }

    /// 2099-01-01: ahead of whatever time the records of a demo arrive at.
    private static let farAhead: Int64 = 4_070_908_800_000

    /// Appends the record as one JSON object, or what its defect leaves of it.
    func appendJSON(to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes += #"{"transaction_id":"#.utf8
        bytes.append(number: transaction)
        bytes += #","event_time":"#.utf8
        bytes.append(number: defect == .ahead ? TrafficEvent.farAhead : time)
        bytes += #","customer_id":"c-"#.utf8
        bytes.append(number: Int64(customer))
        bytes += #"","#.utf8
        if defect != .missingField {
            bytes += #""terminal_id":"t-"#.utf8
            bytes.append(number: Int64(terminal))
            bytes += #"","#.utf8
        }
        bytes += #""amount":"#.utf8
        switch defect {
        case .wrongType: bytes += #""unknown""#.utf8
        case .outOfRange: bytes += "1e30".utf8
        default: bytes.append(cents: amountCents)
        }
        bytes += isFraud ? #","fraud":1}"#.utf8 : #","fraud":0}"#.utf8
        if defect == .truncated { bytes.removeLast((bytes.count - start) / 2) }
    }
}

extension [UInt8] {
    fileprivate mutating func append(number: Int64) {
        if number < 0 { append(UInt8(ascii: "-")) }
        let start = count
        var rest = number.magnitude
        repeat {
            append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }

    fileprivate mutating func append(cents: Int64) {
        if cents < 0 { append(UInt8(ascii: "-")) }
        append(number: Int64(cents.magnitude / 100))
        append(UInt8(ascii: "."))
        append(UInt8(ascii: "0") + UInt8(cents.magnitude / 10 % 10))
        append(UInt8(ascii: "0") + UInt8(cents.magnitude % 10))
    }
}
