internal import Engine
internal import History
internal import Pipelines
internal import Records
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

/// Buffers for the archives of sources, on their way to the threads that own these and back.
final class ArchiveBuffers: @unchecked Sendable {
    private let sources: [SourcePlan]
    private let monitor = Monitor()
    private var free: [[RowBuffer]]

    init(_ plan: Plan) {
        sources = plan.sources
        free = sources.map { _ in [] }
    }

    /// A buffer with all records of a source.
    func filled(_ records: RecordBatch, source: Int) -> RowBuffer {
        let buffer =
            monitor.locked { free[source].popLast() }
            ?? Archive.buffer(sources[source], capacity: Bounds.batchRecords)
        Archive.copy(records, to: buffer)
        return buffer
    }

    func put(_ buffer: RowBuffer, source: Int) {
        buffer.removeAll()
        monitor.locked { free[source].append(buffer) }
    }
}
