/// Seeded card transactions as JSON lines: the same bytes on every run.
struct Traffic {
    static let customers = 5_000
    static let terminals = 10_000
    /// So that a window of 30 days holds 57 events of a customer, as in the card data that the engine was measured with.
    static let microsecondsBetween = 9_000_000

    let bytes: [UInt8]
    let lines: [Range<Int>]

    init(events: Int, seed: UInt64 = 1) {
        var random = SplitMix(state: seed)
        var bytes: [UInt8] = []
        var lines: [Range<Int>] = []
        for event in 0..<events {
            let start = bytes.count
            let milliseconds = 1_522_540_800_000 + event * Traffic.microsecondsBetween / 1000
            let amount = random.next(below: 20_000)
            let cents = amount % 100
            bytes +=
                """
                {"transaction_id":\(event),"event_time":\(milliseconds),"customer_id":"\(random.next(below: Traffic.customers))",\
                "terminal_id":"\(random.next(below: Traffic.terminals))",\
                "amount":\(amount / 100).\(cents < 10 ? "0" : "")\(cents),"fraud":\(random.next(below: 100) == 0 ? 1 : 0)}
                """.utf8
            lines.append(start..<bytes.count)
            bytes.append(0x0A)
        }
        // The decoder reads in place where bytes follow.
        bytes += [UInt8](repeating: 0, count: 64)
        self.bytes = bytes
        self.lines = lines
    }
}

/// Steele, Lea and Flood's generator.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    mutating func next(below bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }
}
