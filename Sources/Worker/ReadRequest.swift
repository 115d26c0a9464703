internal import Engine
internal import Pipelines
internal import Records

/// A question for an entity's values, on its way to the threads that may own the entity's shard.
final class ReadRequest: @unchecked Sendable {
    struct Answer {
        var values: FeatureValues
        /// Events up to here have left the entity's log, and the values need some of them.
        var missingThrough: EventTime?
    }

    let view: Int
    let at: EventTime
    /// The slice that owns the entity; nil where only the producer knows.
    let slice: Int?
    private let hash: UInt64
    private let key: TextArena
    private let monitor = Monitor()
    private var answersExpected: Int
    private var isRefused = false
    private var found: Answer?
    /// Where nobody knows the entity: it may be one whose newest event was at or before it, and was dropped.
    private var expiredThrough = EventTime.distantPast

    init(
        _ program: ViewProgram, view: Int, key fields: [String], at: EventTime, sliceCount: Int, answersExpected: Int
    ) throws(WorkerError) {
        self.view = view
        self.at = at
        self.answersExpected = answersExpected
        var key = TextArena(capacity: 64)
        guard EntityKey.parse(fields, types: program.entityTypes, into: &key) else {
            let types = program.entityTypes.map(\.description).joined(separator: ", ")
            throw WorkerError(
                "view \(program.plan.name): \(fields.joined(separator: " ")) is no entity; expected \(types)", isInput: true)
        }
        hash = unsafe EntityKey.hash(key.bytes(TextReference(offset: 0, length: key.count)))
        slice = program.plan.isPartitionedByEntity ? nil : EventRouter.slice(of: hash, of: sliceCount)
        self.key = key
    }

    func withKey<R>(_ body: (UInt64, UnsafeRawBufferPointer) -> R) -> R {
        unsafe body(hash, key.bytes(TextReference(offset: 0, length: key.count)))
    }

    /// The row that a shard wrote, which empties the buffer.
    func values(_ program: ViewProgram, _ rows: RowBuffer) -> FeatureValues {
        defer { rows.removeAll() }
        let values = zip(program.plan.values, rows.values).map { plan, column in
            (name: plan.name, value: FeatureValue(column, row: 0, texts: rows.text))
        }
        return FeatureValues(at: at, values: values)
    }

    /// One thread's answer; nil if it does not know the entity.
    ///
    /// - Parameter expiredThrough: the newest event time of which the shards that were asked may have dropped entities.
    func answer(_ answer: Answer?, expiredThrough: EventTime) {
        monitor.locked {
            if let answer { found = answer }
            self.expiredThrough = max(self.expiredThrough, expiredThrough)
            answersExpected -= 1
            monitor.wakeAll()
        }
    }

    /// A thread that was asked has ended, and does not answer.
    func refuse() {
        monitor.locked {
            isRefused = true
            monitor.wakeAll()
        }
    }

    /// Waits for all answers. An entity that nobody knows has the values of empty windows, as long as these do not reach back to
    /// where it may have been forgotten.
    func wait(_ program: ViewProgram) throws(WorkerError) -> FeatureValues {
        monitor.lock()
        defer { monitor.unlock() }
        while answersExpected > 0 && !isRefused { monitor.wait() }
        // Without one of them, an entity that is there would look like one that is not.
        if isRefused { throw WorkerError("the worker has ended") }
        let answer = found ?? unknown(program)
        if let missing = answer.missingThrough {
            throw WorkerError(
                "view \(program.plan.name): values at \(at.rfc3339()) need events from \(program.reach(at: at).rfc3339()) on, but those"
                    + " up to \(missing.rfc3339()) have left the state", isInput: true)
        }
        return answer.values
    }

    private func unknown(_ program: ViewProgram) -> Answer {
        var shard = Shard(program, slice: 0, hasColdEntities: false)
        shard.expiredThrough = expiredThrough
        let rows = RowBuffer(entity: [], values: program.valueTypes, capacity: 1)
        let missing = shard.read(nil, at: at, rows: rows)
        return Answer(values: values(program, rows), missingThrough: missing)
    }
}
