internal import Glibc

/// Why a worker stopped before its time.
public struct WorkerError: Error, CustomStringConvertible, Sendable {
    public var description: String
    /// The pipeline or the input is wrong, not the world.
    public var isInput = false

    public init(_ description: String, isInput: Bool = false) {
        self.description = description
        self.isInput = isInput
    }

    /// The system's reason for the call that just failed.
    init(cannot operation: String, _ path: String) {
        description = "cannot \(operation) \(path): \(unsafe String(cString: strerror(errno)))"
    }
}
