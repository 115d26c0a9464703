internal import Engine
internal import Pipelines
internal import Records
internal import Store
internal import Windows

/// Routes a source's records to the shards that own their entities, each shard on one thread.
final class Dispatcher {
    let context: ShardContext
    let threads: [ShardThread]
    let sliceCount: Int
    private var threadOf: [ShardID: Int] = [:]
    private var load: [Double]
    /// The batch that is being filled, by view and slice.
    private var open: [[EventBatch?]]
    private var turns: [[ShardEvents]]

    init(_ context: ShardContext, threads: [ShardThread], sliceCount: Int) {
        self.context = context
        self.threads = threads
        self.sliceCount = sliceCount
        load = Array(repeating: 0, count: threads.count)
        open = Array(repeating: [], count: context.programs.count)
        turns = Array(repeating: [], count: threads.count)
        // The slices of exchanged views are known beforehand: place them first, so that their places never depend on input.
        for view in context.programs.indices where context.programs[view].plan.isPartitionedByEntity {
            _ = thread(of: ShardID(view: view, slice: 0))
        }
        for view in context.programs.indices where !context.programs[view].plan.isPartitionedByEntity {
            for slice in 0..<sliceCount { _ = thread(of: ShardID(view: view, slice: slice)) }
        }
    }

    /// The thread of a shard: where it first belongs, the one that has least to do.
    func thread(of shard: ShardID) -> Int {
        if let thread = threadOf[shard] { return thread }
        let thread = load.indices.min { load[$0] < load[$1] }!
        load[thread] += context.programs[shard.view].plan.isPartitionedByEntity ? 1 : 1 / Double(sliceCount)
        threadOf[shard] = thread
        return thread
    }

    /// Sends a task's records on as events, with the watermarks that hold once they are applied.
    ///
    /// - Parameter receivedAt: when the records came, in monotonic microseconds, where their latency is to be counted.
    func dispatch(_ task: SourceTask, watermarks: [EventTime], receivedAt: Int64?) throws(WorkerError) {
        var timing: TurnTiming?
        if let receivedAt, task.records.count > 0 {
            timing = TurnTiming(receivedAt: receivedAt, task.records, threadCount: threads.count)
        }
        if task.keepsArchive, task.records.count > 0 {
            let events = context.archiveBuffers.filled(task.records, source: task.index)
            threads[task.index % threads.count].inbox.send(.archive(events, source: task.index))
        }
        try fillTurns(task)
        for (index, thread) in threads.enumerated() {
            thread.inbox.send(.turn(turns[index], watermarks: watermarks, timing: timing))
            turns[index] = []
        }
    }

    /// Takes a task's records as events into each thread's part of the turn.
    private func fillTurns(_ task: SourceTask) throws(WorkerError) {
        try task.route(sliceCount: sliceCount) { view, slice in
            if slice < open[view].count, let batch = open[view][slice] { return batch }
            while open[view].count <= slice { open[view].append(nil) }
            let batch = context.batches[view].take()
            open[view][slice] = batch
            return batch
        }
        for view in open.indices {
            for slice in open[view].indices {
                guard let batch = open[view][slice] else { continue }
                open[view][slice] = nil
                let shard = ShardID(view: view, slice: slice)
                turns[thread(of: shard)].append(ShardEvents(shard: shard, events: batch))
            }
        }
    }

    /// Asks the shards for those of a task's records that they have already. The records are gone then. Waits for the answer.
    func known(_ task: SourceTask, _ probe: LetterProbe) throws -> Set<LetterProbe.Origin> {
        try fillTurns(task)
        probe.ask(threads.count)
        for (index, thread) in threads.enumerated() {
            thread.inbox.send(.probe(turns[index], probe))
            turns[index] = []
        }
        return try probe.wait(context.failure)
    }
}
