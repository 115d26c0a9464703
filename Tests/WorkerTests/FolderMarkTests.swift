import Foundation
import Records
import TestSupport
import Testing

@testable import Store
@testable import Worker

/// The marks that hold a state, its folder and the log's to be of one history.
struct FolderMarkTests {
    @Test(arguments: 1...20) func roundTrip(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let mark = FolderMark(state: .random(in: 0...(.max), using: &random), commits: .random(in: 0...(.max), using: &random))
        let bytes = mark.encoded
        #expect(bytes.count == FolderMark.byteCount && FolderMark(decoding: bytes) == mark, "seed \(seed)")
        for place in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[place] ^= 1 << UInt8(bit)
                #expect(FolderMark(decoding: flipped) == nil, "seed \(seed), byte \(place)")
            }
            #expect(FolderMark(decoding: Array(bytes[..<place])) == nil)
        }
        #expect(FolderMark(decoding: bytes + [0]) == nil)
    }

    @Test func golden() throws {
        #expect(try Golden.matches(FolderMark(state: 0x0123_4567_89AB_CDEF, commits: 300).encoded, "folder-mark"))
    }

    @Test func onlyWhatIsBehindOrOfAnotherStateIsRefused() throws {
        let kept = CommitMark(state: 7, commits: 10)
        func failure(_ found: FolderMark?, kept: CommitMark?) -> WorkerError? {
            do throws(WorkerError) { try CommitMarks.check(found, in: "log", kept: kept, state: "state") } catch { return error }
            return nil
        }
        #expect(failure(nil, kept: nil) == nil && failure(nil, kept: kept) == nil)
        // A crash between a commit and its mark.
        #expect(failure(FolderMark(state: 7, commits: 10), kept: kept) == nil)
        #expect(failure(FolderMark(state: 7, commits: 9), kept: kept) == nil)
        let lost = failure(FolderMark(state: 7, commits: 13), kept: kept)
        #expect(lost?.isInput == false && lost?.description.contains("lost the last 3 commits") == true)
        #expect(failure(FolderMark(state: 8, commits: 1), kept: kept)?.isInput == true)
        #expect(failure(FolderMark(state: 7, commits: 1), kept: nil)?.isInput == true)
    }

    @Test func aFolderIsLockedOnce() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mark-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var first: FolderLock? = try FolderLock(folder)
        #expect(throws: WorkerError.self) { try FolderLock(folder) }
        #expect(first != nil)
        first = nil
        _ = try FolderLock(folder)
    }

    @Test func theWallClockDoesNotGoBack() {
        let later = Clock.now() + .seconds(1_000)
        let clock = WallClock(floor: later)
        let first = clock.now()
        #expect(first >= later && first < later + .seconds(100))
        let own = WallClock()
        var last = own.now()
        for _ in 0..<1_000 {
            let now = own.now()
            #expect(now >= last)
            last = now
        }
        #expect(last < later)
    }
}
