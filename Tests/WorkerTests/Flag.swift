@testable import Worker

/// Set once, seen by other threads.
final class Flag: @unchecked Sendable {
    private let monitor = Monitor()
    private var isSet = false

    func set() { monitor.locked { isSet = true } }
    var value: Bool { monitor.locked { isSet } }
}
