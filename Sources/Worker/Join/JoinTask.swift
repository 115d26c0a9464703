internal import Engine
internal import Records
internal import Store
internal import Synchronization
internal import Windows

/// The rows that a run is asked for, and where their values go.
final class JoinTask: @unchecked Sendable {
    let visibility: Visibility
    /// By view.
    let queues: [AskQueue]
    /// By view and thread.
    let answers: [[AnswerStore]]

    private let monitor = Monitor()
    /// Rows that were answered, by view and block.
    private var counts: [[Int: Int]]
    private var isOver = false

    init(visibility: Visibility, queues: [AskQueue], answers: [[AnswerStore]]) {
        self.visibility = visibility
        self.queues = queues
        self.answers = answers
        counts = queues.map { _ in [:] }
    }

    /// Takes rows of a view from one of the threads.
    func take(_ rows: RowBuffer, view: Int, thread: Int) throws(WorkerError) {
        let taken = try answers[view][thread].take(rows)
        monitor.locked {
            for (block, count) in taken { counts[view][block, default: 0] += count }
            monitor.wakeAll()
        }
    }

    /// No more rows will come.
    func end() {
        monitor.locked {
            isOver = true
            monitor.wakeAll()
        }
    }

    /// Waits until so many rows of a block were answered in every view; false where they will not be.
    func waitFor(block: Int, rows: Int) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        while !counts.allSatisfy({ $0[block] ?? 0 >= rows }) {
            if isOver { return false }
            monitor.wait()
        }
        return true
    }
}

extension Dispatcher {
    /// Sends the rows that the watermarks are about to pass.
    func ask(_ join: JoinTask, _ watermarks: [EventTime]) throws(WorkerError) {
        var messages: [[ShardEvents]] = threads.map { _ in [] }
        for view in join.queues.indices {
            var open: [EventBatch?] = Array(repeating: nil, count: sliceCount)
            func close(_ slice: Int) {
                guard let batch = open[slice] else { return }
                open[slice] = nil
                let shard = ShardID(view: view, slice: slice)
                messages[thread(of: shard)].append(ShardEvents(shard: shard, events: batch))
            }
            try unsafe join.queues[view].take(through: watermarks[view].microseconds) { time, number, hash, key in
                let slice = EventRouter.slice(of: hash, of: sliceCount)
                let batch = open[slice] ?? context.askBatches.take()
                open[slice] = batch
                batch.times[batch.count] = time
                batch.partitions[batch.count] = 0
                batch.offsets[batch.count] = number
                batch.hashes[batch.count] = hash
                batch.keys[batch.count] = unsafe batch.text.append(key).word
                batch.count += 1
                if batch.count == batch.capacity {
                    close(slice)
                    // What waits to be sent is bounded.
                    send(&messages)
                }
            }
            for slice in open.indices { close(slice) }
        }
        send(&messages)
    }

    private func send(_ messages: inout [[ShardEvents]]) {
        for index in messages.indices where !messages[index].isEmpty {
            threads[index].inbox.send(.asks(messages[index]))
            messages[index] = []
        }
    }
}
