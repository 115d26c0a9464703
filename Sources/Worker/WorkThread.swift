internal import Glibc

/// A thread of the operating system: the data path blocks, so it stays off Swift's cooperative pool.
@safe
public struct WorkThread: @unchecked Sendable {
    private let handle: pthread_t

    private final class Start {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    public init(_ body: @escaping @Sendable () -> Void) {
        let start = unsafe Unmanaged.passRetained(Start(body)).toOpaque()
        var handle = pthread_t()
        let result = unsafe pthread_create(
            &handle, nil,
            { argument in
                unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, start)
        precondition(result == 0, "the system gives no more threads")
        self.handle = handle
    }

    /// A thread that nobody waits for.
    public static func detach(_ body: @escaping @Sendable () -> Void) {
        let thread = WorkThread(body)
        _ = pthread_detach(thread.handle)
    }

    /// Waits until the thread has ended; once.
    public func join() { _ = pthread_join(handle, nil) }
}
