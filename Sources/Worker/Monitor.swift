internal import Glibc

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
