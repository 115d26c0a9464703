internal import Parquet
internal import Pipelines
internal import Records

/// A file of an archive, open while runs of it are read.
final class EventFile {
    private let path: String
    private let source: SourcePlan
    private var opened: (TableReader, EventColumns)?
    private var uses = 0

    init(path: String, source: SourcePlan) {
        self.path = path
        self.source = source
    }

    /// Gives whether the file had to be opened. `release` follows.
    func retain() throws(HistoryError) -> (reader: TableReader, columns: EventColumns, wasOpened: Bool) {
        uses += 1
        if let opened { return (opened.0, opened.1, false) }
        let (reader, columns) = try EventColumns.open(path, source: source)
        opened = (reader, columns)
        return (reader, columns, true)
    }

    /// Gives whether the file was closed.
    func release() -> Bool {
        uses -= 1
        if uses == 0 { opened = nil }
        return uses == 0
    }

    func failure(_ reason: String) -> HistoryError { HistoryError("cannot read \(path): \(reason)", isInput: true) }
}

/// Reads the rows of one run, block by block.
final class EventRunReader {
    let run: EventRun
    let block: EventBlock
    let file: EventFile
    /// The row of the block that comes next.
    private(set) var row = 0
    private var scan: TableScan
    private let columns: EventColumns
    /// Of the run, behind the block.
    private var rowsLeft: Int
    /// The number within the file of the row behind the block.
    private var nextRow: Int

    init(
        _ run: EventRun, _ file: EventFile, _ reader: TableReader, _ columns: EventColumns, fields: [RecordField]
    ) throws(HistoryError) {
        self.run = run
        self.file = file
        self.columns = columns
        block = EventBlock(fields)
        rowsLeft = run.rowCount
        nextRow = run.firstRow
        var (start, first) = (0, 0)
        while first < reader.groupCount && start + reader.rowCount(ofGroup: first) <= run.firstRow {
            start += reader.rowCount(ofGroup: first)
            first += 1
        }
        do throws(ParquetError) {
            scan = try reader.scan(columns.positions, groups: first..<reader.groupCount)
            while start < run.firstRow { start += try scan.next(rowsMax: min(Bounds.eventBlockRows, run.firstRow - start)) }
        } catch {
            throw HistoryError(reading: error)
        }
        try refill()
    }

    /// Whether there is a row.
    var hasRow: Bool { row < block.count }
    /// That of the next row. Requires: there is one.
    var offset: Int64 { block.offsets[row] }

    func advance() throws(HistoryError) {
        row += 1
        if row == block.count { try refill() }
    }

    private func refill() throws(HistoryError) {
        row = 0
        guard rowsLeft > 0 else {
            block.restart(count: 0)
            return
        }
        do throws(ParquetError) {
            block.restart(count: try scan.next(rowsMax: min(Bounds.eventBlockRows, rowsLeft)))
        } catch {
            throw HistoryError(reading: error)
        }
        for (field, found) in columns.fields.enumerated() {
            if let found {
                try block.fill(field, scan.columns[found.place], found.reading)
            } else {
                block.fillNothing(field)
            }
        }
        for row in 0..<block.count { block.timestamps[row] = 0 }
        if let origin = columns.origin {
            let (partitions, offsets) = (scan.columns[origin.partition], scan.columns[origin.offset])
            for row in 0..<block.count {
                guard let partition = EventColumns.partition(partitions, row), let offset = EventColumns.offset(offsets, row)
                else { throw file.failure("it has changed while it was read") }
                block.partitions[row] = partition
                block.offsets[row] = offset
            }
            try fillTimestamps(origin)
        } else {
            for row in 0..<block.count {
                block.partitions[row] = 0
                block.offsets[row] = run.offsetBase + Int64(nextRow + row)
            }
        }
        rowsLeft -= block.count
        nextRow += block.count
    }

    private func fillTimestamps(_ origin: EventColumns.Origin) throws(HistoryError) {
        guard let (place, reading) = origin.timestamp else { return }
        let stamps = scan.columns[place]
        for row in 0..<block.count where !stamps.isNull(row) {
            guard let stamp = reading.word(stamps, row, textStart: 0) else {
                throw file.failure("column \(origin.names.timestamp): row \(nextRow + row) is out of range")
            }
            block.timestamps[row] = stamp
        }
    }
}
