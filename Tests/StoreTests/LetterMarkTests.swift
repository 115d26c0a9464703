import Records
import TestSupport
import Testing

@testable import Store

/// The row that says what became of a dead letter: what goes in comes out, corrupt bytes are refused, and the bytes stay as they are.
struct LetterMarkTests {
    private static let fed = LetterMark(at: EventTime(microseconds: 1_767_571_200_123_456), kept: nil)
    private static let kept = LetterMark(
        at: EventTime(microseconds: -1), kept: Rejection(.wrongType, "field größe: 1.5 is no int64"))

    private func encoded(_ mark: LetterMark) -> [UInt8] {
        var writer = ByteWriter()
        mark.encode(into: &writer)
        return writer.bytes
    }

    private func decoded(_ bytes: [UInt8]) throws -> LetterMark {
        try unsafe bytes.withUnsafeBytes { bytes in
            var reader = unsafe ByteReader(bytes)
            return try LetterMark(decoding: &reader)
        }
    }

    @Test(arguments: [fed, kept]) func roundTrip(_ mark: LetterMark) throws {
        let bytes = encoded(mark)
        #expect(try decoded(bytes) == mark)
        for length in bytes.indices { #expect(throws: CorruptBytes.self) { try decoded(Array(bytes[..<length])) } }
        #expect(throws: CorruptBytes.self) { try decoded([2] + bytes.dropFirst()) }
    }

    @Test func everyReasonRoundTrips() throws {
        for reason in RejectionReason.allCases {
            let mark = LetterMark(at: .distantPast, kept: Rejection(reason, ""))
            #expect(try decoded(encoded(mark)) == mark)
        }
    }

    @Test func golden() throws {
        #expect(try Golden.matches(encoded(Self.fed), "letter-mark-fed"), "the stored form has changed")
        #expect(try Golden.matches(encoded(Self.kept), "letter-mark-kept"), "the stored form has changed")
        var key = ByteWriter()
        StateKey.append(LetterID(source: "größe", partition: 3, offset: 0x0123_4567_89AB), to: &key)
        #expect(try Golden.matches(key.bytes, "letter-key"), "the stored form has changed")
    }
}
