/// The units of a written span, the largest first.
private let spanUnits: [(name: String, microseconds: Int64)] = [
    ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000),
]

extension TimeSpan {
    /// A positive whole number and its unit: `500ms 30s 5m 1h 7d`. Nil for anything else, and for more than `Int64` microseconds.
    public init?(parsing text: some StringProtocol) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), number > 0 else { return nil }
        let unit = text[digits.endIndex...]
        guard let scale = spanUnits.first(where: { unit == $0.name })?.microseconds else { return nil }
        let (microseconds, overflow) = number.multipliedReportingOverflow(by: scale)
        guard !overflow else { return nil }
        self.init(microseconds: microseconds)
    }
}

extension TimeSpan: CustomStringConvertible {
    /// In the largest unit that divides it; what is finer than milliseconds in `us`, which no pipeline file can say.
    public var description: String {
        guard microseconds != 0 else { return "0s" }
        let unit = spanUnits.first { microseconds % $0.microseconds == 0 } ?? ("us", 1)
        return "\(microseconds / unit.microseconds)\(unit.name)"
    }
}
