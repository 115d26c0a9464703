internal import Engine
internal import Pipelines
internal import Records
internal import Store
internal import Windows

/// How far one partition of a source was read, and when it last gave a record.
struct PartitionProgress {
    var nextOffset: Int64 = 0
    var newest = EventTime.distantPast
    /// Monotonic microseconds of the last record.
    var lastRecordAt: Int64
    /// Read to its end; in a live run more may come.
    var isAtEnd = false
    /// Read to the end that a bounded run was given.
    var isFinished = false
}

/// One source on its way into the shards: decodes records, sets the bad and the late ones aside, and routes the rest.
final class SourceTask {
    let plan: SourcePlan
    let index: Int
    private var decoder: JSONDecoder
    let records: RecordBatch
    private let expressions: ExpressionEvaluator
    let routers: [(view: Int, router: EventRouter)]
    private(set) var partitions: [Int32: PartitionProgress] = [:]
    private var current: (partition: Int32, progress: PartitionProgress)?
    private let deadLetters: DeadLetters
    private let samples: KeySamples?
    /// Applied records first, then rejected ones in the order of `RejectionReason`.
    private(set) var counters = [UInt64](repeating: 0, count: 1 + RejectionReason.allCases.count)
    private var emitted = EventTime.distantPast
    /// As last asked for.
    var lastWatermark: EventTime { emitted }
    private let entityDecimals: [Int]

    init(_ plan: SourcePlan, index: Int, views: [(index: Int, program: ViewProgram)], deadLetters: DeadLetters) {
        self.plan = plan
        self.index = index
        self.deadLetters = deadLetters
        decoder = JSONDecoder(fields: plan.fields, eventTime: plan.eventTime)
        records = RecordBatch(types: plan.fields.map(\.type), capacity: Bounds.batchRecords)
        expressions = ExpressionEvaluator(
            EventRouter.expressions(of: views.map(\.program.plan)), capacity: Bounds.batchRecords)
        var first = 0
        routers = views.map { ($0.index, EventRouter($0.program, firstExpression: &first)) }
        samples = plan.key.map { KeySamples(field: plan.fields[$0].name, source: plan.name, column: $0) }
        entityDecimals = Set(views.flatMap(\.program.plan.entity)).sorted().filter {
            if case .decimal = plan.fields[$0].type { true } else { false }
        }
    }

    /// Takes up what the last commit fixed.
    func restore(_ state: Checkpoint.Source, now: Int64) {
        for (partition, position) in state.positions {
            partitions[partition] = PartitionProgress(
                nextOffset: position.nextOffset, newest: position.newest, lastRecordAt: now)
        }
        if state.counters.count == counters.count { counters = state.counters }
    }

    var state: Checkpoint.Source {
        store()
        var state = Checkpoint.Source()
        for (partition, progress) in partitions {
            state.positions[partition] = Checkpoint.Position(nextOffset: progress.nextOffset, newest: progress.newest)
        }
        state.counters = counters
        return state
    }

    func addPartition(_ partition: Int32, now: Int64) {
        guard partitions[partition] == nil else { return }
        partitions[partition] = PartitionProgress(lastRecordAt: now)
    }

    func nextOffset(of partition: Int32) -> Int64? {
        store()
        return partitions[partition]?.nextOffset
    }

    func reachedEnd(_ partition: Int32, isFinished: Bool) {
        store()
        partitions[partition]?.isAtEnd = true
        if isFinished { partitions[partition]?.isFinished = true }
    }

    var isFinished: Bool {
        store()
        return partitions.values.allSatisfy(\.isFinished)
    }

    var isFull: Bool { records.count >= Bounds.batchRecords }

    /// Keeps the partition at hand out of the dictionary while its records come in a row.
    private func store() {
        if let current { partitions[current.partition] = current.progress }
        current = nil
    }

    /// Decodes one record. Bad, far-ahead and late ones go to the dead letters.
    ///
    /// - Parameters:
    ///   - limit: what its event time may not pass: its own time stamp or the run's start, plus the allowance.
    func accept(
        _ raw: RawRecord, partition: Int32, offset: Int64, timestamp: EventTime?, limit: EventTime,
        key: UnsafeRawBufferPointer?, now: Int64
    ) throws(WorkerError) {
        if current?.partition != partition {
            store()
            current = (partition, partitions[partition] ?? PartitionProgress(lastRecordAt: now))
        }
        guard offset >= current!.progress.nextOffset else { return }
        current!.progress.nextOffset = offset + 1
        current!.progress.lastRecordAt = now
        current!.progress.isAtEnd = false

        let row = records.count
        var rejection = unsafe decoder.decode(raw, into: records)
        if rejection == nil {
            rejection = check(row, limit: limit, newest: current!.progress.newest)
            if rejection != nil { records.count = row }
        }
        if let rejection {
            counters[1 + RejectionReason.allCases.firstIndex(of: rejection.reason)!] += 1
            unsafe try deadLetters.add(
                rejection, source: plan.name, topic: plan.topic, partition: partition, offset: offset, timestamp: timestamp,
                key: key, value: raw.value)
            return
        }
        counters[0] += 1
        let time = EventTime(microseconds: records.times[row])
        if time > current!.progress.newest { current!.progress.newest = time }
        records.partitions[row] = partition
        records.offsets[row] = offset
        records.timestamps[row] = timestamp?.microseconds ?? 0
        // One partition keeps every promise.
        if partitions.count > 1, let samples, let error = samples.check(records, row: row) { throw error }
    }

    private func check(_ row: Int, limit: EventTime, newest: EventTime) -> Rejection? {
        let time = EventTime(microseconds: records.times[row])
        if time > limit {
            return Rejection(
                .ahead,
                "field \(plan.fields[plan.eventTime].name): \(time.rfc3339()) lies past \(limit.rfc3339()), the furthest allowed")
        }
        let watermark = newest - plan.outOfOrderness
        if newest > .distantPast && time <= watermark {
            return Rejection(
                .late,
                "field \(plan.fields[plan.eventTime].name): \(time.rfc3339()) is not after the watermark \(watermark.rfc3339())")
        }
        for field in entityDecimals {
            // The offline log's decimals have 18 digits.
            let word = records.columns[field].words[row]
            if word.magnitude >= 1_000_000_000_000_000_000 {
                return Rejection(.outOfRange, "field \(plan.fields[field].name): an entity's decimal has at most 18 digits")
            }
        }
        return nil
    }

    /// The records gathered so far, as events of each view: `target` gives the batch of a view and slice.
    func route(sliceCount: Int, target: (_ view: Int, _ slice: Int) -> EventBatch) {
        guard records.count > 0 else { return }
        expressions.evaluate(records)
        for (view, router) in routers {
            router.route(
                records, expressions, sliceCount: router.program.plan.isPartitionedByEntity ? nil : sliceCount
            ) { target(view, $0) }
        }
        records.removeAll()
    }

    /// The minimum of the partitions' watermarks. A finished partition does not hold it back, nor, in a live run, one that
    /// was read to its end and has been silent for the idle timeout. It never goes back.
    func watermark(now: Int64?) -> EventTime {
        store()
        var least = EventTime.distantFuture
        var greatest = EventTime.distantPast
        var holds = false
        for progress in partitions.values {
            let own = progress.newest > .distantPast ? progress.newest - plan.outOfOrderness : .distantPast
            greatest = max(greatest, own)
            if progress.isFinished { continue }
            if let now, progress.isAtEnd, now - progress.lastRecordAt >= plan.idleTimeout.microseconds { continue }
            holds = true
            least = min(least, own)
        }
        if partitions.isEmpty { return emitted }
        // Where all is silent in a live run, the partition that is furthest is the last that holds; in a bounded run it is the end.
        if !holds && now != nil { least = greatest }
        if least > emitted { emitted = least }
        return emitted
    }

    /// The newest event time of all partitions.
    var newest: EventTime {
        store()
        return partitions.values.map(\.newest).max() ?? .distantPast
    }
}

/// Holds a producer to its promise that a topic is partitioned by a field: a bounded sample of values and their partitions.
final class KeySamples {
    private let field: String
    private let source: String
    private let column: Int
    private let hashes: Lane<UInt64>
    private let partitions: Lane<Int32>

    init(field: String, source: String, column: Int) {
        self.field = field
        self.source = source
        self.column = column
        hashes = .allocate(Bounds.keySamples, repeating: 0)
        partitions = .allocate(Bounds.keySamples, repeating: -1)
    }

    deinit {
        hashes.deallocate()
        partitions.deallocate()
    }

    func check(_ records: RecordBatch, row: Int) -> WorkerError? {
        let word = records.columns[column].words[row]
        let isText = records.columns[column].type == .string
        let hash =
            isText
            ? unsafe EntityKey.hash(records.text.bytes(TextReference(word: word)))
            : UInt64(bitPattern: word) &* 0x9E37_79B9_7F4A_7C15
        let slot = Int(hash >> 48) & (Bounds.keySamples - 1)
        let partition = records.partitions[row]
        if partitions[slot] < 0 {
            hashes[slot] = hash
            partitions[slot] = partition
        } else if hashes[slot] == hash && partitions[slot] != partition {
            let value = isText ? records.text.string(TextReference(word: word)) : String(word)
            return WorkerError(
                "source \(source): \(field) \(value) is in partitions \(partitions[slot]) and \(partition) of the topic, so the topic"
                    + " is not partitioned by it; take `key: \(field)` out of the pipeline file, or mend the producer",
                isInput: true)
        }
        return nil
    }
}
