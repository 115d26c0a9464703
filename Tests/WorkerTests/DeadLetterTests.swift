import Foundation
import Records
import TestSupport
import Testing

@testable import Worker

/// Dead letters as JSON, there and back.
struct DeadLetterTests {
    @Test(arguments: 1...20) func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func bytes() -> [UInt8]? {
            if random.isOneIn(5) { return nil }
            return (0..<Int.random(in: 0...70, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        func text() -> String {
            String(decoding: bytes() ?? [], as: UTF8.self) + ["", "\"\\", "é\n\t\u{1}", "日本語"].randomElement(using: &random)!
        }
        func time() -> EventTime? {
            random.isOneIn(4) ? nil : EventTime(microseconds: Int64.random(in: 0...4_000_000_000_000_000, using: &random))
        }
        var letter = DeadLetter(
            source: text(), topic: text(), partition: .random(in: 0...Int32.max, using: &random),
            offset: .random(in: 0...Int64.max, using: &random), timestamp: time(), watermark: time(), reason: text(),
            error: text())
        (letter.key, letter.value) = (bytes(), bytes())
        letter.headers = (0..<Int.random(in: 0...3, using: &random)).map { _ in (text(), bytes()) }
        let line = json(letter)
        let read = try #require(DeadLetter(line), "seed \(seed)")
        #expect(json(read) == line, "seed \(seed)")
        #expect(read.key == letter.key && read.value == letter.value && read.timestamp == letter.timestamp)
        #expect(
            read.headers.map(\.name) == letter.headers.map(\.name) && read.headers.map(\.value) == letter.headers.map(\.value))
        // Foundation reads the same, base64 included.
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        #expect(object["error"] as? String == letter.error, "seed \(seed)")
        #expect((object["value"] as? String).flatMap { Data(base64Encoded: $0) } == letter.value.map { Data($0) })
        for length in 0..<line.count { #expect(DeadLetter(Array(line[..<length])) == nil) }
        for _ in 0..<200 {
            var damaged = line
            damaged[Int.random(in: 0..<line.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            _ = DeadLetter(damaged)
        }
    }

    private func json(_ letter: DeadLetter) -> [UInt8] { Array(LetterList.Entry(letter: letter, fedAt: nil).ownJSON) }

    /// What the versions before wrote: without watermark and headers.
    @Test func earlierLetters() throws {
        let line =
            #"{"source":"s","topic":"t","partition":3,"offset":7,"timestamp":"2026-01-05T12:00:00.000000Z","reason":"late","error":"e","key":null,"value":"e30="}"#
        let letter = try #require(DeadLetter(Array(line.utf8)))
        #expect(letter.watermark == nil && letter.headers.isEmpty && letter.value == Array("{}".utf8) && letter.key == nil)
        #expect(letter.isLate(.distantFuture))
        for broken in ["\"offset\":7,", "\"key\":null,", "\"reason\":\"late\","] {
            #expect(DeadLetter(Array(line.replacing(broken, with: "").utf8)) == nil)
        }
        for (piece, other) in [
            ("7", "-7"), ("7", "\"7\""), ("e30=", "e30"), ("e30=", "e3=0"), ("e30=", "é30="), ("2026-01", "2026-13"),
        ] {
            #expect(DeadLetter(Array(line.replacing(piece, with: other).utf8)) == nil, "\(other)")
        }
    }

    @Test func errorsOfOneKind() {
        let errors = [
            "field at: 2026-01-05T12:00:00.000000Z is not after the watermark 2026-01-05T12:00:05.5Z",
            "field at: 2026-02-06T01:02:03.000000Z is not after the watermark 2026-01-05T12:00:05.5Z",
        ]
        #expect(Set(errors.map(LetterList.pattern)) == ["field at: # is not after the watermark #"])
        #expect(LetterList.pattern("field a: expected int64, found \"x 7\"") == "field a: expected int#, found …")
        #expect(LetterList.pattern("at byte 17: no value") == "at byte #: no value")
    }
}

extension DeadLetter {
    fileprivate init?(_ bytes: [UInt8]) {
        let letter = unsafe bytes.withUnsafeBytes { unsafe DeadLetter(json: $0) }
        guard let letter else { return nil }
        self = letter
    }
}
