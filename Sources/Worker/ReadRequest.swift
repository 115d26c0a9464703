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
    private var found: Answer?
    /// What may have left the shards that do not know the entity.
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

    /// One thread's answer; nil if it does not know the entity, or does not any more.
    func answer(_ answer: Answer?, expiredThrough: EventTime) {
        monitor.locked {
            if let answer { found = answer }
            self.expiredThrough = max(self.expiredThrough, expiredThrough)
            answersExpected -= 1
            monitor.wakeAll()
        }
    }

    /// Waits for all answers. An entity that nobody knows has the values of empty windows.
    func wait(_ program: ViewProgram) throws(WorkerError) -> FeatureValues {
        monitor.lock()
        defer { monitor.unlock() }
        while answersExpected > 0 { monitor.wait() }
        return try ReadRequest.result(found, program, self, expiredThrough: expiredThrough)
    }

    static func result(
        _ found: Answer?, _ program: ViewProgram, _ request: ReadRequest, expiredThrough: EventTime
    ) throws(WorkerError) -> FeatureValues {
        let found = found ?? nobody(program, request, expiredThrough)
        if let missing = found.missingThrough {
            throw WorkerError(
                "view \(program.plan.name): values at \(request.at.rfc3339()) need events from"
                    + " \(program.reach(at: request.at).rfc3339()) on, but those up to \(missing.rfc3339()) have left the state",
                isInput: true)
        }
        return found.values
    }

    private static func nobody(_ program: ViewProgram, _ request: ReadRequest, _ expiredThrough: EventTime) -> Answer {
        var shard = Shard(program, slice: 0, hasColdEntities: false)
        shard.expiredThrough = expiredThrough
        let rows = RowBuffer(entity: [], values: program.valueTypes, capacity: 1)
        let missing = shard.read(nil, at: request.at, rows: rows)
        return Answer(values: request.values(program, rows), missingThrough: missing)
    }
}
