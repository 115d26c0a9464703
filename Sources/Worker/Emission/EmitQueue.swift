internal import DequeModule
internal import Records

/// Rows on their way from the shard threads to the one that emits them: a bounded lane for each thread.
///
/// A lane that has come to a commit's mark waits there until all have, and then the commit is received: so a transaction holds the
/// rows of exactly what its commit fixes, and what threads have sent since stays behind it.
final class EmitQueue: @unchecked Sendable {
    enum Item {
        case rows(EmitBatch)
        case commit(Commit)
    }

    private struct Lane {
        var items: Deque<Item> = []
        var bytes = 0
    }

    private let monitor = Monitor()
    private var lanes: [Lane]
    private var next = 0
    private var free: [EmitBatch] = []
    private var isClosed = false
    private let laneBytesMax: Int

    init(threads: Int, laneBytesMax: Int = Bounds.emitLaneBytes) {
        lanes = Array(repeating: Lane(), count: threads)
        self.laneBytesMax = laneBytesMax
    }

    /// Waits for room in the thread's lane. Once the queue is closed, rows go nowhere.
    func send(_ batch: EmitBatch, thread: Int) {
        monitor.lock()
        defer { monitor.unlock() }
        while lanes[thread].bytes >= laneBytesMax && !isClosed { monitor.wait() }
        lanes[thread].bytes += batch.bytes.count
        append(.rows(batch), thread)
    }

    /// All that a commit fixes of a thread's rows was sent.
    func mark(_ commit: Commit, thread: Int) { monitor.locked { append(.commit(commit), thread) } }

    private func append(_ item: Item, _ thread: Int) {
        guard !isClosed else { return }
        lanes[thread].items.append(item)
        if lanes[thread].items.count == 1 { monitor.wakeAll() }
    }

    /// Waits for rows of any lane that may go on, or a commit that all lanes have come to; nil once the queue is closed.
    func receive() -> Item? {
        monitor.lock()
        defer { monitor.unlock() }
        while !isClosed {
            for _ in lanes.indices {
                next = next + 1 < lanes.count ? next + 1 : 0
                guard case .rows(let batch)? = lanes[next].items.first else { continue }
                lanes[next].items.removeFirst()
                let wasFull = lanes[next].bytes >= laneBytesMax
                lanes[next].bytes -= batch.bytes.count
                if wasFull && lanes[next].bytes < laneBytesMax { monitor.wakeAll() }
                return .rows(batch)
            }
            if lanes.allSatisfy({ !$0.items.isEmpty }) {
                let marks = lanes.indices.map { lanes[$0].items.removeFirst() }
                guard case .commit(let commit)? = marks.first else { preconditionFailure("rows are received before a commit") }
                return .commit(commit)
            }
            monitor.wait()
        }
        return nil
    }

    /// An empty batch.
    func take() -> EmitBatch { monitor.locked { free.popLast() } ?? EmitBatch() }

    /// A batch that was received is out of use.
    func put(_ batch: EmitBatch) {
        batch.removeAll()
        monitor.locked { free.append(batch) }
    }

    func close() {
        monitor.locked {
            isClosed = true
            monitor.wakeAll()
        }
    }
}
