import Pipelines
import Testing

/// No file makes the loader crash or hang; what it cannot read is an error.
struct HostileFileTests {
    @Test func tooLarge() {
        let errors = BadFileTests.errors(BadFileTests.good + String(repeating: "# filler\n", count: 400_000))
        #expect(errors == "f:1:1: the file has \(BadFileTests.good.utf8.count + 3_600_000) bytes; expected at most 1048576")
    }

    @Test(arguments: ["[", "{a: ", "- ", "? ", "&a [", "!!x [", "'", "(", "a: [*a, "])
    func deeplyNested(_ piece: String) {
        #expect(BadFileTests.errors(String(repeating: piece, count: 50_000)) != "no error")
        #expect(BadFileTests.errors("pipeline: p\nviews: " + String(repeating: piece, count: 900)) != "no error")
    }

    @Test func deepExpressions() {
        for text in ["((((", "not not ", "- - ", "case when ", "abs(", "1 + ", "ok and ", "ok in ("] {
            let long = String(repeating: text, count: 20_000)
            #expect(BadFileTests.errors(BadFileTests.replacing("amount > 0", long)) != "no error")
        }
    }

    @Test func aliasesThatMultiply() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...40 {
            text += "a\(level): &a\(level) [" + String(repeating: "*a\(level - 1), ", count: 10) + "]\n"
        }
        #expect(BadFileTests.errors(text).contains("unknown key 'a40'"))
        #expect(BadFileTests.errors(text + "? *a40\n: 1\n? [*a40, *a40]\n: 2\n").contains("a key is not a name"))
        #expect(BadFileTests.errors(text + "views: *a40\n").contains("'views' is a list"))
    }

    @Test func aliasesOfWholeViews() {
        let features = (0..<2000).map { "      - {name: f\($0), aggregate: count(amount), windows: [1h]}\n" }.joined()
        let view = "  v: &v\n    source: tx\n    entity: [card]\n    features:\n\(features)"
        let views = (0..<4000).map { "  v\($0): *v\n" }.joined()
        let head = BadFileTests.good.split(separator: "views:", maxSplits: 1)[0]
        #expect(BadFileTests.errors(head + "views:\n" + view + views).contains("the aliases make the file too large"))
    }

    @Test func manyErrorsAreCutOff() {
        let keys = (0..<5000).map { "key\($0): 1\n" }.joined()
        #expect(BadFileTests.errors(keys).split(separator: "\n").count == 100)
    }

    @Test func manyDuplicates() {
        let errors = BadFileTests.errors(BadFileTests.good + String(repeating: "version: 1\n", count: 50))
        #expect(errors.contains("the key 'version' stands twice in this mapping"))
    }

    @Test func everyPrefix() {
        let scalars = Array(BadFileTests.good.unicodeScalars)
        for end in scalars.indices {
            #expect(!BadFileTests.errors(String(String.UnicodeScalarView(scalars[..<end]))).isEmpty)
        }
    }

    @Test func mutations() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(state: seed)
        let pieces = [
            "*", "&a ", "*a", "'", "\"", "[", "]", "{", "}", ":", ": ", ",", "-", "\n", "  ", "\t", "#", "|", ">", "?", "!", "%",
            "\\", "0",
            "99999999999999999999", "not ", "case ", "(", ")", "null", "~", "é", "\u{FEFF}", "\u{2028}", "\u{0}", "\u{E000}",
            "\u{E001}",
            "<<: ", "---\n", "...\n", "in (", "1d", "decimal(", "?",
        ]
        for _ in 0..<3000 {
            var scalars = Array(BadFileTests.good.unicodeScalars)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<scalars.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: scalars.remove(at: at)
                case 1: scalars.insert(contentsOf: pieces.randomElement(using: &random)!.unicodeScalars, at: at)
                case 2: scalars[at] = scalars.randomElement(using: &random)!
                default:
                    let end = min(scalars.count, at + Int.random(in: 1...60, using: &random))
                    scalars.insert(contentsOf: scalars[at..<end], at: Int.random(in: 0..<scalars.count, using: &random))
                }
            }
            let text = String(String.UnicodeScalarView(scalars))
            let lines = scalars.count { $0 == "\n" || $0 == "\u{2028}" } + 2
            do throws(PipelineErrors) {
                let plan = try Plan(parsing: text, file: "f")
                #expect(!plan.report.isEmpty && PlanChange(from: KeptPlan(plan), to: plan).fits)
            } catch {
                let places = error.errors.map { [$0.line, $0.column] }
                #expect(!places.isEmpty, "seed \(seed)")
                #expect(places.allSatisfy { $0[0] >= 1 && $0[0] <= lines && $0[1] >= 1 }, "seed \(seed): \(error)")
                #expect(places.map { $0[0] } == places.map { $0[0] }.sorted(), "seed \(seed)")
            }
        }
    }
}

/// Steele, Lea, Flood 2014.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
