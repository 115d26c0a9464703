internal import History

/// A part on its way to the thread that writes it, and back to the log that it belongs to.
struct PartJob: @unchecked Sendable {
    let part: Part
    let log: ViewLog
    let completions: PartCompletions
}

/// Parts of one shard thread that are being written.
final class PartCompletions: @unchecked Sendable {
    private let monitor = Monitor()
    private var written: [PartJob] = []
    private var unwritten = 0

    func willWrite() { monitor.locked { unwritten += 1 } }

    func didWrite(_ job: PartJob) {
        monitor.locked {
            written.append(job)
            unwritten -= 1
            monitor.wakeAll()
        }
    }

    /// The run fails, and the part stays what it was: rows in memory.
    func didFail() {
        monitor.locked {
            unwritten -= 1
            monitor.wakeAll()
        }
    }

    func wake() { monitor.locked { monitor.wakeAll() } }

    func takeWritten() -> [PartJob] {
        monitor.locked {
            defer { written = [] }
            return written
        }
    }

    /// Waits until every part is written; throws where one could not be.
    func waitForAll(_ failure: Failure) throws {
        monitor.lock()
        defer { monitor.unlock() }
        while unwritten > 0 && failure.error == nil { monitor.wait() }
        if let error = failure.error { throw error }
    }
}

/// The thread that encodes parts, off the loop.
final class PartWriter: @unchecked Sendable {
    let inbox = Channel<PartJob>(capacity: Bounds.partsWaiting)
    private var thread: WorkThread?

    func start(sync: Bool, failure: Failure) {
        thread = WorkThread { [inbox] in
            let memory = PartMemory()
            while let job = inbox.receive() {
                guard failure.error == nil else {
                    job.completions.didFail()
                    continue
                }
                do {
                    try job.part.write(sync: sync, memory: memory)
                    job.completions.didWrite(job)
                } catch {
                    failure.report(error)
                    job.completions.didFail()
                }
            }
        }
    }

    func stop() {
        inbox.close()
        thread?.join()
    }
}
