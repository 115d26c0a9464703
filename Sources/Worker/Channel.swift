/// A bounded queue between threads. Sending waits while it is full: that is the back-pressure.
final class Channel<Element>: @unchecked Sendable {
    private var elements: [Element] = []
    private var head = 0
    private let capacity: Int
    private var isClosed = false
    private let monitor = Monitor()

    init(capacity: Int) { self.capacity = capacity }

    private var count: Int { elements.count - head }

    /// Waits for room. Gives false, and drops the element, if the channel was closed.
    @discardableResult
    func send(_ element: sending Element) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        while count >= capacity && !isClosed { monitor.wait() }
        guard !isClosed else { return false }
        elements.append(element)
        monitor.wakeAll()
        return true
    }

    /// Waits for an element; nil once the channel is closed and empty.
    func receive() -> Element? {
        monitor.lock()
        defer { monitor.unlock() }
        while count == 0 && !isClosed { monitor.wait() }
        guard count > 0 else { return nil }
        let element = elements[head]
        head += 1
        if head > 64 && head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        }
        monitor.wakeAll()
        return element
    }

    func close() {
        monitor.lock()
        isClosed = true
        monitor.wakeAll()
        monitor.unlock()
    }
}
