internal import Aggregates
internal import Records
public import Windows

/// `evaluate(log, t)`: the one function that makes a feature value. Snapshots, online reads, replays and training joins
/// all call it, so they agree bit for bit. It owns nothing but scratch memory.
public struct Evaluator: ~Copyable {
    public let program: ViewProgram
    let scratch: EdgeScratch
    /// Of the windows of a pass with tiles.
    var tiled: [TiledWindow]
    /// Whether a value was asked for that needs events which have become tiles.
    var missesTiled = false
    private var lowering = Lowering()
    /// The states of the rows that wait to be lowered, `firstWaiting` and those after it, by the number of their step.
    let states: Lane<MomentsBlock>
    private var firstWaiting = 0
    private(set) var waiting = 0
    private var distinct: DistinctSet
    var doubles: DoubleState
    /// Sums of int64 that left its range and became null.
    public private(set) var overflows = 0

    public init(_ program: ViewProgram) {
        self.program = program
        scratch = EdgeScratch(count: program.windowsMax + 1)
        tiled = Array(repeating: TiledWindow(), count: program.windowsMax)
        states = .allocate(program.layout.memoCount)
        for number in 0..<program.layout.memoCount { states[number] = MomentsBlock() }
        distinct = DistinctSet()
        doubles = DoubleState()
    }

    deinit {
        scratch.deallocate()
        for number in 0..<program.layout.memoCount { states[number].deallocate() }
        states.deallocate()
    }

    /// Writes every value of the view at instant `time` into row `row` of the buffer.
    public mutating func evaluate(_ log: TimeLog, at time: Int64, into rows: RowBuffer, row: Int) {
        walk(log, at: time, into: rows, row: row)
        lower(into: rows)
    }

    /// Works out what every value of the view at instant `time` is made of, for row `row` of the buffer. The row is whole once
    /// `lower` was called: many rows together are lowered in a fraction of the time.
    ///
    /// Requires: rows come one after another, and nothing else is done to the buffer, until `lower`.
    public mutating func walk(_ log: TimeLog, at time: Int64, into rows: RowBuffer, row: Int) {
        if waiting == MomentsBlock.capacity { lower(into: rows) }
        if waiting == 0 { firstWaiting = row }
        precondition(row == firstWaiting &+ waiting, "rows are walked one after another")
        walkPasses(log, at: time, rows, row)
        waiting &+= 1
    }

    /// Finishes the rows that were walked.
    public mutating func lower(into rows: RowBuffer) {
        guard waiting > 0 else { return }
        for index in 0..<program.passCount {
            let pass = program.passes[index]
            for index in 0..<pass.columnCount {
                let column = pass.columns[index]
                for index in 0..<column.stepCount {
                    let step = column.steps[index]
                    for index in 0..<step.outputCount {
                        let output = step.outputs[index]
                        overflows &+= lowering.lower(
                            states[step.number], count: waiting, output.function, scale: column.scale,
                            words: rows.valueWords[output.value], valid: rows.valueValid[output.value], row: firstWaiting)
                    }
                }
            }
        }
        waiting = 0
    }

    @inline(__always)
    private mutating func walkPasses(_ log: TimeLog, at time: Int64, _ rows: RowBuffer, _ row: Int) {
        let layout = program.layout
        for index in 0..<program.passCount {
            let pass = program.passes[index]
            let windowCount = pass.windowCount
            let newer = saturatingSubtract(time, pass.delay)
            for window in 0..<windowCount {
                scratch.edges[window] = saturatingSubtract(newer, pass.windows[window]) &- program.olderShift
            }
            scratch.edges[windowCount] = newer &- program.newerShift
            log.findPositions(scratch, count: windowCount &+ 1, firstHint: pass.firstEdge, layout)
            if pass.hasResolution {
                if log.hasManyChunks {
                    evaluateTiled(log, pass, layout, rows, row)
                    continue
                }
                for index in 0..<pass.extraCount { store(0, pass.extras[index].value, rows, row) }
            } else if log.hasTiles && scratch.edges[windowCount &- 1] < log.tiledThrough {
                missesTiled = true
            }
            // The longest window may be the whole life.
            if pass.isLifetime { scratch.setStart(windowCount &- 1) }
            if !log.hasManyChunks {
                evaluateChunk(log, pass, layout, rows, row)
            } else {
                evaluateTree(log, pass, layout, rows, row)
            }
        }
    }

    /// A log of one chunk, or none: places are rows.
    @inline(__always)
    private mutating func evaluateChunk(
        _ log: TimeLog, _ pass: ViewProgram.Pass, _ layout: LogLayout, _ rows: RowBuffer, _ row: Int
    ) {
        let end = scratch.row(pass.windowCount)
        for index in 0..<pass.eventCountCount {
            let output = pass.eventCounts[index]
            store(LoweredValue(word: Int64(end &- scratch.row(output.window))), output, rows, row)
        }
        for index in 0..<pass.columnCount {
            let column = pass.columns[index]
            if column.stepCount > 0 {
                var moments = Moments()
                var walked = end
                let values = log.values(of: column.column, layout)
                for index in 0..<column.stepCount {
                    let step = column.steps[index]
                    let edge = scratch.row(step.window)
                    values.addMoments(from: edge, to: walked, to: &moments)
                    walked = edge
                    states[step.number].put(moments, row: waiting)
                }
            }
            if column.outputCount > 0 { others(column, log, pass.windowCount, layout, rows, row) }
        }
    }

    /// A log of many chunks.
    private mutating func evaluateTree(
        _ log: TimeLog, _ pass: ViewProgram.Pass, _ layout: LogLayout, _ rows: RowBuffer, _ row: Int
    ) {
        let end = scratch.place(pass.windowCount, in: log)
        for index in 0..<pass.eventCountCount {
            let output = pass.eventCounts[index]
            let count = log.count(from: scratch.place(output.window, in: log), to: end, layout)
            store(LoweredValue(word: Int64(count)), output, rows, row)
        }
        for index in 0..<pass.columnCount {
            let column = pass.columns[index]
            var moments = Moments()
            var walked = end
            for index in 0..<column.stepCount {
                let step = column.steps[index]
                let edge = scratch.place(step.window, in: log)
                if edge != walked {
                    log.addMoments(column.column, from: edge, to: walked, memo: step.number, to: &moments, layout)
                    walked = edge
                }
                states[step.number].put(moments, row: waiting)
            }
            if column.outputCount > 0 { others(column, log, pass.windowCount, layout, rows, row) }
        }
    }

    @inline(__always)
    func store(_ count: Int, _ value: Int, _ rows: RowBuffer, _ row: Int) {
        rows.valueWords[value][row] = Int64(count)
        rows.valueValid[value][row] = 1
    }

    @inline(__always)
    func store(_ value: LoweredValue, _ output: ViewProgram.Output, _ rows: RowBuffer, _ row: Int) {
        rows.valueWords[output.value][row] = value.word
        rows.valueValid[output.value][row] = value.isValid ? 1 : 0
    }

    /// All other aggregates of a column.
    private mutating func others(
        _ column: ViewProgram.ColumnPass, _ log: TimeLog, _ endEdge: Int, _ layout: LogLayout, _ rows: RowBuffer, _ row: Int
    ) {
        let end = scratch.place(endEdge, in: log)
        var newest: LogRow?
        var hasNewest = false
        var doublesFrom = end
        var distinctFrom = end
        var extremes = TextExtremes()
        var extremesFrom = end
        for index in 0..<column.outputCount {
            let output = column.outputs[index]
            let edge = scratch.place(output.window, in: log)
            switch output.function {
            case .count:
                let count = log.validCount(column.column, from: edge, to: end, layout)
                store(LoweredValue(word: Int64(count)), output, rows, row)
            case .last:
                if !hasNewest || newest == nil { newest = log.newest(column.column, from: edge, to: end, layout) }
                hasNewest = true
                store(value(of: newest, column, layout, rows), output, rows, row)
            case .first:
                store(value(of: log.oldest(column.column, from: edge, to: end, layout), column, layout, rows), output, rows, row)
            case .countDistinct:
                if column.flagsDistinct && log.hasManyChunks,
                    let count = log.distinctCount(column.column, from: edge, through: scratch.edges[endEdge], layout)
                {
                    store(LoweredValue(word: Int64(count)), output, rows, row)
                    continue
                }
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
                    if edge != extremesFrom {
                        log.addTextExtremes(
                            column.column, from: edge, to: extremesFrom, memo: output.number, to: &extremes, layout)
                        extremesFrom = edge
                    }
                    let extreme = output.function == .min ? extremes.least : extremes.greatest
                    store(extreme.map { text($0.text, in: $0.chunk, rows) } ?? .null, output, rows, row)
                case .double:
                    walkDoubles(column, log, edge, output.number, &doublesFrom, end, layout)
                    store(doubles.lower(output.function), output, rows, row)
                }
            case .sum, .avg, .varPop, .varSamp, .stddevPop, .stddevSamp:
                guard column.kind == .double else { continue }
                walkDoubles(column, log, edge, output.number, &doublesFrom, end, layout)
                store(doubles.lower(output.function), output, rows, row)
            }
        }
    }

    mutating func walkDoubles(
        _ column: ViewProgram.ColumnPass, _ log: TimeLog, _ edge: LogPosition, _ memo: Int, _ walked: inout LogPosition,
        _ end: LogPosition, _ layout: LogLayout
    ) {
        if walked == end { doubles.removeAll() }
        guard edge != walked else { return }
        let logged = layout.column(column.column)
        log.walkDoubles(
            column.column, from: edge, to: walked, memo: memo, layout, whole: { doubles.add($0) },
            piece: { chunk, low, high in
                let words = chunk.words(logged, layout)
                for row in low..<high where chunk.isValid(row, logged, layout) { doubles.add(words[row], logged.needs) }
            })
        walked = edge
    }

    /// The value that one event has in a column, as the row shows it.
    private func value(
        of event: LogRow?, _ column: ViewProgram.ColumnPass, _ layout: LogLayout, _ rows: RowBuffer
    ) -> LoweredValue {
        guard let event else { return .null }
        guard column.kind != .presence else { return .null }
        let word = event.chunk.words(layout.column(column.column), layout)[event.row]
        switch column.kind {
        case .text: return text(LoggedText(word: word), in: event.chunk, rows)
        case .integer: return Moments.lower(word, scale: column.scale)
        case .double, .presence: return LoweredValue(word: word)
        }
    }

    private func text(_ text: LoggedText, in chunk: Chunk, _ rows: RowBuffer) -> LoweredValue {
        LoweredValue(word: unsafe chunk.withBytes(text) { unsafe rows.text.append($0) }.word)
    }
}
