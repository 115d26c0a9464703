import Glibc
import Worker

func processorCount() -> Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

/// SIGTERM and SIGINT ask a run to end cleanly; a second SIGINT ends it at once.
enum Signals {
    /// Blocks the signals in this thread and all that it starts. Call first.
    static func block() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGTERM)
        unsafe sigaddset(&signals, SIGINT)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        // A reader of our output that goes away is no reason to die.
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Waits for the signals on a thread of its own.
    static func stop(_ worker: Worker) { stop { worker.stop() } }

    static func stop(_ body: @escaping @Sendable () -> Void) {
        WorkThread.detach {
            var interrupts = 0
            while true {
                var signals = sigset_t()
                unsafe sigemptyset(&signals)
                unsafe sigaddset(&signals, SIGTERM)
                unsafe sigaddset(&signals, SIGINT)
                var received: Int32 = 0
                unsafe sigwait(&signals, &received)
                if received == SIGINT {
                    interrupts += 1
                    if interrupts > 1 { exit(130) }
                }
                body()
            }
        }
    }
}
