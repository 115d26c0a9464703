internal import Parquet
public import Pipelines
internal import Records

/// Reads the archive of a source, or any Parquet files with its columns, back as the events that they were.
///
/// Where the files say of which partition and offset their rows are, every partition comes in the order of its offsets, merged from the files that
/// hold stretches of it; a stretch is opened when its first offset is due. Files without them are one partition, in the order of
/// their paths, whose offsets are the numbers of the rows.
public final class ArchiveReader {
    /// Events in order: of one partition, or of all.
    public final class Lane {
        /// nil: of all partitions, in the order of the files.
        public let partition: Int32?
        /// In the order in which they are opened, the last one first.
        fileprivate var pending: [EventRun]
        fileprivate var open: [EventRunReader] = []
        /// The run that is read until its offsets reach `limit`.
        fileprivate var current: EventRunReader?
        fileprivate var limit: Int64 = .min

        fileprivate init(_ partition: Int32?, _ runs: [EventRun]) {
            self.partition = partition
            pending = runs.reversed()
        }

        public var isExhausted: Bool { pending.isEmpty && open.allSatisfy { !$0.hasRow } }
    }

    /// All partitions that there are.
    public let partitions: [Int32]
    public let lanes: [Lane]
    public let rowCount: Int
    /// Rows that were lent so far.
    public private(set) var rowsRead = 0
    private let files: [EventFile]
    private let fields: [RecordField]
    private let eventTime: Int
    private let path: String
    private var filesOpen = 0
    private var runsOpen = 0

    /// Whether `ArchiveReader` is to read what lies at a path: a folder, or a Parquet file.
    public static func reads(_ path: String) -> Bool { path.hasSuffix(".parquet") || Folder.isFolder(path) }

    /// Looks at all files: their columns, and where which offsets lie.
    ///
    /// - Parameter nextOffset: of partitions that were read before: where to go on. What lies before need not come.
    public init(path: String, source: SourcePlan, nextOffset: (Int32) -> Int64?) throws(HistoryError) {
        let paths = Folder.isFolder(path) ? Folder.files(below: path, ending: ".parquet") : [path]
        guard !paths.isEmpty else { throw HistoryError("cannot read \(path): there is no Parquet file in it", isInput: true) }
        let runs = try EventRuns(paths, source: source)
        self.path = path
        files = paths.map { EventFile(path: $0, source: source) }
        fields = source.fields
        eventTime = source.eventTime
        partitions = runs.partitions
        rowCount = runs.rowCount
        lanes = runs.lanes.map { lane in
            let next = lane.partition.flatMap(nextOffset) ?? 0
            // Numbers of whole files are no offsets.
            return Lane(lane.partition, lane.partition == nil ? lane.runs : lane.runs.filter { $0.last >= next })
        }
    }

    /// The next event of a lane; nil at its end. It is there until the next call for the lane.
    public func next(_ lane: Lane) throws(HistoryError) -> ArchiveEvent? {
        if let current = lane.current {
            try current.advance()
            if current.hasRow && current.offset < lane.limit { return lend(current) }
        }
        try choose(lane)
        return lane.current.map(lend)
    }

    private func lend(_ run: EventRunReader) -> ArchiveEvent {
        rowsRead += 1
        return ArchiveEvent(block: run.block, row: run.row, eventTime: eventTime)
    }

    /// Finds the run whose next offset is the least, and up to where it stays that.
    private func choose(_ lane: Lane) throws(HistoryError) {
        for index in lane.open.indices.reversed() where !lane.open[index].hasRow { close(lane.open.remove(at: index)) }
        var least = lane.open.map(\.offset).min()
        while let next = lane.pending.last, least.map({ lane.partition != nil && next.first <= $0 }) ?? true {
            lane.pending.removeLast()
            let run = try open(next)
            guard run.hasRow else {
                close(run)
                continue
            }
            lane.open.append(run)
            least = min(least ?? run.offset, run.offset)
        }
        lane.current = lane.open.first { $0.offset == least }
        // Whole files are read to their ends.
        lane.limit = .max
        guard lane.partition != nil, let current = lane.current else { return }
        for other in lane.open where other !== current { lane.limit = min(lane.limit, other.offset) }
        if let next = lane.pending.last { lane.limit = min(lane.limit, next.first) }
    }

    private func open(_ run: EventRun) throws(HistoryError) -> EventRunReader {
        runsOpen += 1
        let file = files[run.file]
        let (reader, columns, wasOpened) = try file.retain()
        if wasOpened { filesOpen += 1 }
        guard runsOpen <= Bounds.eventReadersMax, filesOpen <= Bounds.eventFilesMax else {
            throw HistoryError(
                "cannot read \(path): more than \(Bounds.eventFilesMax) files, or \(Bounds.eventReadersMax) stretches of them, hold"
                    + " the same offsets; write them anew, sorted by partition and offset", isInput: true)
        }
        return try EventRunReader(run, file, reader, columns, fields: fields)
    }

    private func close(_ run: EventRunReader) {
        runsOpen -= 1
        if run.file.release() { filesOpen -= 1 }
    }
}
