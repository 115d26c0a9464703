import Engine
import Foundation
import Records
import TestSupport
import Testing

@testable import History

/// Segments: committed rows come back, what lies behind them does not, and damage is found.
struct SegmentTests {
    private let rows: SnapshotRows

    init() throws { rows = try SnapshotRows() }

    /// Writes blocks of these sizes; gives the committed length after each.
    private func write(_ folder: Folder, _ sizes: [Int]) throws -> [UInt64] {
        let writer = try SegmentWriter(folder: folder.path, top: folder.path, name: "one.segment")
        var offset = 0
        return try sizes.map { size in
            let buffer = rows.buffer(size)
            rows.fill(buffer, offset..<(offset + size))
            try writer.append(buffer, created: Int64(offset))
            offset += size
            try writer.sync()
            return writer.length
        }
    }

    private func read(_ folder: Folder, committed: UInt64) throws -> [String] {
        let reader = try SegmentReader(path: folder.path + "/one.segment", committed: committed)
        let buffer = rows.buffer(8192)
        var texts: [String] = []
        while let created = try reader.next(into: buffer) {
            #expect(created == buffer.offsets[0])
            texts += rows.texts(buffer)
        }
        return texts
    }

    @Test func committedRowsComeBackAndNoOthers() throws {
        let folder = try Folder()
        let sizes = [1, 8192, 3, 500]
        let lengths = try write(folder, sizes)
        #expect(try read(folder, committed: UInt64(Segment.magic.count)) == [])
        var total = 0
        for (size, length) in zip(sizes, lengths) {
            total += size
            #expect(try read(folder, committed: length) == rows.expected(0..<total))
        }
        // A torn block behind the committed length is not there for anybody.
        let path = folder.path + "/one.segment"
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.truncate(atOffset: lengths[2] + 40)
        try file.close()
        #expect(try read(folder, committed: lengths[2]) == rows.expected(0..<8196))
        #expect(throws: HistoryError.self) { try read(folder, committed: lengths[3]) }
    }

    /// Every flipped bit is found, or changes nothing that is read; no size that the damage claims is believed.
    @Test(arguments: 1...4) func flippedBitsAreFound(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let folder = try Folder()
        let length = try write(folder, [60, 70])[1]
        let path = folder.path + "/one.segment"
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        let expected = rows.expected(0..<130)
        // Each bit of the heads, where sizes stand, and some of the rest.
        let positions = Array(0..<40) + (0..<150).map { _ in Int.random(in: 40..<bytes.count, using: &random) }
        for position in positions {
            var flipped = bytes
            flipped[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            try Data(flipped).write(to: URL(fileURLWithPath: path))
            do throws(HistoryError) {
                let texts = try readTyped(folder, length)
                #expect(texts == expected, "byte \(position), seed \(seed)")
            } catch {
                #expect(error.description.contains("corrupt"), "byte \(position), seed \(seed)")
            }
        }
    }

    private func readTyped(_ folder: Folder, _ length: UInt64) throws(HistoryError) -> [String] {
        do { return try read(folder, committed: length) } catch { throw error as! HistoryError }
    }

    /// A frame whose head claims half a terabyte.
    @Test func aClaimedSizeIsNotBelieved() throws {
        let folder = try Folder()
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xC0, 0x38, 0, 0, 0, 0, 0x80, 0, 0, 0, 1, 0, 0]
        let bytes = Segment.magic + [UInt8(frame.count), 0, 0, 0] + frame
        try Data(bytes).write(to: URL(fileURLWithPath: folder.path + "/one.segment"))
        #expect(throws: HistoryError.self) { try read(folder, committed: UInt64(bytes.count)) }
    }

    @Test func golden() throws {
        let buffer = rows.buffer(5)
        rows.fill(buffer, 0..<5)
        var writer = ByteWriter()
        Segment.encode(buffer, created: 1_700_000_000_000_000, into: &writer)
        let content = unsafe writer.withBytes { unsafe Array($0) }
        #expect(try Golden.matches(Segment.magic + content, "segment"), "the stored form has changed")
        let back = rows.buffer(5)
        let created = unsafe writer.withBytes { bytes in
            var reader = unsafe ByteReader(bytes)
            return try? Segment.decode(&reader, into: back)
        }
        #expect(created == 1_700_000_000_000_000)
        #expect(rows.texts(back) == rows.expected(0..<5))
    }
}
