import Records

extension TimeSpan {
    /// A hundred years: sums of a window and a delay stay far from the ends of `Int64`.
    static let longest = TimeSpan(microseconds: 36_500 * 86_400_000_000)

    /// Reads `500ms`, `30s`, `5m`, `1h`, `7d`; nil for anything else, and for what is longer than `longest`.
    init?(_ text: String) {
        let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let number = Int64(String(decoding: digits, as: UTF8.self)) else { return nil }
        let unit: Int64
        switch text.dropFirst(digits.count) {
        case "ms": unit = 1_000
        case "s": unit = 1_000_000
        case "m": unit = 60_000_000
        case "h": unit = 3_600_000_000
        case "d": unit = 86_400_000_000
        default: return nil
        }
        let (microseconds, overflow) = number.multipliedReportingOverflow(by: unit)
        guard !overflow, microseconds <= Self.longest.microseconds else { return nil }
        self.init(microseconds: microseconds)
    }

    /// In the longest unit that divides it, as a pipeline file writes it.
    var text: String {
        let units: [(String, Int64)] = [
            ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000),
        ]
        if microseconds == 0 { return "0s" }
        for (name, length) in units where microseconds % length == 0 { return "\(microseconds / length)\(name)" }
        return "\(microseconds)us"
    }
}
