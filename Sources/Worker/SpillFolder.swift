internal import Glibc
internal import History
internal import Store

/// Where state goes that outgrew the memory limit of a run without a state folder. It is the run's own, and goes with it.
enum SpillFolder {
    private static let prefix = ".freshet-spill-"

    static func path(in parent: String, run: String) -> String { "\(parent)/\(prefix)\(run)" }

    /// Removes what runs left that were killed. RocksDB's lock tells those that live; one that has not got so far as to have a
    /// current manifest may just be coming.
    static func removeAbandoned(in parent: String) {
        for name in Folder.names(parent) where name.hasPrefix(prefix) {
            let path = "\(parent)/\(name)"
            guard unsafe access("\(path)/CURRENT", F_OK) == 0 else { continue }
            // It lives, or is somebody else's to remove.
            try? StateStore.destroy(path: path)
        }
    }
}
