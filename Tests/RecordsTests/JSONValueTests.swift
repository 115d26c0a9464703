import Records
import TestSupport
import Testing

/// Doubles as JSON numbers: what is read back is the same, and Swift's own shortest text has no fewer digits.
struct JSONValueTests {
    private func text(_ number: Double) -> String {
        var arena = TextArena(capacity: 64)
        arena.reserve(JSONValue.bytesMax(.double))
        let start = unsafe arena.unsafeEnd
        let end = unsafe JSONValue.write(Int64(bitPattern: number.bitPattern), .double, arena, to: start)
        let length = unsafe end - start
        #expect(length <= JSONValue.bytesMax(.double))
        arena.advance(by: length)
        return arena.string(TextReference(offset: 0, length: length))
    }

    private func digits(_ text: String) -> String {
        let mantissa = text.prefix { $0 != "e" }.filter(\.isNumber)
        let significant = String(mantissa.drop { $0 == "0" }.reversed().drop { $0 == "0" }.reversed())
        return significant.isEmpty ? "0" : significant
    }

    private func check(_ number: Double, _ comment: Comment) {
        let text = text(number)
        #expect(Double(text)?.bitPattern == number.bitPattern, "\(text), \(comment)")
        #expect(digits(text) == digits("\(number)"), "\(text), \(comment)")
        #expect(text.contains(".") || text.contains("e"), "\(text), \(comment)")
    }

    @Test(arguments: 1...8) func randomDoubles(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<5_000 {
            let bits = Double(bitPattern: random.next())
            if bits.isFinite { check(bits, "seed \(seed)") }
            let cents = Double(
                Int64.random(in: -(1 << 56)...(1 << 56), using: &random) >> Int64.random(in: 0...50, using: &random))
            check(cents / 100, "seed \(seed)")
            check(cents / 1_000, "seed \(seed)")
            check((cents / 100).nextUp, "seed \(seed)")
            check((cents / 7), "seed \(seed)")
        }
    }

    @Test func edges() {
        for number in [
            0, -0.0, 1, -1, 0.1, 0.01, 0.001, 0.29, 100, 1e11, 999_999_999_999.99, 1e12, 1e15, 1e16, 1e21, 1e22, 1e23,
            .leastNonzeroMagnitude,
            .leastNormalMagnitude, .greatestFiniteMagnitude, 9_007_199_254_740_994, 123_456_789_012.34,
        ] { check(number, "\(number)") }
        #expect(text(0) == "0.0" && text(12.5) == "12.5" && text(-3) == "-3.0" && text(1.25) == "1.25")
        #expect(text(.nan) == "\"NaN\"" && text(.infinity) == "\"Infinity\"" && text(-.infinity) == "\"-Infinity\"")
    }
}
