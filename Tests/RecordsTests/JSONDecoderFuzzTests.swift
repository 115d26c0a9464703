import Records
import Testing

/// Random records and random damage to them, against the slow reader.
@Suite struct JSONDecoderFuzzTests {
    static let fields = [
        field("id", .int64), field("t", .timestamp, unit: .seconds), field("at", .timestamp, optional: true, unit: .rfc3339),
        field("amount", .decimal(scale: 2)), field("ratio", .double, optional: true), field("ok", .bool, optional: true),
        field("name", .string, optional: true), field("a.name", .string, optional: true),
        field("a.b.amount", .decimal(scale: 4), optional: true),
        field("a.b.ok", .bool, optional: true, stored: false),
        field("a_key_that_is_longer_than_31_bytes_", .string, optional: true),
        field("us", .timestamp, optional: true, unit: .microseconds),
    ]

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func records(seed: UInt64) {
        var random = Seeded(seed)
        var decoding = Decoding(Self.fields, eventTime: 1)
        var accepted = 0
        for round in 0..<4_000 {
            var record = Array(randomRecord(&random).utf8)
            if round % 2 == 1 { damage(&record, &random) }
            let behind =
                Bool.random(using: &random) ? (0..<64).map { _ in "\"}],:0 e\\".utf8.randomElement(using: &random)! } : []
            let got = decoding.decode(record, behind: behind)
            let wanted = SlowRow.read(record, Self.fields, eventTime: 1)
            if case .row = got { accepted += 1 }
            guard got == wanted else {
                Issue.record(
                    "seed \(seed), round \(round): \(got) instead of \(wanted) for \(String(decoding: record, as: UTF8.self))")
                return
            }
        }
        #expect(accepted > 500)
    }

    func randomRecord(_ random: inout Seeded) -> String {
        var members: [(String, String)] = []
        func put(_ key: String, _ value: String) { members.append((key, value)) }
        put("id", number(&random, plain: true))
        put("t", number(&random, plain: true))
        put(
            "amount",
            Int.random(in: 0..<3, using: &random) == 0 ? "\"\(number(&random, plain: true))\"" : number(&random, plain: true))
        for key in ["at", "ratio", "ok", "name", "a_key_that_is_longer_than_31_bytes_", "us"] where Bool.random(using: &random) {
            put(key, value(for: key, &random))
        }
        if Bool.random(using: &random) {
            var inner = ["\"name\":\(value(for: "name", &random))"]
            if Bool.random(using: &random) {
                inner.append("\"b\":{\"amount\":\(number(&random, plain: true)),\"ok\":\(value(for: "ok", &random))}")
            }
            put("a", "{\(inner.shuffled(using: &random).joined(separator: ", "))}")
        }
        if Int.random(in: 0..<4, using: &random) == 0 {
            put(["x", "name", "id", "a", "t"].randomElement(using: &random)!, anything(&random, depth: 0))
        }
        if Int.random(in: 0..<4, using: &random) == 0 { put("unknown", anything(&random, depth: 0)) }
        if Int.random(in: 0..<2, using: &random) == 0 { members.shuffle(using: &random) }
        let space = ["", " ", "\n\t"].randomElement(using: &random)!
        let joined = members.map { key, value in "\(escaped(key, &random))\(space):\(space)\(value)" }.joined(
            separator: "\(space),")
        return "{\(space)\(joined)}\(space)"
    }

    func value(for key: String, _ random: inout Seeded) -> String {
        if Int.random(in: 0..<12, using: &random) == 0 { return anything(&random, depth: 1) }
        return switch key {
        case "at": "\"2024-02-\(Int.random(in: 10...31, using: &random)) 23:59:\(Int.random(in: 10...60, using: &random)).5\""
        case "ratio", "us": number(&random, plain: false)
        case "ok": Bool.random(using: &random) ? "true" : "false"
        default:
            escaped(
                ["", "x", "c-596", "grüße 😀", "a\"b\\c\n", "12345678", "123456789012345678"].randomElement(using: &random)!,
                &random)
        }
    }

    func escaped(_ text: String, _ random: inout Seeded) -> String {
        let all = Int.random(in: 0..<10, using: &random) == 0
        let body = text.utf16.map { unit -> String in
            let hex = String(unit, radix: 16)
            if all || unit < 0x20 || unit == 0x22 || unit == 0x5C {
                return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            }
            return UnicodeScalar(unit).map { String(Character($0)) } ?? "\\u" + hex
        }
        return "\"\(body.joined())\""
    }

    func number(_ random: inout Seeded, plain: Bool) -> String {
        func digits(_ range: ClosedRange<Int>) -> String {
            let text = (0..<Int.random(in: range, using: &random)).map { _ in "\(Int.random(in: 0...9, using: &random))" }
                .joined()
            return text
        }
        if plain, Int.random(in: 0..<12, using: &random) != 0 {
            return "\(Int.random(in: -99_999...99_999_999_999, using: &random))"
        }
        var whole = digits(1...24).drop { $0 == "0" }
        if whole.isEmpty { whole = "0" }
        var text = (Bool.random(using: &random) ? "-" : "") + whole
        if Bool.random(using: &random) { text += "." + digits(1...30) }
        if Int.random(in: 0..<3, using: &random) == 0 {
            text += ["e", "E", "e-", "E+"].randomElement(using: &random)! + digits(1...(Bool.random(using: &random) ? 2 : 12))
        }
        return text
    }

    func anything(_ random: inout Seeded, depth: Int) -> String {
        switch Int.random(in: 0..<(depth > 3 ? 5 : 7), using: &random) {
        case 0: return "null"
        case 1: return "true"
        case 2: return "false"
        case 3: return number(&random, plain: false)
        case 4: return escaped("text \u{1}", &random)
        case 5:
            return
                "[\((0..<Int.random(in: 0..<4, using: &random)).map { _ in anything(&random, depth: depth + 1) }.joined(separator: ","))]"
        default:
            let members = (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                "\(escaped(["name", "b", "amount", "z"].randomElement(using: &random)!, &random)): \(anything(&random, depth: depth + 1))"
            }
            return "{\(members.joined(separator: ","))}"
        }
    }

    /// One to three bytes flipped, dropped, doubled, inserted, or the record cut short.
    func damage(_ record: inout [UInt8], _ random: inout Seeded) {
        let telling = Array("{}[]:,\"\\0e-.tn u".utf8) + [0, 0x0C, 0x1A, 0x80, 0xC3, 0xFF]
        for _ in 0..<Int.random(in: 1...3, using: &random) where !record.isEmpty {
            let at = Int.random(in: record.indices, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: record[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: record.remove(at: at)
            case 2: record.insert(telling.randomElement(using: &random)!, at: at)
            case 3: record[at] = telling.randomElement(using: &random)!
            case 4: record.insert(record[at], at: at)
            default: record.removeSubrange(at...)
            }
        }
    }
}
