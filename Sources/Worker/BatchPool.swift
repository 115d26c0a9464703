internal import Windows

/// Event batches that are out of use, per view.
final class BatchPool: @unchecked Sendable {
    private let columnCount: Int
    private let monitor = Monitor()
    private var free: [EventBatch] = []

    init(columnCount: Int) { self.columnCount = columnCount }

    func take() -> EventBatch {
        monitor.locked { free.popLast() } ?? EventBatch(columnCount: columnCount, capacity: Bounds.batchRecords)
    }

    func put(_ batch: EventBatch) {
        batch.removeAll()
        monitor.locked { free.append(batch) }
    }
}
