internal import Glibc
import Synchronization

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

/// A mutex and a condition, for the few places where threads wait for each other.
@safe
final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    func lock() { unsafe _ = pthread_mutex_lock(mutex) }
    func unlock() { unsafe _ = pthread_mutex_unlock(mutex) }
    /// Requires: the lock is held; it is again when this returns.
    func wait() { unsafe _ = pthread_cond_wait(condition, mutex) }
    func wakeAll() { unsafe _ = pthread_cond_broadcast(condition) }

    func locked<R>(_ body: () -> R) -> R {
        lock()
        defer { unlock() }
        return body()
    }
}

/// A thread of the operating system: the data path blocks, so it stays off Swift's cooperative pool.
@safe
struct WorkThread: @unchecked Sendable {
    private let handle: pthread_t

    private final class Start {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    init(_ body: @escaping @Sendable () -> Void) {
        let start = unsafe Unmanaged.passRetained(Start(body)).toOpaque()
        var handle = pthread_t()
        let result = unsafe pthread_create(&handle, nil, { argument in
            unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue().body()
            return nil
        }, start)
        precondition(result == 0, "the system gives no more threads")
        self.handle = handle
    }

    func join() { _ = pthread_join(handle, nil) }
}
