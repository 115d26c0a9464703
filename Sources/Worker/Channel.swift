internal import DequeModule

/// A bounded queue between threads. Sending waits while it is full: that is the back-pressure.
///
/// Threads are woken where the queue stops being empty, and where it has become half empty: to wake a sender for every
/// place would have two threads that are equally fast change over for every element.
final class Channel<Element>: @unchecked Sendable {
    private var elements = Deque<Element>()
    private let capacity: Int
    private var isClosed = false
    private let monitor = Monitor()

    init(capacity: Int) { self.capacity = capacity }

    /// Waits for room. Gives false, and drops the element, if the channel was closed.
    @discardableResult
    func send(_ element: sending Element) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        while elements.count >= capacity && !isClosed { monitor.wait() }
        guard !isClosed else { return false }
        elements.append(element)
        if elements.count == 1 { monitor.wakeAll() }
        return true
    }

    /// Waits for an element; nil once the channel is closed and empty.
    func receive() -> Element? {
        monitor.lock()
        defer { monitor.unlock() }
        while elements.isEmpty && !isClosed { monitor.wait() }
        guard let element = elements.popFirst() else { return nil }
        if elements.count == capacity / 2 { monitor.wakeAll() }
        return element
    }

    func close() {
        monitor.lock()
        isClosed = true
        monitor.wakeAll()
        monitor.unlock()
    }
}
