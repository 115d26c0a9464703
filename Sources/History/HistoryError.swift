internal import Glibc
internal import Parquet

/// The offline log failed: which operation, where, and why.
public struct HistoryError: Error, CustomStringConvertible, Sendable {
    public var description: String
    /// What was given to read is wrong, not the world.
    public var isInput = false

    init(_ description: String, isInput: Bool = false) {
        self.description = description
        self.isInput = isInput
    }

    init(_ error: ParquetError) { description = error.description }

    /// Of a file that was given to read: what is in it is input, whether it can be opened is the world's.
    init(reading error: ParquetError) { self.init(error.description, isInput: error.operation == .read) }

    /// The system's reason for the call that just failed.
    init(cannot operation: String, _ path: String) {
        description = "cannot \(operation) \(path): \(unsafe String(cString: strerror(errno)))"
    }
}
