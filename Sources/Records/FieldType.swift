/// The type of a source's field, of an expression and of a feature's value.
public enum FieldType: Hashable, Sendable, BitwiseCopyable {
    case string
    case int64
    case double
    case bool
    /// Fixed point: an `Int64` count of 10^-scale, `0 <= scale <= 18`.
    case decimal(scale: Int)
    case timestamp
}

extension FieldType: CustomStringConvertible {
    /// As a pipeline file writes it.
    public var description: String {
        switch self {
        case .string: "string"
        case .int64: "int64"
        case .double: "double"
        case .bool: "bool"
        case .decimal(let scale): "decimal(\(scale))"
        case .timestamp: "timestamp"
        }
    }
}

/// What a number or a text stands for where it is read as an instant.
public enum TimeUnit: String, Hashable, Sendable, CaseIterable {
    case seconds = "s"
    case milliseconds = "ms"
    case microseconds = "us"
    case rfc3339
}
