import Records
import TestSupport
import Testing

@testable import Store

/// The row that marks a commit: what goes in comes out, corrupt bytes are refused, and the bytes stay as they are.
struct CommitMarkTests {
    private static func random(_ seed: UInt64) -> CommitMark {
        var random = SeededGenerator(seed: seed)
        var mark = CommitMark(
            state: .random(in: 1...(.max), using: &random), commits: .random(in: 0...(.max), using: &random),
            time: EventTime(microseconds: .random(in: .min...(.max), using: &random)))
        for topic in 0..<Int.random(in: 0...3, using: &random) {
            var partitions: [Int32: CommitMark.LastRecord] = [:]
            for partition in 0..<Int32.random(in: 0...40, using: &random) {
                partitions[partition * 3] = CommitMark.LastRecord(
                    offset: .random(in: 0...(.max), using: &random), fingerprint: .random(in: 0...(.max), using: &random))
            }
            mark.topics["topic € \(topic)"] = partitions
        }
        return mark
    }

    private func encoded(_ mark: CommitMark) -> [UInt8] {
        var writer = ByteWriter()
        mark.encode(into: &writer)
        return writer.bytes
    }

    private func decoded(_ bytes: [UInt8]) throws -> CommitMark {
        try unsafe bytes.withUnsafeBytes { bytes in
            var reader = unsafe ByteReader(bytes)
            return try CommitMark(decoding: &reader)
        }
    }

    @Test(arguments: 1...50) func roundTrip(seed: UInt64) throws {
        let mark = Self.random(seed)
        #expect(try decoded(encoded(mark)) == mark, "seed \(seed)")
    }

    @Test func everyTruncationIsRefused() {
        let bytes = encoded(Self.random(3))
        for length in bytes.indices { #expect(throws: CorruptBytes.self) { try decoded(Array(bytes[..<length])) } }
    }

    @Test func golden() throws {
        #expect(try Golden.matches(encoded(Self.random(4)), "commit-mark"), "the stored form has changed")
    }
}
