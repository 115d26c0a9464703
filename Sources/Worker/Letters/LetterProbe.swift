/// Questions to all shard threads: which of some events do they have already?
///
/// A letter that was sent since a crash's last commit may be of a record that was read again, by a pipeline that takes it, and is
/// applied and archived: neither is to happen a second time, and no shard could tell the others and the archive.
final class LetterProbe: @unchecked Sendable {
    struct Origin: Hashable {
        var partition: Int32
        var offset: Int64
    }

    private let monitor = Monitor()
    private var answersExpected = 0
    private var known: Set<Origin> = []

    /// Begins a question. Requires: the last one was answered.
    func ask(_ answers: Int) {
        monitor.locked {
            answersExpected = answers
            known = []
        }
    }

    func answer(_ origins: [Origin]) {
        monitor.locked {
            known.formUnion(origins)
            answersExpected -= 1
            monitor.wakeAll()
        }
    }

    /// Waits for all answers, or a failure of the run.
    func wait(_ failure: Failure) throws -> Set<Origin> {
        monitor.lock()
        defer { monitor.unlock() }
        while answersExpected > 0 {
            if let error = failure.error { throw error }
            monitor.wait()
        }
        return known
    }

    func wake() { monitor.locked { monitor.wakeAll() } }
}
