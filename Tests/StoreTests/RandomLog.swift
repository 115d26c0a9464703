import Aggregates
import Records
import TestSupport
import Windows

/// One event as a log holds it: null, present, a word or a text in each column.
struct LoggedEvent: Hashable {
    enum Cell: Hashable {
        case null
        case present
        case word(Int64)
        case text([UInt8])
    }

    var time: Int64
    var partition: Int32 = 0
    var offset: Int64 = 0
    var cells: [Cell]
}

enum RandomLog {
    static let layouts: [LogLayout] = [
        LogLayout([]),
        LogLayout([(.integer, [.sum]), (.presence, []), (.double, [.sum]), (.text, [.distinct])]),
        LogLayout([(.text, [.ends]), (.integer, [.ends, .extremes]), (.double, [.ends])]),
    ]

    /// Ids that lie near each other and come in order, few texts, many texts, numbers of one kind.
    static let regularLayout = LogLayout(
        [(.integer, [.ends]), (.text, [.distinct]), (.text, [.extremes]), (.integer, [.sum]), (.integer, [.distinct])])

    /// One that has what `regularLayout` is for.
    static func regularEvent(_ index: Int, using random: inout SeededGenerator) -> LoggedEvent {
        let country = ["DE", "FR", "NL", "United Kingdom"].randomElement(using: &random)!
        return LoggedEvent(
            time: 1_700_000_000_000_000 + Int64(index) * 60_000_000, partition: 7, offset: 90_000_000 + Int64(index) * 17,
            cells: [
                .word(5_000_000_000_000 + Int64(index) * 1_000 + .random(in: 0..<50, using: &random)),
                random.isOneIn(30) ? .null : .text(Array(country.utf8)),
                .text(Array("merchant \(Int.random(in: 0..<90_000, using: &random))".utf8)),
                .word(.random(in: 40_000...40_200, using: &random)), .word(.min),
            ])
    }

    static func makeRegular(_ count: Int, using random: inout SeededGenerator) -> TimeLog {
        var log = TimeLog()
        for index in 0..<count { insert(regularEvent(index, using: &random), into: &log, regularLayout) }
        return log
    }

    private static func insert(
        _ event: LoggedEvent, into log: inout TimeLog, done: Int64 = .min, _ layout: LogLayout
    ) {
        var removed: [UInt32] = []
        var bytes = 0
        let batch = EventBatch(columnCount: layout.columnCount, capacity: 1)
        batch.times[0] = event.time
        batch.partitions[0] = event.partition
        batch.offsets[0] = event.offset
        for (column, cell) in event.cells.enumerated() {
            batch.valid[column][0] = cell == .null ? 0 : 1
            switch cell {
            case .null, .present: batch.words[column][0] = 0
            case .word(let word): batch.words[column][0] = word
            case .text(let bytes): batch.words[column][0] = unsafe bytes.withUnsafeBytes { unsafe batch.text.append($0) }.word
            }
        }
        let horizon = LogHorizon(reach: .min, ended: done, exactReach: done)
        log.insert(batch, row: 0, horizon: horizon, removed: &removed, bytes: &bytes, layout)
    }

    /// The events of more than the last few minutes of a long log become tiles of five seconds.
    static let tiledLayout = LogLayout(
        [(.integer, [.sum]), (.presence, []), (.double, [.sum, .squares]), (.text, []), (.integer, [])], hintCount: 1,
        tiles: TileRule(rawEvents: 300, step: 1_000_000, olderShift: 0))

    static func event(_ index: Int, time: Int64, _ layout: LogLayout, using random: inout SeededGenerator) -> LoggedEvent {
        LoggedEvent(
            time: time, partition: layout.isOrdered ? .random(in: -1...3, using: &random) : 0,
            offset: layout.isOrdered ? Int64(index) : 0,
            cells: layout.columns.enumerated().map { number, column in
                // The first column always has a value, the last one never, so that all forms of validity occur.
                if number > 0 && random.isOneIn(3) || number == layout.columnCount - 1 && index % 100 < 50 { return .null }
                switch column.kind {
                case .presence: return .present
                case .integer:
                    return .word(
                        random.isOneIn(4) ? [.min, .max].randomElement(using: &random)! : .random(in: -99...99, using: &random))
                case .double: return .word(Int64(bitPattern: Double.random(in: -1...1, using: &random).bitPattern))
                case .text:
                    let length = [0, 7, 8, 200].randomElement(using: &random)!
                    return .text((0..<length).map { _ in .random(in: 0...255, using: &random) })
                }
            })
    }

    /// A log of so many events within a minute of each other, with ties. With `settled`, what is two minutes old may become tiles.
    static func make(
        _ count: Int, _ layout: LogLayout, using random: inout SeededGenerator, settled: Bool = false
    ) -> TimeLog {
        var log = TimeLog()
        for index in 0..<count {
            let time = Int64(index) * 500_000 + Int64.random(in: 0...60, using: &random) * 1_000_000
            let event = event(index, time: time, layout, using: &random)
            insert(event, into: &log, done: settled ? time - 90_000_000 : .min, layout)
        }
        return log
    }
}

extension Chunk {
    func events(_ layout: LogLayout) -> [LoggedEvent] {
        (0..<count).map { row in
            LoggedEvent(
                time: time(row, layout), partition: layout.isOrdered ? partition(row, layout) : 0,
                offset: layout.isOrdered ? offset(row, layout) : 0,
                cells: layout.columns.map { column in
                    guard isValid(row, column, layout) else { return .null }
                    switch column.kind {
                    case .presence: return .present
                    case .integer, .double: return .word(words(column, layout)[row])
                    case .text:
                        return unsafe withBytes(LoggedText(word: words(column, layout)[row])) { unsafe .text(Array($0)) }
                    }
                })
        }
    }
}

extension TimeLog {
    func events(_ layout: LogLayout) -> [LoggedEvent] {
        var events: [LoggedEvent] = []
        forEachChunk(layout) { events += $0.events(layout) }
        return events
    }
}

extension ByteWriter {
    var bytes: [UInt8] { unsafe withBytes { unsafe Array($0) } }
}
