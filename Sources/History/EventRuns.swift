internal import Parquet
internal import Pipelines
internal import Records

/// A stretch of a file's rows. Either all are of one partition, in ascending order of offsets, or it is a whole file.
struct EventRun: Sendable {
    var file: Int
    var firstRow: Int
    var rowCount: Int
    /// The least and the greatest offset; of a whole file, its number.
    var first: Int64
    var last: Int64
    /// The offset of the file's first row, where the file does not say it.
    var offsetBase: Int64 = 0
}

/// What the files of an archive hold, and in which order it is read: found from partitions and offsets alone.
///
/// Where partitions come in stretches that can be got at, each is read in the order of its offsets, whichever files they lie in.
/// Else files are read one after the other, if that is an order too.
struct EventRuns {
    /// What is read one after the other. Of a single partition, in the order of the runs' first offsets; of whole files, in theirs.
    private(set) var lanes: [(partition: Int32?, runs: [EventRun])] = []
    private(set) var partitions: [Int32] = []
    private(set) var rowCount = 0

    private var files: [EventRun] = []
    private var runs: [Int32: [EventRun]] = [:]
    private var runCount = 0
    private var rowsPassed = 0
    /// The newest offset of each partition in the order of the files, and where that order first goes back.
    private var newest: [Int32: Int64] = [:]
    private var back: (file: Int, row: Int)?

    /// Requires: at least one path.
    init(_ paths: [String], source: SourcePlan) throws(HistoryError) {
        var hasOrigin: Bool?
        for (index, path) in paths.enumerated() {
            let (reader, columns) = try EventColumns.open(path, source: source)
            files.append(
                EventRun(
                    file: index, firstRow: 0, rowCount: reader.rowCount, first: Int64(index), last: Int64(index),
                    offsetBase: Int64(rowCount)))
            rowCount += reader.rowCount
            if hasOrigin == nil { hasOrigin = columns.origin != nil }
            guard hasOrigin == (columns.origin != nil) else {
                throw HistoryError(
                    "cannot read \(path): some files say of which partition and offset their rows are, others do not; all or none",
                    isInput: true)
            }
            if let origin = columns.origin {
                try survey(
                    reader, path, index, [columns.positions[origin.partition], columns.positions[origin.offset]], origin.names)
            }
        }
        if hasOrigin == false {
            lanes = [(nil, files)]
            partitions = [0]
        } else {
            partitions = newest.keys.sorted()
            let mayMerge = runCount <= Bounds.eventRunsMax && rowsPassed / Bounds.eventRowsPassedMax <= rowCount
            if mayMerge {
                lanes = partitions.map { ($0, runs[$0, default: []].sorted { ($0.first, $0.file) < ($1.first, $1.file) }) }
            } else if let back {
                throw HistoryError(
                    "cannot read \(paths[back.file]): its rows are in no order from row \(back.row) on; sort them by partition and"
                        + " offset", isInput: true)
            } else {
                lanes = [(nil, files)]
            }
        }
        runs = [:]
    }

    /// Finds the runs of a file.
    ///
    /// - Parameter positions: of the columns of partitions and offsets.
    private mutating func survey(
        _ reader: TableReader, _ path: String, _ index: Int, _ positions: [Int], _ names: OriginColumns
    ) throws(HistoryError) {
        var open: (partition: Int32, run: EventRun)?
        var row = 0
        var flaw: Int?
        do throws(ParquetError) {
            var scan = try reader.scan(positions)
            var group = 0
            var (groupStart, groupEnd) = (0, 0)
            while flaw == nil {
                let count = try scan.next(rowsMax: 1 << 14)
                if count == 0 { break }
                let (partitions, offsets) = (scan.columns[0], scan.columns[1])
                for next in 0..<count {
                    while row >= groupEnd {
                        groupStart = groupEnd
                        groupEnd += reader.rowCount(ofGroup: group)
                        group += 1
                    }
                    guard let partition = EventColumns.partition(partitions, next),
                        let offset = EventColumns.offset(offsets, next)
                    else {
                        flaw = row
                        break
                    }
                    take(partition, offset, index, row, groupStart: groupStart, &open)
                    row += 1
                }
            }
        } catch {
            throw HistoryError(reading: error)
        }
        if let flaw {
            throw HistoryError(
                "cannot read \(path): row \(flaw): columns \(names.partition) and \(names.offset) hold nothing that Kafka gives",
                isInput: true)
        }
        if let open { close(open) }
    }

    private mutating func take(
        _ partition: Int32, _ offset: Int64, _ file: Int, _ row: Int, groupStart: Int,
        _ open: inout (partition: Int32, run: EventRun)?
    ) {
        if let last = newest[partition], offset <= last, back == nil { back = (file, row) }
        newest[partition] = offset
        if let current = open {
            if current.partition == partition && offset > current.run.last {
                open!.run.last = offset
                open!.run.rowCount += 1
                return
            }
            close(current)
        }
        rowsPassed += row - groupStart
        open = (partition, EventRun(file: file, firstRow: row, rowCount: 1, first: offset, last: offset))
    }

    private mutating func close(_ run: (partition: Int32, run: EventRun)) {
        runCount += 1
        if runCount <= Bounds.eventRunsMax { runs[run.partition, default: []].append(run.run) }
    }
}
