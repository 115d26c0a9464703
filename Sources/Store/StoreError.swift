internal import RocksDB

/// The state folder failed: which operation, where, and why.
public struct StoreError: Error, CustomStringConvertible, Sendable {
    public var description: String
    /// Another process has the folder open.
    public var isLocked = false

    init(_ description: String) { self.description = description }

    init(_ error: RocksDBError) {
        description = error.isLocked ? "\(error.path) is in use by another process" : error.description
        isLocked = error.isLocked
    }
}
