internal import CSimdJSON

/// The instant that an RFC 3339 date-time means: `T` or a space, any fraction (rounded to microseconds), an offset or none for UTC.
///
/// A leap second (`23:59:60` UTC) means the start of the next day.
public func parseTimestamp(_ text: some StringProtocol) -> EventTime? {
    var text = String(text)
    return text.withUTF8 { unsafe parseTimestamp(UnsafeRawBufferPointer($0)) }
}

public func parseTimestamp(_ utf8: UnsafeRawBufferPointer) -> EventTime? {
    guard let base = utf8.baseAddress else { return nil }
    var microseconds: Int64 = 0
    guard unsafe json_parse_instant(base.assumingMemoryBound(to: UInt8.self), utf8.count, &microseconds) else { return nil }
    return EventTime(microseconds: microseconds)
}

/// A day of the proleptic Gregorian calendar; year 0 is 1 BC.
public struct CivilDate: Hashable, Sendable {
    public var year: Int
    public var month: Int
    public var day: Int

    public init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// After Howard Hinnant's `civil_from_days`: years begin in March, so the leap day is the last.
    public init(daysSinceEpoch days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * ofYear + 2) / 153
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        day = ofYear - (153 * marchMonth + 2) / 5 + 1
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    public var daysSinceEpoch: Int { Int(json_days_from_civil(Int64(year), Int32(month), Int32(day))) }
}

extension CivilDate: CustomStringConvertible {
    /// `YYYY-MM-DD`; a year beyond four digits has a sign, as ISO 8601 extends it.
    public var description: String {
        let sign = year < 0 ? "-" : year > 9999 ? "+" : ""
        return "\(sign)\(padded(year.magnitude, to: 4))-\(padded(month.magnitude, to: 2))-\(padded(day.magnitude, to: 2))"
    }
}

extension EventTime {
    static let microsecondsPerDay: Int64 = 86_400_000_000

    public var utcDate: CivilDate {
        CivilDate(daysSinceEpoch: Int(floorDivide(microseconds, by: Self.microsecondsPerDay).quotient))
    }

    /// `2018-04-01T00:00:31Z`, with three or six digits of a fraction that is not zero.
    public func rfc3339() -> String {
        let (days, ofDay) = floorDivide(microseconds, by: Self.microsecondsPerDay)
        let seconds = ofDay / 1_000_000
        let clock = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { padded($0.magnitude, to: 2) }.joined(separator: ":")
        let microsecond = (ofDay % 1_000_000).magnitude
        let text =
            microsecond == 0
            ? "" : microsecond % 1000 == 0 ? ".\(padded(microsecond / 1000, to: 3))" : ".\(padded(microsecond, to: 6))"
        return "\(CivilDate(daysSinceEpoch: Int(days)))T\(clock)\(text)Z"
    }
}

extension EventTime: CustomStringConvertible {
    public var description: String { rfc3339() }
}

private func floorDivide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}

private func padded(_ number: some BinaryInteger, to digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}
