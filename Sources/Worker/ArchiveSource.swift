internal import History
internal import Pipelines
internal import Records

/// What a run reads that is no topic: lines of a file, or events of an archive.
protocol InputSource: AnyObject {
    /// Gives the task its next records, at most those of a turn; false once no more are to come.
    ///
    /// - Parameters:
    ///   - limit: what the event time of a record without a time stamp may not pass.
    ///   - to: a partition is done once all that may still enter a view from it is at or after this.
    func feed(_ task: SourceTask, limit: EventTime, to: EventTime, isFinal: Bool) throws(WorkerError) -> Bool
    /// How much was read, of how much: nil where that is not known.
    var progress: (done: Int64, total: Int64?) { get }
}

/// The archive of a source, or foreign Parquet files: its partitions are read side by side, the one that is furthest behind in
/// event time next, so that the watermark moves on and few rows wait for it.
final class ArchiveSource: InputSource {
    private let path: String
    private let reader: ArchiveReader
    private var lanes: [ArchiveReader.Lane]
    private let needsTimestamps: Bool

    /// - Parameter needsTimestamps: whether an event without a Kafka time stamp is an error.
    init(path: String, _ task: SourceTask, needsTimestamps: Bool) throws(WorkerError) {
        self.path = path
        self.needsTimestamps = needsTimestamps
        do throws(HistoryError) {
            reader = try ArchiveReader(path: path, source: task.plan) { task.nextOffset(of: $0) }
        } catch { throw WorkerError(error) }
        lanes = reader.lanes
        // All of them from the start: none is overtaken by the watermark of the others.
        for partition in reader.partitions { task.addPartition(partition, now: Clock.monotonic()) }
    }

    var progress: (done: Int64, total: Int64?) { (Int64(reader.rowsRead), Int64(reader.rowCount)) }

    func feed(_ task: SourceTask, limit: EventTime, to: EventTime, isFinal: Bool) throws(WorkerError) -> Bool {
        let now = Clock.monotonic()
        var taken = 0
        while !lanes.isEmpty && !task.isFull && taken < Bounds.batchRecords && task.records.text.count < Bounds.batchBytes {
            let index = lanes.count == 1 ? 0 : lanes.indices.min { newest(lanes[$0], task) < newest(lanes[$1], task) }!
            let lane = lanes[index]
            var left = lanes.count == 1 ? Bounds.batchRecords : Bounds.laneRecords
            while left > 0 && !task.isFull && task.records.text.count < Bounds.batchBytes {
                // A lane of many partitions is read to its end: which of them it brings next nobody knows.
                let isPast = to < .distantFuture && lane.partition.map { task.closed($0) >= to } ?? false
                guard !isPast, let event = try next(lane) else {
                    lanes.remove(at: index)
                    for partition in lane.partition.map({ [$0] }) ?? reader.partitions {
                        task.reachedEnd(partition, isFinished: isFinal)
                    }
                    break
                }
                if needsTimestamps && event.timestamp == nil {
                    throw WorkerError(
                        missingTimestampOf: "\(path): partition \(event.partition), offset \(event.offset)")
                }
                try task.accept(event, limit: limit, now: now)
                left -= 1
                taken += 1
            }
        }
        return !lanes.isEmpty
    }

    private func newest(_ lane: ArchiveReader.Lane, _ task: SourceTask) -> EventTime {
        lane.partition.flatMap { task.newest(of: $0) } ?? .distantPast
    }

    private func next(_ lane: ArchiveReader.Lane) throws(WorkerError) -> ArchiveEvent? {
        do throws(HistoryError) { return try reader.next(lane) } catch { throw WorkerError(error) }
    }
}

extension WorkerError {
    init(_ error: HistoryError) { self.init(error.description, isInput: error.isInput) }

    /// - Parameter place: of the record that has none.
    init(missingTimestampOf place: String) {
        self.init(
            "--visible arrival goes by the records' Kafka timestamps, which \(place) does not have: a topic has them, or the"
                + " archive of one", isInput: true)
    }
}

extension FileSource: InputSource {
    var progress: (done: Int64, total: Int64?) { (bytesRead, bytesTotal) }

    func feed(_ task: SourceTask, limit: EventTime, to: EventTime, isFinal: Bool) throws(WorkerError) -> Bool {
        var bytes = 0
        let now = Clock.monotonic()
        var isOver = task.closed(0) >= to
        if !isOver {
            let goesOn = try unsafe forEachLine { (line, number) throws(WorkerError) in
                unsafe bytes += line.value?.count ?? 0
                unsafe try task.accept(line, partition: 0, offset: number, timestamp: nil, limit: limit, key: nil, now: now)
                isOver = task.currentClosed >= to
                return !task.isFull && bytes < Bounds.batchBytes && !isOver
            }
            isOver = isOver || !goesOn || isExhausted
        }
        if isOver { task.reachedEnd(0, isFinished: isFinal) }
        return !isOver
    }
}
