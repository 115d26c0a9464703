internal import Engine
internal import History
internal import Kafka
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
    /// Whether another run will go on where this one ends: what a partition may bring then is not taken to be over at its end.
    var goesOn = false
    var decoder: JSONDecoder
    let records: RecordBatch
    private let expressions: ExpressionEvaluator
    /// Whether the records go to the archive too, with all fields.
    let keepsArchive: Bool
    let routers: [(view: Int, router: EventRouter)]
    private(set) var partitions: [Int32: PartitionProgress] = [:]
    /// The partition whose records come at the moment, -1 for none: it is kept out of the dictionary while they come in a row.
    var currentPartition: Int32 = -1
    var current = PartitionProgress(lastRecordAt: 0)
    private let deadLetters: DeadLetters
    private let samples: KeySamples?
    var applied: UInt64 = 0
    /// Those of the applied records that were late.
    var lateApplied: UInt64 = 0
    /// Of the records that are gathered.
    var late: [LateRecord] = []
    /// In the order of `RejectionReason`.
    var rejected = [UInt64](repeating: 0, count: RejectionReason.allCases.count)
    /// Applied records first, then rejected ones in the order of `RejectionReason`.
    var counters: [UInt64] { [applied] + rejected }
    private var emitted = EventTime.distantPast
    /// As last asked for.
    var lastWatermark: EventTime { emitted }
    /// The watermark does not pass it.
    var watermarkMax = EventTime.distantFuture
    private let outOfOrderness: TimeSpan
    let appliesLate: Bool
    /// Of the views that read the source: how far behind a watermark late events enter them.
    let closings: [ViewProgram]
    let entityDecimals: [Int]

    /// - Parameter hasLog: whether there is a place for an archive.
    init(
        _ plan: SourcePlan, index: Int, views: [(index: Int, program: ViewProgram)], deadLetters: DeadLetters, hasLog: Bool
    ) {
        self.plan = plan
        self.index = index
        self.deadLetters = deadLetters
        keepsArchive = plan.archive && hasLog
        var fields = plan.fields
        if keepsArchive { for field in fields.indices { fields[field].stored = true } }
        decoder = JSONDecoder(fields: fields, eventTime: plan.eventTime)
        records = RecordBatch(types: plan.fields.map(\.type), capacity: Bounds.batchRecords)
        expressions = ExpressionEvaluator(
            EventRouter.expressions(of: views.map(\.program.plan)), capacity: Bounds.batchRecords)
        var first = 0
        closings = views.map(\.program)
        routers = views.map { ($0.index, EventRouter($0.program, firstExpression: &first)) }
        outOfOrderness = plan.outOfOrderness
        appliesLate = plan.late == .apply
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
        // A state that an earlier version wrote knows of no late events that were applied.
        if state.counters.count >= counters.count {
            applied = state.counters[0]
            rejected = Array(state.counters[1..<counters.count])
            lateApplied = state.counters.count > counters.count ? state.counters[counters.count] : 0
        }
    }

    var state: Checkpoint.Source {
        store()
        var state = Checkpoint.Source()
        for (partition, progress) in partitions {
            state.positions[partition] = Checkpoint.Position(nextOffset: progress.nextOffset, newest: progress.newest)
        }
        state.counters = counters + [lateApplied]
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

    func newest(of partition: Int32) -> EventTime? {
        if partition == currentPartition { return current.newest }
        return partitions[partition]?.newest
    }

    /// A partition gives no more for now.
    ///
    /// - Parameter end: up to where all was given, where that is known. Behind the last record there may be markers of transactions, and
    ///   what these took back: the position is past them, lest it look lost once retention has come there.
    /// - Returns: whether the position moved.
    @discardableResult
    func reachedEnd(_ partition: Int32, at end: Int64 = 0, isFinished: Bool) -> Bool {
        store()
        guard var progress = partitions[partition] else { return false }
        // What a finished one still gives is not taken.
        let moves = end > progress.nextOffset && !progress.isFinished
        if moves { progress.nextOffset = end }
        progress.isAtEnd = true
        progress.isFinished = progress.isFinished || isFinished
        partitions[partition] = progress
        return moves
    }

    /// Reads a partition, of which nothing was read yet, from an offset on.
    func start(_ partition: Int32, at offset: Int64) {
        store()
        partitions[partition]?.nextOffset = offset
    }

    func isFinished(_ partition: Int32) -> Bool {
        store()
        return partitions[partition]?.isFinished ?? false
    }

    /// Whether more of a partition is known to be there, or may be.
    func hasMore(_ partition: Int32) -> Bool {
        store()
        return partitions[partition].map { !$0.isFinished && !$0.isAtEnd } ?? false
    }

    func watermark(of partition: Int32) -> EventTime { newest(of: partition).map { $0 - outOfOrderness } ?? .distantPast }

    /// The instant at or before which no record of a partition can enter any view any more.
    func closed(_ partition: Int32) -> EventTime { closed(at: watermark(of: partition)) }
    /// Of the partition whose record came last.
    var currentClosed: EventTime { closed(at: currentWatermark) }

    private func closed(at watermark: EventTime) -> EventTime {
        guard appliesLate else { return watermark }
        return closings.reduce(watermark) { min($0, $1.closed(at: watermark)) }
    }

    /// Of the partition whose record came last: its watermark, and its newest event time if it has one.
    var currentWatermark: EventTime { current.newest - outOfOrderness }
    var currentNewest: EventTime? { current.newest > .distantPast ? current.newest : nil }

    /// The least of the newest event times of the partitions that have more to give. One at its end does not count, nor, in a
    /// live run, one that has been silent for the idle timeout, whatever the reason.
    func leastNewest(now: Int64?) -> EventTime {
        store()
        var least = EventTime.distantFuture
        for progress in partitions.values where !progress.isFinished && !progress.isAtEnd {
            if let now, now - progress.lastRecordAt >= plan.idleTimeout.microseconds { continue }
            least = min(least, progress.newest)
        }
        return least
    }

    var isFinished: Bool {
        store()
        return partitions.values.allSatisfy(\.isFinished)
    }

    var isFull: Bool { records.count >= Bounds.batchRecords }

    /// Puts the partition at hand back among the others.
    private func store() {
        if currentPartition >= 0 { partitions[currentPartition] = current }
        currentPartition = -1
    }

    func turn(to partition: Int32, now: Int64) {
        store()
        current = partitions[partition] ?? PartitionProgress(lastRecordAt: now)
        // It counts among the partitions from its first record on.
        partitions[partition] = current
        currentPartition = partition
    }

    /// Decodes one record. Bad, far-ahead and late ones go to the dead letters.
    ///
    /// - Parameters:
    ///   - limit: what its event time may not pass: its own time stamp or the run's start, plus the allowance.
    func accept(
        _ raw: RawRecord, partition: Int32, offset: Int64, timestamp: EventTime?, limit: EventTime,
        key: UnsafeRawBufferPointer?, headers: LentHeaders? = nil, now: Int64
    ) throws(WorkerError) {
        if currentPartition != partition { turn(to: partition, now: now) }
        guard offset >= current.nextOffset else { return }
        advance(past: offset, now: now)
        let row = records.count
        let rejection = unsafe decoder.decode(raw, into: records) ?? check(row, limit: limit)
        if let rejection {
            unsafe try setAside(row, rejection, partition, offset, timestamp, key: key, value: raw.value, headers: headers)
        } else {
            apply(row, partition, offset, timestamp)
        }
    }

    /// Takes one event of an archive, as `accept` takes a record.
    ///
    /// - Parameter limit: as of `accept`, for events without a time stamp of their own.
    func accept(_ event: ArchiveEvent, limit: EventTime, now: Int64) throws(WorkerError) {
        let (partition, offset, timestamp) = (event.partition, event.offset, event.timestamp)
        if currentPartition != partition { turn(to: partition, now: now) }
        guard offset >= current.nextOffset else { return }
        advance(past: offset, now: now)
        let row = records.count
        let rejection = event.copy(to: records) ?? check(row, limit: timestamp.map { $0 + plan.maxAhead } ?? limit)
        if let rejection {
            unsafe try setAside(row, rejection, partition, offset, timestamp, key: nil, value: nil, headers: nil)
        } else {
            apply(row, partition, offset, timestamp)
        }
    }

    @inline(__always)
    private func advance(past offset: Int64, now: Int64) {
        current.nextOffset = offset + 1
        current.lastRecordAt = now
        current.isAtEnd = false
    }

    private func setAside(
        _ row: Int, _ rejection: Rejection, _ partition: Int32, _ offset: Int64, _ timestamp: EventTime?,
        key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?, headers: LentHeaders?
    ) throws(WorkerError) {
        records.count = row
        rejected[SourceTask.counter(rejection.reason)] += 1
        let letter = DeadLetter(
            source: plan.name, topic: plan.topic, partition: partition, offset: offset, timestamp: timestamp,
            watermark: currentNewest.map { _ in currentWatermark }, reason: rejection.reason.rawValue, error: rejection.error)
        unsafe try deadLetters.add(letter, key: key, value: value, headers: headers)
    }

    static func counter(_ reason: RejectionReason) -> Int { RejectionReason.allCases.firstIndex(of: reason)! }

    var eventTimeName: String { plan.fields[plan.eventTime].name }

    @inline(__always)
    private func apply(_ row: Int, _ partition: Int32, _ offset: Int64, _ timestamp: EventTime?) {
        applied += 1
        if appliesLate && isLate(EventTime(microseconds: records.times[row])) {
            lateApplied += 1
            late.append(LateRecord(row: row, watermark: currentWatermark))
        }
        place(row, EventTime(microseconds: records.times[row]), partition, offset, timestamp)
    }

    @inline(__always)
    func place(_ row: Int, _ time: EventTime, _ partition: Int32, _ offset: Int64, _ timestamp: EventTime?) {
        current.newest = max(current.newest, time)
        records.partitions[row] = partition
        records.offsets[row] = offset
        records.timestamps[row] = timestamp?.microseconds ?? 0
    }

    /// What keeps a decoded record out: it is ahead, late by its partition's watermark, or its entity has no form in the log.
    @inline(__always)
    private func check(_ row: Int, limit: EventTime) -> Rejection? {
        let time = EventTime(microseconds: records.times[row])
        if time > limit { return ahead(time, limit) }
        if isLate(time) && (!appliesLate || time <= currentClosed) { return lateRejection(time) }
        return entityDecimals.isEmpty ? nil : checkDecimals(row)
    }

    func ahead(_ time: EventTime, _ limit: EventTime) -> Rejection {
        Rejection(
            .ahead,
            "field \(eventTimeName): \(time.rfc3339()) lies past \(limit.rfc3339()), the furthest allowed")
    }

    /// The first record of a partition is never late.
    @inline(__always)
    private func isLate(_ time: EventTime) -> Bool { current.newest > .distantPast && time <= currentWatermark }

    private func lateRejection(_ time: EventTime) -> Rejection {
        let reach = appliesLate ? ", nor within reach of a view's windows" : ""
        return Rejection(
            .late,
            "field \(eventTimeName): \(time.rfc3339()) is not after the watermark"
                + " \(currentWatermark.rfc3339())\(reach)")
    }

    func checkDecimals(_ row: Int) -> Rejection? {
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
    func route(sliceCount: Int, target: (_ view: Int, _ slice: Int) -> EventBatch) throws(WorkerError) {
        guard records.count > 0 else { return }
        // One partition keeps every promise.
        if partitions.count > 1 { try samples?.check(records) }
        expressions.evaluate(records)
        for (view, router) in routers {
            router.route(
                records, expressions, sliceCount: router.program.plan.isPartitionedByEntity ? nil : sliceCount, late: late
            ) { target(view, $0) }
        }
        late.removeAll(keepingCapacity: true)
        records.removeAll()
    }

    /// The minimum of the partitions' watermarks. A finished partition does not hold it back unless its run goes on, nor, in a live run, one that
    /// was read to its end and has been silent for the idle timeout. It never goes back.
    func watermark(now: Int64?) -> EventTime {
        store()
        var least = EventTime.distantFuture
        var greatest = EventTime.distantPast
        var holds = false
        for progress in partitions.values {
            let own = progress.newest > .distantPast ? progress.newest - plan.outOfOrderness : .distantPast
            greatest = max(greatest, own)
            if progress.isFinished && !(goesOn && progress.newest > .distantPast) { continue }
            if let now, progress.isAtEnd, now - progress.lastRecordAt >= plan.idleTimeout.microseconds { continue }
            holds = true
            least = min(least, own)
        }
        if partitions.isEmpty { return emitted }
        // Where all is silent in a live run, the partition that is furthest is the last that holds; where nobody goes on, it is the
        // end.
        if !holds && (now != nil || goesOn) { least = greatest }
        least = min(least, watermarkMax)
        if least > emitted { emitted = least }
        return emitted
    }

    /// Rows up to `watermark` are out already: it goes on from there, wherever the partitions are.
    func raiseWatermark(to watermark: EventTime) { emitted = max(emitted, watermark) }

    /// The newest event time of all partitions.
    var newest: EventTime {
        store()
        return partitions.values.map(\.newest).max() ?? .distantPast
    }
}
