internal import Glibc
internal import History
internal import Store

/// Reads all that a state folder and a log folder hold, and says what is damaged. A worker may go on writing meanwhile.
public struct Verification: Sendable {
    /// A line each, with the file's name.
    public private(set) var damages: [String] = []
    public private(set) var stateRows = 0
    public private(set) var segments = 0
    public private(set) var parts = 0
    public private(set) var partRows = 0
    public private(set) var letters = 0

    /// - Parameter reading: is told of each file or folder before it is read.
    public init(state: String?, log: String?, reading: (String) -> Void) throws {
        for folder in [state, log].compactMap(\.self) where !Folder.isFolder(folder) {
            throw WorkerError("there is no folder \(folder)", isInput: true)
        }
        do {
            if let state { try read(state: state, log: log, reading) } else if let log { _ = try FolderMark.read(log) }
        } catch {
            damages.append("\(error)")
        }
        guard let log else { return }
        readParts(log, reading)
        do { try readLetters(log, reading) } catch { damages.append("\(error)") }
    }

    /// The state, and the log's segments, which only a state can tell the lengths of.
    private mutating func read(state: String, log: String?, _ reading: (String) -> Void) throws {
        reading(state)
        // Before the state: what that says then is at least as new.
        let mark = try log.map { try FolderMark.read($0) } ?? nil
        let store = try StateReader.open(state)
        defer { store.close() }
        if let log { try CommitMarks.check(mark, in: log, kept: store.mark(), state: state) }
        stateRows = try store.readAll()
        guard let log else { return }
        for (path, length) in try Verification.named(by: store, in: log) {
            reading(path)
            do throws(HistoryError) {
                try LogFiles.read(segment: path, length: length)
                segments += 1
            } catch {
                // A worker that goes on makes Parquet of its rows, and removes it.
                let newer = try StateReader.open(state)
                defer { newer.close() }
                let isNamed = try Verification.named(by: newer, in: log).contains { $0.path == path }
                if isNamed { damages.append(error.description) }
            }
        }
    }

    private static func named(by store: StateStore, in log: String) throws -> [(path: String, length: UInt64)] {
        LogFiles.segments(of: try LogState(decoding: store.checkpoint()?.offlineLog ?? []), in: log)
    }

    private mutating func readParts(_ log: String, _ reading: (String) -> Void) {
        for part in LogFiles.parts(in: log) {
            reading(part)
            do throws(HistoryError) {
                partRows += try LogFiles.read(part: part)
                parts += 1
            } catch {
                // Parts are their owner's to move, at any time.
                if unsafe access(part, F_OK) == 0 { damages.append(error.description) }
            }
        }
    }

    private mutating func readLetters(_ log: String, _ reading: (String) -> Void) throws {
        let path = LetterSource.path(inLog: log)
        reading(path)
        var unreadable: [Int] = []
        var line = 0
        var count = 0
        try LetterSource.log(log).read { letter in
            line += 1
            if letter == nil { unreadable.append(line) } else { count += 1 }
            return unreadable.count < Bounds.lettersListed
        }
        letters = count
        // The end of the last line may be on its way, or was lost in a crash.
        if unreadable.last == line { unreadable.removeLast() }
        guard let first = unreadable.first else { return }
        damages.append("\(path): \(unreadable.count) lines are no dead letters, the first is line \(first)")
    }
}
