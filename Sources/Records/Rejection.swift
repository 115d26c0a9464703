/// Why a record never enters state, as dead letters and counters name it.
public enum RejectionReason: String, CaseIterable, Sendable {
    case malformed
    case missingField = "missing_field"
    case wrongType = "wrong_type"
    case outOfRange = "out_of_range"
    case ahead
    case late
}

/// A record that was set aside: the reason, and one sentence that says which field and what was found.
public struct Rejection: Error, Hashable, Sendable {
    public var reason: RejectionReason
    public var error: String

    public init(_ reason: RejectionReason, _ error: String) {
        self.reason = reason
        self.error = error
    }
}
