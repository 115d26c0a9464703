internal import Engine
internal import Glibc
internal import Records

/// A small file that says which state a folder belongs to, and how many commits that has had.
///
///     "FRSHMRK1" | state u64 | commits u64 | check u64
///
/// Numbers are little endian; the check is `EntityKey.hash` of all before it. The first is on disk before it has its name; it is
/// written after each commit, in place and without being waited for: a crash leaves the one before at worst, which asks for less.
struct FolderMark: Equatable {
    var state: UInt64
    var commits: UInt64

    static let magic = Array("FRSHMRK1".utf8)
    static let byteCount = 32

    static func path(in folder: String) -> String { "\(folder)/_freshet_commit" }

    var encoded: [UInt8] {
        var writer = ByteWriter(capacity: FolderMark.byteCount)
        unsafe FolderMark.magic.withUnsafeBytes { unsafe writer.append($0) }
        writer.append(state)
        writer.append(commits)
        let check = unsafe writer.withBytes { unsafe EntityKey.hash($0) }
        writer.append(check)
        return unsafe writer.withBytes { unsafe Array($0) }
    }

    /// nil for bytes that were never written so.
    init?(decoding bytes: [UInt8]) {
        guard bytes.count == FolderMark.byteCount, Array(bytes[..<8]) == FolderMark.magic else { return nil }
        let numbers = (1..<4).map { word in
            (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[8 * word + $1]) << UInt64(8 * $1) }
        }
        self.init(state: numbers[0], commits: numbers[1])
        guard encoded == bytes else { return nil }
    }

    init(state: UInt64, commits: UInt64) {
        self.state = state
        self.commits = commits
    }

    /// The mark of a folder; nil where it has none.
    static func read(_ folder: String) throws(WorkerError) -> FolderMark? {
        let path = path(in: folder)
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 && errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw WorkerError(cannot: "open", path) }
        defer { _ = close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: byteCount + 1)
        var count = -1
        repeat {
            count = unsafe bytes.withUnsafeMutableBytes { unsafe pread(descriptor, $0.baseAddress, $0.count, 0) }
        } while count < 0 && errno == EINTR
        guard count >= 0 else { throw WorkerError(cannot: "read", path) }
        // It was created, and a crash or a full disk came before its first bytes were there: what is written later is never shorter.
        if count < byteCount { return nil }
        guard let mark = FolderMark(decoding: Array(bytes[..<count])) else {
            throw WorkerError("\(path): the mark of the last commit is corrupt. \(WorkerError.restoreState)")
        }
        return mark
    }
}

/// A folder that nobody else writes into meanwhile.
@safe
final class FolderLock {
    private let descriptor: Int32

    init(_ folder: String) throws(WorkerError) {
        descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw WorkerError(cannot: "open", folder) }
        // Where the file system knows no locks there is nothing to hold.
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
            throw WorkerError("\(folder) is in use by another process")
        }
    }

    deinit { _ = close(descriptor) }
}
