internal import Pipelines
public import Records
public import Windows

/// One slice of a view's key space: the unit of state, of parallelism and of moving.
///
/// # Contract
/// - *Order*: events of one entity are applied in the order of their partition's offsets; the caller keeps it.
/// - *Residence*: `apply` and `finish` need the logs they touch in memory. `locate` and `collectReady` name those that are
///   not (`awaited`); the caller reads them from the store and hands each to `install`. The shard traps otherwise.
/// - *Rows*: the caller gives a buffer with room; `finish` takes several turns if there are more rows than room.
/// - *Purity*: no clock, no I/O, nothing of the batch size or of what is in memory shows in a row.
public struct Shard: ~Copyable {
    public let program: ViewProgram
    public let slice: Int
    var table = EntityTable()
    var pending = PendingRows()
    var evaluator: Evaluator
    /// Record of the entity of each event in the batch that was last located.
    var located: [UInt32] = []
    /// The same of the asked rows, where they come among events.
    var locatedAsks: [UInt32] = []
    private var ready: [PendingRow] = []
    private var readyFrom = 0
    /// Entities whose logs the caller is to bring.
    public internal(set) var awaited: [UInt32] = []
    var dirty: [UInt32] = []
    /// Stored chunks that are out of reach: the entity's record and the chunk's id.
    var removedChunks: [(entity: UInt32, chunk: UInt32)] = []
    private var removed: [UInt32] = []
    var clockHand = 0
    /// Bytes of entities and their logs in memory.
    public internal(set) var bytes = 0
    /// Rows at or before it are out; what no window can reach from there on may leave.
    public var finishedThrough = EventTime.distantPast
    /// The store may have dropped entities whose newest event is at or before it.
    public var expiredThrough = EventTime.distantPast
    /// Whether the store may hold entities that are not in memory; otherwise nothing is looked up there.
    public var hasColdEntities: Bool

    public init(_ program: ViewProgram, slice: Int, hasColdEntities: Bool) {
        self.program = program
        self.slice = slice
        self.hasColdEntities = hasColdEntities
        evaluator = Evaluator(program)
    }

    deinit {
        for index in 0..<table.recordCount where table.isUsed(index) {
            _ = table.entities[index].log.free(program.layout)
        }
    }

    /// Events that came behind the watermark, though not behind their own partition's: it had been idle, or was given more time
    /// than it had before. Rows that were out do not count them, and theirs lack what had left the log.
    public private(set) var behind = 0

    /// Bytes of keyed state in memory, the waiting rows included.
    public var bytesHeld: Int { bytes + pending.count * PendingRows.rowBytes }

    public var entityCount: Int { table.count }
    public var pendingCount: Int { pending.count }
    /// Entities that changed since the last commit.
    public var dirtyCount: Int { dirty.count }
    /// Sums of int64 that left its range and became null.
    public var overflows: Int { evaluator.overflows }

    /// Finds the entity of every event, and which logs have to be brought before `apply`.
    public mutating func locate(_ batch: EventBatch) {
        located.removeAll(keepingCapacity: true)
        for row in 0..<batch.count {
            table.prefetch(batch.hashes, row: row, of: batch.count)
            let key = unsafe batch.text.bytes(TextReference(word: batch.keys[row]))
            let index = unsafe entity(batch.hashes[row], key)
            want(index)
            located.append(UInt32(index))
        }
    }

    /// The record of an entity, made if there is none.
    @unsafe @inline(__always)
    mutating func entity(_ hash: UInt64, _ key: UnsafeRawBufferPointer) -> Int {
        let (index, isNew) = unsafe table.findOrInsert(hash, key, bytes: &bytes)
        if isNew && !hasColdEntities {
            table.entities[index].state.formUnion([.resident, .fresh])
            table.entities[index].log.trimmedThrough = expiredThrough.microseconds
        }
        return index
    }

    mutating func want(_ index: Int) {
        guard table.entities[index].state.isDisjoint(with: [.resident, .awaited]) else { return }
        table.entities[index].state.insert(.awaited)
        awaited.append(UInt32(index))
    }

    /// Applies the batch that was last located. In `arrival` mode each event's row is appended to `rows`.
    ///
    /// Requires: no log is awaited; in `arrival` mode, room for `batch.count` rows.
    public mutating func apply(_ batch: EventBatch, rows: RowBuffer) {
        precondition(awaited.isEmpty && located.count == batch.count, "locate and install come before apply")
        let layout = program.layout
        let mode = program.rowsOfEvents
        let horizon = program.horizon(at: finishedThrough)
        let finished = finishedThrough.microseconds
        let entities = table.entities
        for row in 0..<batch.count {
            prefetch(row, of: batch.count)
            let index = Int(located[row])
            let time = batch.times[row]
            insert(batch, row: row, index, horizon, layout)
            switch mode {
            case .immediate:
                if time <= finished { behind += 1 }
                appendRow(index, time: time, partition: batch.partitions[row], offset: batch.offsets[row], rows)
            case .waiting:
                entities[index].pending += 1
                if time <= finished { behind += 1 }
                pending.append(
                    PendingRow(
                        time: time, offset: batch.offsets[row], partition: batch.partitions[row], entity: UInt32(index)))
            case .none:
                break
            }
        }
        evaluator.lower(into: rows)
        located.removeAll(keepingCapacity: true)
    }

    /// Puts an event into the log of an entity.
    @inline(__always)
    mutating func insert(_ batch: EventBatch, row: Int, _ index: Int, _ horizon: LogHorizon, _ layout: LogLayout) {
        let entities = table.entities
        entities[index].log.insert(batch, row: row, horizon: horizon, removed: &removed, bytes: &bytes, layout)
        if !removed.isEmpty {
            for chunk in removed { removedChunks.append((UInt32(index), chunk)) }
            removed.removeAll(keepingCapacity: true)
        }
        let state = entities[index].state
        if !state.contains(.dirty) { dirty.append(UInt32(index)) }
        entities[index].state = state.subtracting(.fresh).union(state.contains(.fresh) ? .dirty : [.dirty, .recent])
    }

    /// Events ahead whose log's first line is asked for, and those whose other lines are: a wait for memory takes as long as a
    /// few events.
    private static let recordAhead = 32
    private static let headAhead = 16
    private static let eventsAhead = 8

    @inline(__always)
    private func prefetch(_ row: Int, of count: Int) {
        let (record, head, events) = (row &+ Shard.recordAhead, row &+ Shard.headAhead, row &+ Shard.eventsAhead)
        if record < count { table.entities.prefetch(Int(located[record])) }
        if head < count { table.entities[Int(located[head])].log.prefetchHead() }
        if events < count { table.entities[Int(located[events])].log.prefetchEvents(program.layout) }
    }

    /// Takes up the rows that the watermark has passed, if enough wait or `now` asks; names the logs that have to be brought.
    public mutating func collectReady(watermark: EventTime, now: Bool) {
        precondition(readyFrom == ready.count, "finish comes before the next collectReady")
        ready.removeAll(keepingCapacity: true)
        readyFrom = 0
        guard now || pending.isDue else { return }
        pending.takeReady(watermark.microseconds, into: &ready)
        for row in ready { want(Int(row.entity)) }
        if ready.isEmpty { finish(through: watermark) }
        collected = watermark
    }

    private var collected = EventTime.distantPast

    /// Appends rows that are ready, as many as there is room for. Gives false when all are out.
    ///
    /// Requires: no log is awaited.
    public mutating func finishRows(_ rows: RowBuffer) -> Bool {
        precondition(awaited.isEmpty, "install comes before finish")
        defer { evaluator.lower(into: rows) }
        while readyFrom < ready.count {
            if rows.room == 0 { return true }
            let row = ready[readyFrom]
            readyFrom += 1
            let index = Int(row.entity)
            table.entities[index].pending -= 1
            appendRow(index, time: row.time, partition: row.partition, offset: row.offset, rows)
        }
        if !ready.isEmpty { finish(through: collected) }
        return false
    }

    private mutating func finish(through watermark: EventTime) {
        if watermark > finishedThrough { finishedThrough = watermark }
    }

    /// In modes without waiting rows the watermark only says what may leave.
    public mutating func advance(to watermark: EventTime) {
        if !program.hasWaitingRows { finish(through: watermark) }
    }

    mutating func evaluate(_ log: TimeLog, at time: EventTime, _ rows: RowBuffer) {
        evaluator.evaluate(log, at: time.microseconds, into: rows, row: rows.count)
        rows.count += 1
    }

    mutating func appendRow(_ index: Int, time: Int64, partition: Int32, offset: Int64, _ rows: RowBuffer) {
        let row = rows.count
        rows.times[row] = time
        rows.partitions[row] = Int64(partition)
        rows.offsets[row] = offset
        // Whoever asks knows of whom.
        if program.visibility == nil {
            unsafe Shard.writeEntity(Entity.key(of: table.entities.pointer(index)), program, rows, row)
        }
        evaluator.walk(table.entities[index].log, at: time, into: rows, row: row)
        rows.count = row + 1
    }

    /// A function of the type: a method that borrows a shard would be given a copy of it.
    @inline(__always)
    private static func writeEntity(_ key: UnsafeRawBufferPointer, _ program: ViewProgram, _ rows: RowBuffer, _ row: Int) {
        var offset = 0
        for index in 0..<program.entityTypes.count {
            rows.entityWords[index][row] = unsafe EntityKey.read(
                key, at: &offset, type: program.entityTypes[index], texts: &rows.text)
        }
    }
}
