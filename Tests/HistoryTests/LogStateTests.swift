import TestSupport
import Testing

@testable import History

struct LogStateTests {
    private static let state = LogState(views: [
        LogState.ViewState(view: "empty"),
        LogState.ViewState(
            view: "cards", segments: [.init(name: "a-0-1.segment", length: 1 << 40), .init(name: "b", length: 0)],
            parts: ["dt=2026-01-31/a-0-2.parquet", "é"], newestCreated: 1_767_614_400_000_001),
    ])

    @Test func roundTrip() throws {
        #expect(try LogState(decoding: Self.state.encoded()) == Self.state)
        #expect(try LogState(decoding: LogState(views: []).encoded()) == LogState(views: []))
        #expect(try LogState(decoding: []) == LogState(views: []))
    }

    /// As it was written before: nothing was known of when rows were made.
    @Test func format1() throws {
        let bytes: [UInt8] = [1, 1, 1, 0x61, 1, 1, 0x62, 5, 1, 1, 0x63]
        let view = LogState.ViewState(view: "a", segments: [.init(name: "b", length: 5)], parts: ["c"])
        #expect(try LogState(decoding: bytes) == LogState(views: [view]))
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
