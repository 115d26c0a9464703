internal import Glibc

/// The file system's refusal, or a file that is none of ours: what was tried, on which file, and why it failed.
public struct ParquetError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Operation: String, Sendable {
        case create, write, compress, sync, close, open, read
    }

    public var operation: Operation
    public var path: String
    /// The column that is at fault, where one is.
    public var column: String?
    public var reason: String

    init(_ operation: Operation, _ path: String, column: String? = nil, reason: String) {
        self.operation = operation
        self.path = path
        self.column = column
        self.reason = reason
    }

    /// Requires: `errno` still is the one of the failed call.
    init(_ operation: Operation, _ path: String) {
        let code = errno
        self.init(operation, path, reason: unsafe String(cString: strerror(code)))
    }

    public var description: String {
        "cannot \(operation.rawValue) \(path): \(column.map { "column \($0): " } ?? "")\(reason)"
    }
}
