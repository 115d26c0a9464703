public import Pipelines
public import Records
public import Windows

/// From a source's records to the events of one view, each on its way to the shard that owns its entity.
///
/// An event's way: its row is selected by the view's condition, its entity becomes a key and a hash, these say its slice, and
/// the row goes into the slice's batch. Each step is done for all rows before the next, a column at a time.
public final class EventRouter {
    public let program: ViewProgram
    private let condition: Int?
    private let arguments: [Int?]
    private let conditions: [Int?]
    private let entityTypes: [FieldType]
    private let entityFields: [Int]

    /// The rows that are events of the view; for exchanged ones also their keys, and the rows again, slice by slice.
    private var scratch = RouterScratch(capacity: 0)
    private var keyBytes = TextArena()

    /// The expressions of all views over one source, to be evaluated together.
    public static func expressions(of views: [ViewPlan]) -> [Expression] {
        views.flatMap { view in
            [view.condition].compactMap { $0 } + view.inputs.flatMap { [$0.argument, $0.condition].compactMap { $0 } }
        }
    }

    /// - Parameter firstExpression: where this view's expressions begin among all; moves behind them.
    public init(_ program: ViewProgram, firstExpression: inout Int) {
        self.program = program
        func take(_ expression: Expression?) -> Int? {
            guard expression != nil else { return nil }
            defer { firstExpression += 1 }
            return firstExpression
        }
        let plan = program.plan
        condition = take(plan.condition)
        var arguments: [Int?] = []
        var conditions: [Int?] = []
        for input in plan.inputs {
            arguments.append(take(input.argument))
            conditions.append(take(input.condition))
        }
        self.arguments = arguments
        self.conditions = conditions
        entityTypes = program.entityTypes
        entityFields = plan.entity
    }

    /// Appends the view's events among `records` to the batches that `target` gives for their slices; within a slice they keep
    /// their order. Requires: the batches have room for all records.
    ///
    /// - Parameters:
    ///   - expressions: evaluated over `records`.
    ///   - sliceCount: how many slices the view's entities are spread over by hash; nil where a slice is a partition.
    ///   - late: those of the records that are late, in their order: they enter as far as the view's windows reach.
    public func route(
        _ records: RecordBatch, _ expressions: ExpressionEvaluator, sliceCount: Int?, late: [LateRecord] = [],
        target: (Int) -> EventBatch
    ) {
        if scratch.capacity < records.capacity { scratch = RouterScratch(capacity: records.capacity) }
        var count = select(records, expressions)
        if !late.isEmpty { count = leaveOut(late, records, of: count) }
        if let sliceCount {
            exchange(records, expressions, count: count, sliceCount: sliceCount, target: target)
            return
        }
        // Partitions come in runs, and the slice is known before the key: keys go where they stay.
        let rows = scratch.rows
        var first = 0
        while first < count {
            let partition = records.partitions[Int(rows[first])]
            var end = first + 1
            while end < count && records.partitions[Int(rows[end])] == partition { end += 1 }
            let batch = target(Int(partition))
            appendKeys(
                records, rows, first..<end, to: &batch.text, references: batch.keys, hashes: batch.hashes, at: batch.count)
            appendColumns(records, expressions, rows, first..<end, to: batch)
            first = end
        }
    }

    /// Notes the rows that the view's condition takes, and gives their number.
    private func select(_ records: RecordBatch, _ expressions: ExpressionEvaluator) -> Int {
        let rows = scratch.rows
        guard let condition = condition.map({ expressions.column($0) }) else {
            for row in 0..<records.count { rows[row] = Int32(truncatingIfNeeded: row) }
            return records.count
        }
        var count = 0
        for row in 0..<records.count {
            rows[count] = Int32(truncatingIfNeeded: row)
            count &+= condition.isTrue(row) ? 1 : 0
        }
        return count
    }

    /// Takes late records out of the selected rows that no window of the view reaches any more; gives how many rows are left.
    private func leaveOut(_ late: [LateRecord], _ records: RecordBatch, of count: Int) -> Int {
        let rows = scratch.rows
        var next = 0
        var kept = 0
        for index in 0..<count {
            let row = Int(rows[index])
            while next < late.count && late[next].row < row { next += 1 }
            if next < late.count && late[next].row == row
                && records.times[row] <= program.closed(at: late[next].watermark).microseconds
            {
                continue
            }
            rows[kept] = rows[index]
            kept += 1
        }
        return kept
    }

    /// Sends the selected rows to the slices of their hashes.
    private func exchange(
        _ records: RecordBatch, _ expressions: ExpressionEvaluator, count: Int, sliceCount: Int, target: (Int) -> EventBatch
    ) {
        let scratch = scratch
        keyBytes.removeAll()
        appendKeys(
            records, scratch.rows, 0..<count, to: &keyBytes, references: scratch.keys, hashes: scratch.hashes, at: 0)

        // Sorted by slice, by counting: `next[slice]` is where the slice's next row goes.
        var next = [Int](repeating: 0, count: sliceCount + 1)
        for index in 0..<count {
            let slice = EventRouter.slice(of: scratch.hashes[index], of: sliceCount)
            scratch.slices[index] = Int32(truncatingIfNeeded: slice)
            next[slice + 1] += 1
        }
        for slice in 0..<sliceCount { next[slice + 1] += next[slice] }
        for index in 0..<count {
            let slice = Int(scratch.slices[index])
            scratch.sortedRows[next[slice]] = scratch.rows[index]
            scratch.sorted[next[slice]] = Int32(truncatingIfNeeded: index)
            next[slice] += 1
        }
        // Each slice's place moved on to its end, which is where the next begins.
        var first = 0
        for slice in 0..<sliceCount where next[slice] > first {
            let batch = target(slice)
            for position in first..<next[slice] {
                let index = Int(scratch.sorted[position])
                let event = batch.count &+ position &- first
                batch.hashes[event] = scratch.hashes[index]
                batch.keys[event] = batch.text.append(TextReference(word: scratch.keys[index]), of: keyBytes).word
            }
            appendColumns(records, expressions, scratch.sortedRows, first..<next[slice], to: batch)
            first = next[slice]
        }
    }

    /// Appends the keys of the rows at `range` of `rows` to `arena`, and notes from `start` on where they are and their hashes.
    private func appendKeys(
        _ records: RecordBatch, _ rows: Lane<Int32>, _ range: Range<Int>, to arena: inout TextArena,
        references: Lane<Int64>, hashes: Lane<UInt64>, at start: Int
    ) {
        let start = start &- range.lowerBound
        if entityFields.count == 1, entityTypes[0] == .string {
            let words = records.columns[entityFields[0]].words
            for index in range {
                let offset = arena.count
                EntityKey.append(TextReference(word: words[Int(rows[index])]), of: records.text, to: &arena)
                references[start &+ index] = TextReference(offset: offset, length: arena.count &- offset).word
            }
        } else {
            for index in range {
                let offset = arena.count
                for field in 0..<entityFields.count {
                    let word = records.columns[entityFields[field]].words[Int(rows[index])]
                    unsafe EntityKey.append(word, type: entityTypes[field], texts: records.text, to: &arena)
                }
                references[start &+ index] = TextReference(offset: offset, length: arena.count &- offset).word
            }
        }
        // Apart from the writing: a load of bytes whose stores are still under way waits for them.
        for index in range {
            hashes[start &+ index] = unsafe EntityKey.hash(arena.bytes(TextReference(word: references[start &+ index])))
        }
    }

    /// Appends all but the keys of the rows at `range` of `rows`.
    private func appendColumns(
        _ records: RecordBatch, _ expressions: ExpressionEvaluator, _ rows: Lane<Int32>, _ range: Range<Int>,
        to batch: EventBatch
    ) {
        let start = batch.count &- range.lowerBound
        for index in range {
            let row = Int(rows[index])
            batch.times[start &+ index] = records.times[row]
            batch.partitions[start &+ index] = records.partitions[row]
            batch.offsets[start &+ index] = records.offsets[row]
        }
        if program.visibility == .arrival {
            for index in range {
                let row = Int(rows[index])
                batch.visibleFrom[start &+ index] = max(records.times[row], records.timestamps[row])
            }
        }
        for input in 0..<arguments.count {
            let words = batch.words[input]
            let valid = batch.valid[input]
            let condition = conditions[input].map { expressions.column($0) }
            guard let argument = arguments[input].map({ expressions.column($0) }) else {
                for index in range {
                    words[start &+ index] = 0
                    valid[start &+ index] = condition.map { $0.isTrue(Int(rows[index])) ? 1 : 0 } ?? 1
                }
                continue
            }
            if let condition {
                for index in range {
                    let row = Int(rows[index])
                    let isTaken = condition.isTrue(row) && argument.valid[row] != 0
                    words[start &+ index] = isTaken ? argument.words[row] : 0
                    valid[start &+ index] = isTaken ? 1 : 0
                }
            } else {
                for index in range {
                    let row = Int(rows[index])
                    words[start &+ index] = argument.words[row]
                    valid[start &+ index] = argument.valid[row]
                }
            }
            guard argument.type == .string else { continue }
            for index in range where valid[start &+ index] != 0 {
                words[start &+ index] = batch.text.append(TextReference(word: words[start &+ index]), of: records.text).word
            }
        }
        batch.count = start &+ range.upperBound
    }

    /// The slice that owns an entity where entities are spread by hash. Part of the state's format.
    public static func slice(of hash: UInt64, of sliceCount: Int) -> Int {
        Int(truncatingIfNeeded: (hash >> 40) % UInt64(sliceCount))
    }
}

/// A record that came at or before its partition's watermark.
public struct LateRecord: BitwiseCopyable, Sendable {
    /// In its batch.
    public var row: Int
    public var watermark: EventTime

    public init(row: Int, watermark: EventTime) {
        self.row = row
        self.watermark = watermark
    }
}

extension Column {
    /// Of a condition: null is not true.
    @inline(__always)
    fileprivate func isTrue(_ row: Int) -> Bool { valid[row] & (words[row] != 0 ? 1 : 0) != 0 }
}

/// What a router notes of a batch's rows.
private final class RouterScratch {
    let capacity: Int
    /// The selected rows; by the same index what their entities are.
    let rows: Lane<Int32>
    let keys: Lane<Int64>
    let hashes: Lane<UInt64>
    let slices: Lane<Int32>
    /// Indexes of the above by slice, and the rows that they are of.
    let sorted: Lane<Int32>
    let sortedRows: Lane<Int32>

    init(capacity: Int) {
        self.capacity = capacity
        rows = .allocate(capacity)
        keys = .allocate(capacity)
        hashes = .allocate(capacity)
        slices = .allocate(capacity)
        sorted = .allocate(capacity)
        sortedRows = .allocate(capacity)
    }

    deinit {
        rows.deallocate()
        keys.deallocate()
        hashes.deallocate()
        slices.deallocate()
        sorted.deallocate()
        sortedRows.deallocate()
    }
}
