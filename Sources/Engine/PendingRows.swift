internal import Records

/// A `final` row that waits for the watermark to pass its event.
public struct PendingRow: BitwiseCopyable, Sendable {
    public var time: Int64
    public var offset: Int64
    public var partition: Int32
    /// The entity's record in its shard.
    public var entity: UInt32
}

/// The rows of a shard that wait for the watermark.
///
/// New ones are appended unsorted. Looking for those that became ready costs a pass over all, so it is done when their
/// number has doubled, and when a commit asks for it: constant work per row, and memory at most doubled.
struct PendingRows: ~Copyable {
    private var rows: [PendingRow] = []
    /// The rows before this position are in the store already.
    private var storedCount = 0
    private var oldest = Int64.max
    private var lookAt = PendingRows.lookMin

    /// Below so many rows a pass is too cheap to put off.
    static let lookMin = 1024
    static let rowBytes = MemoryLayout<PendingRow>.stride

    var count: Int { rows.count }
    var isDue: Bool { rows.count >= lookAt }

    mutating func append(_ row: PendingRow) {
        rows.append(row)
        if row.time < oldest { oldest = row.time }
    }

    /// Moves all rows at or before the watermark into `ready`, by (time, partition, offset).
    mutating func takeReady(_ watermark: Int64, into ready: inout [PendingRow]) {
        guard oldest <= watermark else {
            lookAt = max(PendingRows.lookMin, rows.count * 2)
            return
        }
        let firstNew = ready.count
        var kept = 0
        var keptStored = 0
        var keptOldest = Int64.max
        for index in 0..<rows.count {
            let row = rows[index]
            if row.time <= watermark {
                ready.append(row)
            } else {
                rows[kept] = row
                kept += 1
                if index < storedCount { keptStored = kept }
                if row.time < keptOldest { keptOldest = row.time }
            }
        }
        rows.removeLast(rows.count - kept)
        storedCount = keptStored
        oldest = keptOldest
        lookAt = max(PendingRows.lookMin, kept * 2)
        ready[firstNew...].sort {
            ($0.time, $0.partition, $0.offset) < ($1.time, $1.partition, $1.offset)
        }
    }

    /// The rows that the store does not have yet; from now on it has them.
    mutating func takeUnstored(_ body: (PendingRow) -> Void) {
        for index in storedCount..<rows.count { body(rows[index]) }
        storedCount = rows.count
    }

    /// All rows so far came from the store.
    mutating func markStored() { storedCount = rows.count }
}
