import Engine
import Foundation
import Records
import TestSupport
import Testing

@testable import Store

/// A journal of which a crash of the machine left a part here and a part there: what nobody was promised is dropped, and nothing else.
final class TornCommitTests {
    private let folder: String
    private let sizes: [Int]
    private let journal: String

    /// Five commits, each in its block of the journal and the next one's, as a process that was killed leaves them.
    init() throws {
        let parent = FileManager.default.temporaryDirectory.appendingPathComponent("torn-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        let store = try StateStore(path: "\(parent)/live")
        let name = try FileManager.default.contentsOfDirectory(atPath: "\(parent)/live").filter { $0.hasSuffix(".log") }.max()!
        var sizes: [Int] = []
        for number in 1...5 as ClosedRange<UInt64> {
            var checkpoint = Checkpoint(plan: [], sliceCount: 1, sourceCount: 0)
            checkpoint.offlineLog = [UInt8](repeating: 0x60 + UInt8(number), count: 40_000)
            try store.commit([], checkpoint, mark: CommitMark(state: 7, commits: number), isDurable: true)
            sizes.append(try Data(contentsOf: URL(fileURLWithPath: "\(parent)/live/\(name)")).count)
        }
        try FileManager.default.copyItem(atPath: "\(parent)/live", toPath: "\(parent)/state")
        store.close()
        folder = parent
        self.sizes = sizes
        journal = name
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The number of the commit that a state comes up with.
    private func commits(
        damaged place: Range<Int>, _ how: (inout Data) -> Void, known: UInt64?, readOnly: Bool
    ) throws -> UInt64? {
        let state = "\(folder)/\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: "\(folder)/state", toPath: state)
        let file = URL(fileURLWithPath: "\(state)/\(journal)")
        var bytes = try Data(contentsOf: file)
        var part = bytes.subdata(in: place)
        how(&part)
        bytes.replaceSubrange(place, with: part)
        try bytes.write(to: file)
        let store = try StateStore(path: state, readOnly: readOnly, commitsKnown: known)
        defer { store.close() }
        return try store.mark()?.commits
    }

    private static func hole(_ part: inout Data) { part.resetBytes(in: part.startIndex..<part.endIndex) }
    private static func flip(_ part: inout Data) { part[part.startIndex] ^= 0x10 }

    /// Sectors of the last commit that never came to the disk, while later ones of it did.
    @Test(arguments: [true, false]) func aCommitWithAHoleIsDropped(readOnly: Bool) throws {
        for offset in stride(from: 0, to: sizes[4] - sizes[3] - 512, by: 4_096) {
            let hole = sizes[3] + offset..<sizes[3] + offset + 512
            #expect(
                try commits(damaged: hole, TornCommitTests.hole, known: 4, readOnly: readOnly) == 4,
                "a hole at \(hole.lowerBound)")
        }
    }

    /// Once somebody knows of the commit it is not one that nobody was promised, whatever it is that has become of it.
    @Test(arguments: [true, false]) func aCommitThatIsKnownIsNot(readOnly: Bool) throws {
        for place in stride(from: sizes[3] + 3, to: sizes[4] - 1_000, by: 4_096) {
            for known in [5, nil] as [UInt64?] {
                let error = #expect(throws: StoreError.self) {
                    try commits(damaged: place..<place + 1, TornCommitTests.flip, known: known, readOnly: readOnly)
                }
                #expect(error?.description.contains(journal) == true, "\(place): \(String(describing: error))")
            }
        }
    }

    /// A commit that another one follows was on disk when that began, whoever knows of it.
    @Test(arguments: [true, false]) func norIsOneThatAnotherFollows(readOnly: Bool) throws {
        for number in 0..<4 {
            let begin = number == 0 ? 0 : sizes[number - 1]
            for (place, how) in [
                (begin + 1..<begin + 2, TornCommitTests.flip), (begin..<begin + 512, TornCommitTests.hole),
                (sizes[number] - 300..<sizes[number] - 299, TornCommitTests.flip),
                (begin + 20_000..<begin + 20_512, TornCommitTests.hole),
            ] as [(Range<Int>, (inout Data) -> Void)] {
                let error = #expect(throws: StoreError.self) {
                    try commits(damaged: place, how, known: 0, readOnly: readOnly)
                }
                #expect(error?.description.contains(journal) == true, "\(place): \(String(describing: error))")
            }
        }
    }

    /// The manifest's last edit came to the disk in part, and nothing was done by it yet: the journal has it all.
    @Test func anEditWithAHoleIsDropped() throws {
        let manifest = try editByAFlush("state")
        let before = try Data(contentsOf: manifest.file)
        for place in [before.count + 8, manifest.bytes.count - 1] {
            var torn = manifest.bytes
            torn[place] ^= 0x10
            try torn.write(to: manifest.file)
            #expect(throws: StoreError.self, "not by a reader") {
                try StateStore(path: "\(folder)/state", readOnly: true, commitsKnown: 6)
            }
            #expect(throws: StoreError.self) { try StateStore(path: "\(folder)/state", commitsKnown: 7) }
            #expect(try Data(contentsOf: manifest.file) == torn)
        }
        let store = try StateStore(path: "\(folder)/state", commitsKnown: 6)
        #expect(try store.mark()?.commits == 6)
        store.close()
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/state/look"))
    }

    /// Once files are gone by it, it was on disk: what is wrong with it now is damage.
    @Test func anEditThatWasActedUponIsNot() throws {
        let manifest = try editByAFlush("live")
        var torn = manifest.bytes
        torn[manifest.bytes.count - 1] ^= 0x10
        try torn.write(to: manifest.file)
        let error = #expect(throws: StoreError.self) { try StateStore(path: "\(folder)/live", commitsKnown: 6) }
        #expect(error?.description.contains(manifest.file.lastPathComponent) == true, "\(String(describing: error))")
        #expect(try Data(contentsOf: manifest.file) == torn)
    }

    /// The manifest of the state or of a copy from before a flush, and its bytes with the first edit that the flush made.
    private func editByAFlush(_ name: String) throws -> (file: URL, bytes: Data) {
        let store = try StateStore(path: "\(folder)/live")
        let manifest = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/live").filter { $0.hasPrefix("MANIFEST") }
            .max()!
        // Opening has moved what the journal had into a table.
        try FileManager.default.removeItem(atPath: "\(folder)/state")
        try store.commit(
            [], Checkpoint(plan: [], sliceCount: 1, sourceCount: 0), mark: CommitMark(state: 7, commits: 6), isDurable: true)
        try FileManager.default.copyItem(atPath: "\(folder)/live", toPath: "\(folder)/state")
        try store.flush()
        store.close()
        let before = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/state/\(manifest)")).count
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/live/\(manifest)"))
        // A record's length comes behind its checksum.
        let end = before + 7 + Int(bytes[before + 4]) + Int(bytes[before + 5]) << 8
        return (URL(fileURLWithPath: "\(folder)/\(name)/\(manifest)"), bytes.prefix(end))
    }

    /// What is refused stays as it was: the file may be put back.
    @Test func whatIsRefusedIsNotChanged() throws {
        let file = URL(fileURLWithPath: "\(folder)/state/\(journal)")
        let whole = try Data(contentsOf: file)
        var bytes = whole
        bytes[sizes[4] - 300] ^= 1
        try bytes.write(to: file)
        #expect(throws: StoreError.self) { try StateStore(path: "\(folder)/state", commitsKnown: 5) }
        #expect(try Data(contentsOf: file) == bytes)
        try whole.write(to: file)
        let store = try StateStore(path: "\(folder)/state", commitsKnown: 5)
        #expect(try store.mark()?.commits == 5)
        store.close()
    }
}
