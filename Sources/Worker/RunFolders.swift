internal import History
internal import Store

/// The folders of a run, opened for it alone and found to be of one history.
struct RunFolders {
    /// The state folder's.
    let store: StateStore?
    /// Of the state's last commit.
    let mark: CommitMark?
    /// Held for as long as the run writes into the log folder.
    let lock: FolderLock?

    init(_ options: WorkerOptions) throws {
        if let directory = options.stateDirectory {
            // Before the state is opened: what it says then is at least as new.
            let found = try CommitMarks.checkFolder(directory)
            let beside = try options.logDirectory.flatMap { log throws(WorkerError) in try FolderMark.read(log) }
            let store = try StateStore(path: directory, commitsKnown: CommitMarks.commitsKnown(found, beside))
            mark = try store.mark()
            try CommitMarks.check(found, in: directory, kept: mark, state: directory)
            self.store = store
        } else {
            (store, mark) = (nil, nil)
        }
        guard let log = options.logDirectory else {
            lock = nil
            return
        }
        if store != nil { try Folder.makeLasting(log) } else { try Folder.make(log) }
        lock = try FolderLock(log)
        SpillFolder.removeAbandoned(in: log)
        let found = try FolderMark.read(log)
        if let directory = options.stateDirectory {
            try CommitMarks.check(found, in: log, kept: mark, state: directory)
        } else if found != nil {
            throw WorkerError(
                "\(log) belongs to a run with a state: name the --state that wrote it, or another folder", isInput: true)
        }
    }
}
