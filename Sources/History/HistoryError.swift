internal import Glibc
internal import Parquet

/// The offline log failed: which operation, where, and why.
public struct HistoryError: Error, CustomStringConvertible, Sendable {
    public var description: String

    init(_ description: String) { self.description = description }

    init(_ error: ParquetError) { description = error.description }

    /// The system's reason for the call that just failed.
    init(cannot operation: String, _ path: String) {
        description = "cannot \(operation) \(path): \(unsafe String(cString: strerror(errno)))"
    }
}
