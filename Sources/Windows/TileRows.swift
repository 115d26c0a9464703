public import Aggregates

/// Sums over events, one row a tile: how many, and per column how many values and what is known of them.
public struct TileRows: Sendable {
    public private(set) var count = 0
    private(set) var events: [Int64] = []
    /// Row by row, a number per column of the layout.
    private var values: [Int64] = []
    /// Row by row, one per column of integers, and of doubles, that keeps summaries.
    private var moments: [Moments] = []
    private var doubles: [DoubleMoments] = []

    public init() {}

    /// A single row over no event.
    init(_ layout: LogLayout) {
        insertRow(at: 0, layout)
    }

    static func bytes(rows: Int, _ layout: LogLayout) -> Int {
        rows
            * (8 + 8 * layout.columnCount + MemoryLayout<Moments>.stride * layout.integerSummaries
                + MemoryLayout<DoubleMoments>.stride * layout.doubleSummaries)
    }

    public func eventCount(_ row: Int) -> Int { Int(events[row]) }

    /// How many of a row's events have a value in a column.
    public func valueCount(_ row: Int, _ column: Int, _ layout: LogLayout) -> Int {
        Int(values[row * layout.columnCount + column])
    }

    /// Requires: the column is one of integers and keeps summaries.
    public func moments(_ row: Int, _ column: Int, _ layout: LogLayout) -> Moments {
        moments[row * layout.integerSummaries + layout.column(column).summaryOrdinal]
    }

    /// Requires: the column is one of doubles and keeps summaries.
    public func doubleMoments(_ row: Int, _ column: Int, _ layout: LogLayout) -> DoubleMoments {
        doubles[row * layout.doubleSummaries + layout.column(column).summaryOrdinal]
    }

    mutating func insertRow(at row: Int, _ layout: LogLayout) {
        events.insert(0, at: row)
        values.insert(contentsOf: repeatElement(0, count: layout.columnCount), at: row * layout.columnCount)
        moments.insert(contentsOf: repeatElement(Moments(), count: layout.integerSummaries), at: row * layout.integerSummaries)
        doubles.insert(
            contentsOf: repeatElement(DoubleMoments(), count: layout.doubleSummaries), at: row * layout.doubleSummaries)
        count += 1
    }

    /// Adds an event to a row.
    mutating func add(_ chunk: Chunk, event: Int, row: Int, _ layout: LogLayout) {
        events[row] += 1
        for index in 0..<layout.columnCount {
            let column = layout.column(index)
            guard chunk.isValid(event, column, layout) else { continue }
            values[row * layout.columnCount + index] += 1
            guard column.summaryOrdinal >= 0 else { continue }
            let word = chunk.words(column, layout)[event]
            if column.kind == .integer {
                moments[row * layout.integerSummaries + column.summaryOrdinal].add(word: word, chunk)
            } else {
                doubles[row * layout.doubleSummaries + column.summaryOrdinal].add(word: word, chunk)
            }
        }
    }

    /// Adds to row 0 what a row of others has.
    mutating func merge(_ other: TileRows, row: Int, _ layout: LogLayout) {
        events[0] += other.events[row]
        for column in 0..<layout.columnCount { values[column] += other.values[row * layout.columnCount + column] }
        for ordinal in 0..<layout.integerSummaries {
            moments[ordinal].merge(other.moments[row * layout.integerSummaries + ordinal])
        }
        for ordinal in 0..<layout.doubleSummaries {
            doubles[ordinal].merge(other.doubles[row * layout.doubleSummaries + ordinal])
        }
    }

    /// Appends a row as a store kept it.
    ///
    /// - Parameters:
    ///   - moments: one per column of integers that keeps summaries.
    ///   - doubles: one per column of doubles that keeps summaries.
    public mutating func append(events: Int64, values: [Int64], moments: [Moments], doubles: [DoubleMoments]) {
        self.events.append(events)
        self.values += values
        self.moments += moments
        self.doubles += doubles
        count += 1
    }
}
