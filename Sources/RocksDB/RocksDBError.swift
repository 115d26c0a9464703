internal import CRocksDB
internal import Glibc

/// What RocksDB refused: the operation, the database and RocksDB's own text, which names the file and the errno.
public struct RocksDBError: Error, Equatable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// Another open of the same directory, in this process or another, holds its lock.
        case locked
        /// Stored bytes do not match their checksum, or files are missing that the manifest names.
        case corruption
        /// The file system said no; the text ends in what `strerror` says.
        case inputOutput
        /// The directory holds no database and none was to be created, or an argument makes no sense.
        case invalidArgument
        /// A write to a database that is open for reading only.
        case notSupported
        /// A compaction was cancelled by closing the database, or anything else that RocksDB reports.
        case other
    }

    public let kind: Kind
    public let operation: String
    public let path: String
    public let message: String

    public init(kind: Kind, operation: String, path: String, message: String) {
        self.kind = kind
        self.operation = operation
        self.path = path
        self.message = message
    }

    public var isLocked: Bool { kind == .locked }
    public var isCorruption: Bool { kind == .corruption }

    public var description: String {
        switch kind {
        case .locked: "cannot \(operation) \(path): it is open elsewhere, in this process or another (\(message))"
        default: "cannot \(operation) \(path): \(message)"
        }
    }
}

extension RocksDBError {
    /// Reads the kind off the prefix of RocksDB's text: the C API hands out nothing else.
    init(operation: String, path: String, message: String) {
        let kind: Kind =
            if message.hasPrefix("IO error: While lock file") || message.hasPrefix("IO error: lock hold by current process") {
                .locked
            } else if message.hasPrefix("Corruption") {
                .corruption
            } else if message.hasPrefix("IO error") {
                .inputOutput
            } else if message.hasPrefix("Invalid argument") {
                .invalidArgument
            } else if message.hasPrefix("Not implemented") {
                .notSupported
            } else {
                .other
            }
        self.init(kind: kind, operation: operation, path: path, message: message)
    }
}

typealias ErrorText = UnsafeMutablePointer<CChar>

/// Takes a text that RocksDB allocated.
func takeText(_ text: ErrorText) -> String {
    defer { unsafe rocksdb_free(text) }
    return unsafe String(cString: text)
}

/// Runs a call that reports through a `char **errptr`, and throws what it reports.
@inline(__always)
func reporting<Result>(
    _ operation: StaticString, _ path: String, _ call: (UnsafeMutablePointer<ErrorText?>) -> Result
) throws(RocksDBError) -> Result {
    var text: ErrorText? = nil
    let result = unsafe call(&text)
    if let text = unsafe text {
        throw unsafe RocksDBError(operation: "\(operation)", path: path, message: takeText(text))
    }
    return result
}
