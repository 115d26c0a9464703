import TestSupport
import Testing

@testable import History

struct LogStateTests {
    private static let state = LogState(views: [
        LogState.ViewState(view: "empty"),
        LogState.ViewState(
            view: "cards", segments: [.init(name: "a-0-1.segment", length: 1 << 40), .init(name: "b", length: 0)],
            parts: ["dt=2026-01-31/a-0-2.parquet", "é"]),
    ])

    @Test func roundTrip() throws {
        #expect(try LogState(decoding: Self.state.encoded()) == Self.state)
        #expect(try LogState(decoding: LogState(views: []).encoded()) == LogState(views: []))
        #expect(try LogState(decoding: []) == LogState(views: []))
    }

    @Test func corruptBytesAreRefused() {
        let bytes = Self.state.encoded()
        for length in 1..<bytes.count { #expect(throws: HistoryError.self) { try LogState(decoding: Array(bytes[..<length])) } }
        for position in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[position] ^= 1 << UInt8(bit)
                _ = try? LogState(decoding: flipped)
            }
        }
    }

    @Test func golden() throws { #expect(try Golden.matches(Self.state.encoded(), "log-state"), "the stored form has changed") }
}
