import Kafka
import Synchronization

@testable import Worker

/// A topic with transactions, in memory: it outlives workers, fences all but the last, and stops them at a step that is asked for.
final class EmittedTopic: Sendable {
    struct Row: Hashable, Comparable {
        var key: String
        var value: String

        static func < (a: Row, b: Row) -> Bool { (a.key, a.value) < (b.key, b.value) }
    }

    private struct State {
        var rows: [Row] = []
        var positions: [TopicPartition: CommittedPosition] = [:]
        var owner = 0
        var steps = 0
        var crashAfter = Int.max
        var commits = 0
        /// How often a life ended at which kind of step.
        var crashes: [String: Int] = [:]
    }

    private let state = Mutex(State())

    /// What readers with `read_committed` have got.
    var rows: [Row] { state.withLock { $0.rows } }
    var commits: Int { state.withLock { $0.commits } }
    var crashes: [String: Int] { state.withLock { $0.crashes } }
    func nextOffset(_ partition: TopicPartition) -> Int64? { state.withLock { $0.positions[partition]?.nextOffset } }

    /// The next step but `count` ends the worker.
    func crash(after count: Int) {
        state.withLock {
            $0.steps = 0
            $0.crashAfter = count
        }
    }

    func forgetPositions() { state.withLock { $0.positions = [:] } }

    func change(_ body: (inout CommittedPosition) -> Void) {
        state.withLock { state in for key in state.positions.keys { body(&state.positions[key]!) } }
    }

    fileprivate func open() -> (owner: Int, positions: [CommittedPosition]) {
        state.withLock {
            $0.owner += 1
            return ($0.owner, Array($0.positions.values))
        }
    }

    fileprivate func step(_ kind: String, of owner: Int) throws(WorkerError) {
        let why: String? = state.withLock {
            if owner != $0.owner { return "fenced" }
            $0.steps += 1
            guard $0.steps > $0.crashAfter else { return nil }
            $0.crashAfter = .max
            $0.crashes[kind, default: 0] += 1
            return "crash at \(kind)"
        }
        if let why { throw WorkerError(why) }
    }

    fileprivate func commit(_ rows: [Row], _ positions: [CommittedPosition]) {
        state.withLock {
            $0.rows += rows
            for position in positions { $0.positions[position.partition] = position }
            $0.commits += 1
        }
    }
}

/// One worker's way to an `EmittedTopic`.
final class EmittedTopicTarget: EmitTarget, @unchecked Sendable {
    private let topic: EmittedTopic
    private var owner = 0
    private var open: [EmittedTopic.Row] = []

    init(_ topic: EmittedTopic) { self.topic = topic }

    func open(_ topics: [String: Set<Int32>], shouldStop: () -> Bool) throws(WorkerError) -> [CommittedPosition]? {
        let (owner, positions) = topic.open()
        self.owner = owner
        return positions.filter { topics.keys.contains($0.partition.topic) }
    }

    func send(_ batch: EmitBatch) throws(WorkerError) {
        try topic.step("send", of: owner)
        for message in batch.messages {
            unsafe batch.withMessage(message) { key, value in
                open.append(
                    EmittedTopic.Row(
                        key: unsafe String(decoding: key, as: UTF8.self), value: unsafe String(decoding: value, as: UTF8.self)))
            }
        }
    }

    func commit(_ positions: [CommittedPosition]) throws(WorkerError) {
        try topic.step("before the transaction's commit", of: owner)
        topic.commit(open, positions)
        open = []
        try topic.step("between the transaction's commit and the state's", of: owner)
    }

    func abort() { open = [] }
}
