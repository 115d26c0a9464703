internal import Aggregates
internal import Records
public import Windows

/// `evaluate(log, t)`: the one function that makes a feature value. Snapshots, online reads, replays and training joins
/// all call it, so they agree bit for bit. It owns nothing but scratch memory.
public struct Evaluator: ~Copyable {
    public let program: ViewProgram
    private let scratch: EdgeScratch
    private var distinct: DistinctSet
    private var doubles: DoubleState
    /// Sums of int64 that left its range and became null.
    public private(set) var overflows = 0

    public init(_ program: ViewProgram) {
        self.program = program
        scratch = EdgeScratch(count: program.windowsMax + 1)
        distinct = DistinctSet()
        doubles = DoubleState()
    }

    deinit { scratch.deallocate() }

    /// Writes every value of the view at instant `time` into row `row` of the buffer.
    public mutating func evaluate(_ log: TimeLog, at time: Int64, into rows: RowBuffer, row: Int) {
        let layout = program.layout
        let positions = scratch.positions
        for index in 0..<program.passCount {
            let pass = program.passes[index]
            let newer = saturatingSubtract(time, pass.delay)
            for window in 0..<pass.windowCount {
                scratch.edges[window] = saturatingSubtract(newer, pass.windows[window]) &- program.olderShift
            }
            scratch.edges[pass.windowCount] = newer &- program.newerShift
            log.findPositions(scratch, count: pass.windowCount &+ 1, layout)
            // The longest window may be the whole life.
            if pass.isLifetime { positions[pass.windowCount &- 1] = log.start }
            let end = positions[pass.windowCount]
            for output in 0..<pass.eventCountCount {
                let output = pass.eventCounts[output]
                let count = log.count(from: positions[output.window], to: end, layout)
                store(LoweredValue(word: Int64(count)), output, rows, row)
            }
            for column in 0..<pass.columnCount {
                let column = pass.columns[column]
                if column.isMoments { moments(column, log, end, layout, rows, row) }
                if column.hasOthers { others(column, log, end, layout, rows, row) }
            }
        }
    }

    @inline(__always)
    private func store(_ value: LoweredValue, _ output: ViewProgram.Output, _ rows: RowBuffer, _ row: Int) {
        rows.valueWords[output.value][row] = value.word
        rows.valueValid[output.value][row] = value.isValid ? 1 : 0
    }

    /// The aggregates that are made of integer moments: one walk for all windows.
    @inline(__always)
    private mutating func moments(
        _ column: ViewProgram.ColumnPass, _ log: TimeLog, _ end: LogPosition, _ layout: LogLayout, _ rows: RowBuffer, _ row: Int
    ) {
        var moments = Moments()
        var walked = end
        for index in 0..<column.outputCount {
            let output = column.outputs[index]
            guard output.isMoments else { continue }
            let edge = scratch.positions[output.window]
            if edge != walked {
                log.addMoments(column.column, from: edge, to: walked, memo: output.memo, to: &moments, layout)
                walked = edge
            }
            let value = moments.lower(output.function, scale: column.scale)
            if !value.isValid && output.function == .sum { overflows &+= 1 }
            store(value, output, rows, row)
        }
    }

    /// All other aggregates of a column.
    private mutating func others(
        _ column: ViewProgram.ColumnPass, _ log: TimeLog, _ end: LogPosition, _ layout: LogLayout, _ rows: RowBuffer, _ row: Int
    ) {
        var newest: LogRow?
        var hasNewest = false
        var doublesFrom = end
        var distinctFrom = end
        var extremes: (from: LogPosition, least: LogRow?, greatest: LogRow?) = (end, nil, nil)
        for index in 0..<column.outputCount {
            let output = column.outputs[index]
            let edge = scratch.positions[output.window]
            switch output.function {
            case .count:
                guard !column.isMoments else { continue }
                let count = log.validCount(column.column, from: edge, to: end, layout)
                store(LoweredValue(word: Int64(count)), output, rows, row)
            case .last:
                if !hasNewest || newest == nil { newest = log.newest(column.column, from: edge, to: end, layout) }
                hasNewest = true
                store(value(of: newest, column, layout, rows), output, rows, row)
            case .first:
                store(value(of: log.oldest(column.column, from: edge, to: end, layout), column, layout, rows), output, rows, row)
            case .countDistinct:
                if distinctFrom == end { distinct.removeAll() }
                if edge != distinctFrom {
                    distinct.insert(column.column, of: log, from: edge, to: distinctFrom, layout)
                    distinctFrom = edge
                }
                store(LoweredValue(word: Int64(distinct.count)), output, rows, row)
            case .min, .max:
                switch column.kind {
                case .integer, .presence:
                    continue
                case .text:
                    widen(&extremes, column, log, edge, layout)
                    let extreme = output.function == .min ? extremes.least : extremes.greatest
                    store(value(of: extreme, column, layout, rows), output, rows, row)
                case .double:
                    walkDoubles(column, log, edge, &doublesFrom, end, layout)
                    store(doubles.lower(output.function), output, rows, row)
                }
            case .sum, .avg, .varPop, .varSamp, .stddevPop, .stddevSamp:
                guard column.kind == .double else { continue }
                walkDoubles(column, log, edge, &doublesFrom, end, layout)
                store(doubles.lower(output.function), output, rows, row)
            }
        }
    }

    private mutating func walkDoubles(
        _ column: ViewProgram.ColumnPass, _ log: TimeLog, _ edge: LogPosition, _ walked: inout LogPosition, _ end: LogPosition,
        _ layout: LogLayout
    ) {
        if walked == end { doubles.removeAll() }
        guard edge != walked else { return }
        let logged = layout.column(column.column)
        log.forEachPiece(from: edge, to: walked, layout) { chunk, low, high in
            let words = chunk.words(logged, layout)
            for row in low..<high where chunk.isValid(row, logged, layout) { doubles.add(words[row], logged.needs) }
            return true
        }
        walked = edge
    }

    private func widen(
        _ extremes: inout (from: LogPosition, least: LogRow?, greatest: LogRow?), _ column: ViewProgram.ColumnPass,
        _ log: TimeLog, _ edge: LogPosition, _ layout: LogLayout
    ) {
        guard edge != extremes.from else { return }
        let logged = layout.column(column.column)
        func compare(_ a: LogRow, _ b: LogRow) -> Int {
            Chunk.compare(
                LoggedText(word: a.chunk.words(logged, layout)[a.row]), in: a.chunk,
                LoggedText(word: b.chunk.words(logged, layout)[b.row]), in: b.chunk)
        }
        log.forEachPiece(from: edge, to: extremes.from, layout) { chunk, low, high in
            for index in low..<high where chunk.isValid(index, logged, layout) {
                let row = LogRow(chunk: chunk, row: index)
                if extremes.least.map({ compare(row, $0) < 0 }) ?? true { extremes.least = row }
                if extremes.greatest.map({ compare(row, $0) > 0 }) ?? true { extremes.greatest = row }
            }
            return true
        }
        extremes.from = edge
    }

    /// The value that one event has in a column, as the row shows it.
    private func value(
        of event: LogRow?, _ column: ViewProgram.ColumnPass, _ layout: LogLayout, _ rows: RowBuffer
    ) -> LoweredValue {
        guard let event else { return .null }
        guard column.kind != .presence else { return .null }
        let word = event.chunk.words(layout.column(column.column), layout)[event.row]
        switch column.kind {
        case .text:
            let text = unsafe event.chunk.withBytes(LoggedText(word: word)) { unsafe rows.text.append($0) }
            return LoweredValue(word: text.word)
        case .integer: return Moments.lower(word, scale: column.scale)
        case .double, .presence: return LoweredValue(word: word)
        }
    }
}
