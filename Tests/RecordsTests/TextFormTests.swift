import Records
import Testing

/// Instants, spans and decimals as text.
@Suite struct TextFormTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01 00:00:00", 0), ("1970-01-01t01:00:00+01", 0), ("1969-12-31T18:30:00-05:30", 0),
        ("2018-04-01T00:00:31z", 1_522_540_831_000_000), ("1970-01-01T00:00:00.0000005Z", 1),
        ("1970-01-01T00:00:00.00000049Z", 0),
        ("1969-12-31T23:59:59.9999995Z", 0), ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999), ("2000-02-29T00:00:00-00:00", 951_782_400_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000), ("2016-12-31T23:59:60.9Z", 1_483_228_800_000_000),
        ("2017-01-01T05:29:60+05:30", 1_483_228_800_000_000),
    ])
    func instant(text: String, microseconds: Int64) {
        #expect(parseTimestamp(text)?.microseconds == microseconds)
        #expect(slowInstant(text) == microseconds)
    }

    @Test(arguments: [
        "", "2018", "2018-04-01", "2018-04-01T00:00Z", "2018-04-01X00:00:00Z", "2018-02-30T00:00:00Z", "2100-02-29T00:00:00Z",
        "2018-13-01T00:00:00Z", "2018-00-01T00:00:00Z", "2018-01-00T00:00:00Z", "0000-01-01T00:00:00Z", "2018-01-01T24:00:00Z",
        "2018-01-01T00:60:00Z", "2018-01-01T00:00:61Z", "2018-01-01T00:00:60Z", "2018-01-01T00:00:00.Z", "2018-01-01T00:00:00,5Z",
        "2018-01-01T00:00:00+", "2018-01-01T00:00:00+1", "2018-01-01T00:00:00+0100", "2018-01-01T00:00:00+24:00",
        "2018-01-01T00:00:00+01:60", "2018-01-01T00:00:00+01:", "2018-01-01T00:00:00ZZ", " 2018-01-01T00:00:00Z",
        "2018-01-01T00:00:00 Z",
        "+2018-01-01T00:00:00Z", "2018-1-01T00:00:00Z", "２018-01-01T00:00:00Z",
    ])
    func noInstant(text: String) {
        #expect(parseTimestamp(text) == nil)
        #expect(slowInstant(text) == nil)
    }

    @Test(arguments: [11, 12] as [UInt64])
    func randomInstants(seed: UInt64) {
        var random = Seeded(seed)
        let pieces = Array("0123456789:-+TtZz. ".utf8)
        for round in 0..<5_000 {
            func two(_ range: ClosedRange<Int>) -> String { String("0\(Int.random(in: range, using: &random))".suffix(2)) }
            var text = String("000\(Int.random(in: 0...9999, using: &random))".suffix(4))
            text +=
                "-\(two(0...13))-\(two(0...32))\(["T", " ", "t"].randomElement(using: &random)!)\(two(0...24)):\(two(0...60)):\(two(0...61))"
            if Bool.random(using: &random) {
                text += ".\(UInt64.random(in: 0 ... .max, using: &random) >> UInt64.random(in: 0...63, using: &random))"
            }
            text += ["", "Z", "+\(two(0...24))", "-\(two(0...24)):\(two(0...60))"].randomElement(using: &random)!
            if round % 4 == 0 {
                var bytes = Array(text.utf8)
                bytes[Int.random(in: bytes.indices, using: &random)] = pieces.randomElement(using: &random)!
                text = String(decoding: bytes, as: UTF8.self)
            }
            #expect(parseTimestamp(text)?.microseconds == slowInstant(text), "seed \(seed): \(text)")
        }
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_522_540_831_000_000, "2018-04-01T00:00:31Z"), (1, "1970-01-01T00:00:00.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"), (120_000, "1970-01-01T00:00:00.120Z"),
            (-62_167_219_200_000_001, "-0001-12-31T23:59:59.999999Z"),
            (253_402_300_800_000_000, "+10000-01-01T00:00:00Z"), (.max, "+294247-01-10T04:00:54.775807Z"),
            (.min, "-290308-12-21T19:59:05.224192Z"),
        ] as [(Int64, String)])
    func formatted(microseconds: Int64, text: String) {
        #expect(EventTime(microseconds: microseconds).rfc3339() == text)
    }

    @Test func civilDates() {
        var (year, month, day): (Int64, Int64, Int64) = (-5, 1, 1)
        var days = CivilDate(year: -5, month: 1, day: 1).daysSinceEpoch
        while year < 2500 {
            let date = CivilDate(daysSinceEpoch: days)
            guard date == CivilDate(year: Int(year), month: Int(month), day: Int(day)), date.daysSinceEpoch == days else {
                Issue.record("\(date) instead of \(year)-\(month)-\(day)")
                return
            }
            if date == CivilDate(year: 1970, month: 1, day: 1) { #expect(days == 0) }
            days += 1
            day += 1
            if day > slowDays(year, month) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        #expect(EventTime(microseconds: -1).utcDate == CivilDate(year: 1969, month: 12, day: 31))
    }

    @Test func roundTrip() {
        var random = Seeded(21)
        for _ in 0..<2_000 {
            let time = EventTime(microseconds: .random(in: -62_135_596_800_000_000...253_402_300_799_999_999, using: &random))
            #expect(parseTimestamp(time.rfc3339()) == time)
        }
    }

    @Test(
        arguments: [
            ("500ms", 500_000), ("30s", 30_000_000), ("5m", 300_000_000), ("1h", 3_600_000_000), ("7d", 604_800_000_000),
            ("106751991d", 9_223_372_022_400_000_000),
        ] as [(String, Int64)])
    func span(text: String, microseconds: Int64) {
        let span = TimeSpan(parsing: text)
        #expect(span?.microseconds == microseconds)
        #expect(span?.description == text)
    }

    @Test(arguments: [
        "", "s", "5", "0s", "-5s", "+5s", "5 s", "5S", "5us", "1.5h", "106751992d", "99999999999999999999s", "1h30m", "५s",
    ])
    func noSpan(text: String) { #expect(TimeSpan(parsing: text) == nil) }

    @Test func spanDescriptions() {
        #expect(TimeSpan.seconds(86_400 * 30).description == "30d")
        #expect(TimeSpan.seconds(90).description == "90s")
        #expect(TimeSpan.zero.description == "0s")
        #expect(TimeSpan(microseconds: 1_500).description == "1500us")
        #expect(TimeSpan.seconds(-3_600).description == "-1h")
    }

    @Test func decimals() {
        #expect((try? parseDecimal("12.345", scale: 2).get()) == 1235)
        #expect(parseDecimal("x", scale: 2) == .failure(Rejection(.wrongType, "expected decimal(2), found \"x\"")))
        #expect(parseDecimal("", scale: 2) == .failure(Rejection(.wrongType, "expected decimal(2), found \"\"")))
        #expect(parseDecimal("1e30", scale: 2) == .failure(Rejection(.outOfRange, "1e30 is out of the range of decimal(2)")))
        var random = Seeded(31)
        for _ in 0..<5_000 {
            let text = JSONDecoderFuzzTests().number(&random, plain: false)
            let scale = Int.random(in: 0...18, using: &random)
            let got = parseDecimal(text, scale: scale)
            let wanted = slowFixed(text, shift: scale, exact: false)
            switch (got, wanted) {
            case (.success(let a), .success(let b)): #expect("\(a)" == b, "\(text) at scale \(scale)")
            case (.failure(let a), .failure(let b)): #expect(a.reason == b.reason, "\(text) at scale \(scale)")
            default: Issue.record("\(text) at scale \(scale): \(got), not \(wanted)")
            }
        }
    }

    /// A number of so many digits after the point is what its text is.
    @Test(arguments: [21, 22] as [UInt64])
    func decimalsAreRescaledAsTextsAreRead(seed: UInt64) {
        var random = Seeded(seed)
        for _ in 0..<20_000 {
            let from = Int.random(in: 0...38, using: &random)
            let to = Int.random(in: 0...18, using: &random)
            var number = Int128.random(in: -Int128.max...Int128.max, using: &random) >> Int128.random(in: 0...120, using: &random)
            // A decimal has 38 digits, and ties are rare.
            while number.magnitude >= 99_999_999_999_999_999_999_999_999_999_999_999_999 { number /= 10 }
            if from > to && Int.random(in: 0..<3, using: &random) == 0 {
                let unit = (0..<min(from - to, 37)).reduce(Int128(1)) { power, _ in power * 10 }
                number = number / unit * unit + (number < 0 ? -unit / 2 : unit / 2) + Int128.random(in: -1...1, using: &random)
            }
            let digits = String(number.magnitude)
            let padded = String(repeating: "0", count: max(0, from + 1 - digits.count)) + digits
            let text = (number < 0 ? "-" : "") + padded.dropLast(from) + (from > 0 ? "." + padded.suffix(from) : "")
            let read = try? parseDecimal(text, scale: to).get()
            #expect(rescaleDecimal(number, from: from, to: to) == read, "seed \(seed): \(text) with \(to) digits")
        }
    }
}
