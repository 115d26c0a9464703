internal import Engine
internal import Glibc
internal import Records
internal import Store

/// Holds the state, its folder and that of the log to be of one history. From the start on the committer's own.
///
/// Each commit counts one up in the state, then in a mark in both folders. So a folder that says more than the state does has seen
/// commits that the state no longer has: its files were cut, or are older ones. Rows and dead letters of those commits are out; to
/// go on would make them twice.
@safe
final class CommitMarks {
    private var mark: CommitMark
    private let folders: [String]
    private var descriptors: [Int32] = []
    private let wall: WallClock

    /// - Parameter mark: of the state's last commit; nil for a state that begins, or had none so far.
    init(_ mark: CommitMark?, state: String, log: String?, wall: WallClock) {
        self.mark = mark ?? CommitMark(state: .random(in: 1 ... .max))
        folders = [state] + (log.map { [$0] } ?? [])
        self.wall = wall
    }

    deinit { for descriptor in descriptors { _ = close(descriptor) } }

    /// Looks at a state's folder before it is opened: a state that was there is not to be begun anew.
    static func checkFolder(_ directory: String) throws(WorkerError) -> FolderMark? {
        let mark = try FolderMark.read(directory)
        if mark != nil, unsafe access("\(directory)/CURRENT", F_OK) != 0 {
            throw WorkerError("\(directory)/CURRENT is gone, and the state with it. \(WorkerError.restoreState)")
        }
        return mark
    }

    /// How many commits of a state were durable, by what its own folder says and that of its log.
    static func commitsKnown(_ found: FolderMark?, _ beside: FolderMark?) -> UInt64 {
        // One that belongs to another state says nothing of this one, and is refused.
        let isOfOne = found == nil || beside == nil || found?.state == beside?.state
        return max(found?.commits ?? 0, isOfOne ? beside?.commits ?? 0 : 0)
    }

    /// Compares what a folder says with the state that was opened.
    ///
    /// - Parameters:
    ///   - kept: the state's; nil where it has none.
    ///   - state: the state's folder, for messages.
    static func check(_ found: FolderMark?, in folder: String, kept: CommitMark?, state: String) throws(WorkerError) {
        guard let found else { return }
        guard let kept, kept.state == found.state else {
            throw WorkerError(
                "\(folder) belongs to another state than the one in \(state): name the --state that wrote it, or another folder",
                isInput: true)
        }
        guard kept.commits < found.commits else { return }
        throw WorkerError(
            "\(state) has lost the last \(found.commits - kept.commits) commits that \(folder) knows of: its files were cut, or"
                + " are older ones. \(WorkerError.restoreState)")
    }

    /// The mark of the commit that comes next.
    func next(_ topics: [String: [Int32: CommitMark.LastRecord]]) -> CommitMark {
        mark.commits += 1
        mark.time = wall.now()
        mark.topics = topics
        return mark
    }

    /// The commit with the last mark is durable.
    func didCommit() throws(WorkerError) {
        let bytes = FolderMark(state: mark.state, commits: mark.commits).encoded
        if descriptors.isEmpty { for folder in folders { descriptors.append(try CommitMarks.open(folder, bytes)) } }
        for (descriptor, folder) in zip(descriptors, folders) {
            try CommitMarks.write(bytes, to: descriptor, FolderMark.path(in: folder))
        }
    }

    /// Opens a folder's mark. One that is made is on disk as a whole before it has its name: all that comes later overwrites bytes of one
    /// sector, so that a crash leaves one mark or another.
    private static func open(_ folder: String, _ bytes: [UInt8]) throws(WorkerError) -> Int32 {
        let path = FolderMark.path(in: folder)
        let found = unsafe Glibc.open(path, O_WRONLY | O_CLOEXEC)
        // Shorter ones never had all their bytes.
        if found >= 0 && lseek(found, 0, SEEK_END) == FolderMark.byteCount { return found }
        if found >= 0 { _ = close(found) }
        guard found >= 0 || errno == ENOENT else { throw WorkerError(cannot: "open", path) }
        let unnamed = "\(folder)/._freshet_commit"
        let descriptor = unsafe Glibc.open(unnamed, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw WorkerError(cannot: "open", unnamed) }
        do throws(WorkerError) {
            try write(bytes, to: descriptor, unnamed)
            if fdatasync(descriptor) != 0 { throw WorkerError(cannot: "sync", unnamed) }
            if unsafe rename(unnamed, path) != 0 { throw WorkerError(cannot: "rename to", path) }
        } catch {
            _ = close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(WorkerError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(descriptor, $0.baseAddress! + done, $0.count - done, off_t(done))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw WorkerError(cannot: "write", path) }
            done += count
        }
    }
}

extension WorkerError {
    /// What to do about a state that cannot be trusted.
    static let restoreState =
        "Start with an empty --state and an empty --log to read the topics again, or restore both folders from one backup"
}
