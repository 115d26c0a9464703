import Aggregates
import Records
import TestSupport
import Windows

/// What one event has in one column.
enum Cell: Hashable {
    case null
    case present
    case word(Int64)
    case text([UInt8])

    var isValid: Bool { self != .null }
}

struct Event: Hashable {
    var time: Int64
    var partition: Int32
    var offset: Int64
    var cells: [Cell]
}

/// A time log as a plain sorted array: what the real one is held against.
struct LogModel {
    var events: [Event] = []
    let layout: LogLayout

    init(_ layout: LogLayout) { self.layout = layout }

    /// Behind all that are not after it; by partition and offset only where the layout keeps them.
    mutating func insert(_ event: Event) {
        var (position, end) = (0, events.count)
        while position < end {
            let middle = (position + end) / 2
            if isAfter(events[middle], event) { end = middle } else { position = middle + 1 }
        }
        events.insert(event, at: position)
    }

    private func isAfter(_ a: Event, _ b: Event) -> Bool {
        guard layout.isOrdered else { return a.time > b.time }
        return (a.time, a.partition, a.offset) > (b.time, b.partition, b.offset)
    }

    func count(through edge: Int64) -> Int { events.count { $0.time <= edge } }

    /// The least and the greatest text.
    func extremes(_ column: Int, _ range: Range<Int>) -> [[UInt8]?] {
        let texts = events[range].compactMap { event -> [UInt8]? in
            guard case .text(let text) = event.cells[column] else { return nil }
            return text
        }
        return [texts.min { $0.lexicographicallyPrecedes($1) }, texts.max { $0.lexicographicallyPrecedes($1) }]
    }

    func moments(_ column: Int, _ range: Range<Int>) -> Moments {
        var moments = Moments()
        for event in events[range] {
            if case .word(let word) = event.cells[column] { moments.add(word) }
        }
        return moments
    }
}

extension TimeLog {
    mutating func insert(
        _ event: Event, into batch: EventBatch, horizon: LogHorizon, removed: inout [UInt32], bytes: inout Int,
        _ layout: LogLayout
    ) {
        batch.removeAll()
        batch.times[0] = event.time
        batch.partitions[0] = event.partition
        batch.offsets[0] = event.offset
        for (column, cell) in event.cells.enumerated() {
            batch.valid[column][0] = cell.isValid ? 1 : 0
            switch cell {
            case .null, .present: batch.words[column][0] = 0
            case .word(let word): batch.words[column][0] = word
            case .text(let bytes):
                batch.words[column][0] = unsafe bytes.withUnsafeBytes { unsafe batch.text.append($0) }.word
            }
        }
        batch.count = 1
        insert(batch, row: 0, horizon: horizon, removed: &removed, bytes: &bytes, layout)
    }

    func events(_ layout: LogLayout) -> [Event] {
        var events: [Event] = []
        forEachChunk(layout) { events += $0.events(layout) }
        return events
    }
}

extension Chunk {
    func events(_ layout: LogLayout) -> [Event] { (0..<count).map { event($0, layout) } }

    /// Partition and offset are zero where the layout does not keep them.
    func event(_ row: Int, _ layout: LogLayout) -> Event {
        Event(
            time: time(row, layout), partition: layout.isOrdered ? partition(row, layout) : 0,
            offset: layout.isOrdered ? offset(row, layout) : 0,
            cells: (0..<layout.columnCount).map { cell(row, $0, layout) })
    }

    func cell(_ row: Int, _ index: Int, _ layout: LogLayout) -> Cell {
        let column = layout.column(index)
        guard isValid(row, column, layout) else { return .null }
        switch column.kind {
        case .presence: return .present
        case .integer, .double: return .word(words(column, layout)[row])
        case .text:
            return unsafe withBytes(LoggedText(word: words(column, layout)[row])) { unsafe .text(Array($0)) }
        }
    }
}

/// How events of one log come in.
struct Schedule {
    var layout: LogLayout
    var eventCount: Int
    /// How far back from the newest an event may lie.
    var disorder: Int64
    /// Times are multiples of it: the larger, the more ties.
    var grain: Int64
    /// Events this far behind the newest may leave; nil: none ever.
    var retention: Int64?
    /// One in so many events lies far before all others.
    var farPastOneIn: Int?
    /// What every time is a multiple of beyond the grain: chunks count in the coarsest unit that divides their times.
    var unit: Int64 = 1
    /// Whether some numbers need all their bytes.
    var isWild = true

    /// What numbers of an integer column are near, as ids and times are; nil: whatever comes.
    var frame: Int64?
    /// How far from it.
    var reach: Int64 = 100
    /// How many texts there are; nil: whatever comes.
    var textCount: Int?

    static let layouts: [LogLayout] = [
        LogLayout([]),
        LogLayout([(.integer, [.sum])], memoCount: 3, hintCount: 4),
        LogLayout(
            [
                (.integer, [.sum, .squares, .extremes]), (.presence, []), (.double, [.sum, .squares, .extremes]),
                (.text, [.distinct]),
                (.integer, .extremes),
                (.integer, .distinct),
            ], memoCount: 6, hintCount: 4),
        LogLayout([(.text, [.ends]), (.integer, [.sum, .ends]), (.double, [.ends]), (.presence, [])]),
        LogLayout(
            [
                (.integer, [.sum, .squares, .extremes]), (.text, [.extremes, .distinct]), (.double, [.sum, .squares]),
                (.text, [.extremes]), (.integer, [.sum, .extremes]),
            ], memoCount: 9, hintCount: 4, isOrdered: true),
    ]

    static func random(using random: inout SeededGenerator) -> Schedule {
        let retention: Int64? = random.isOneIn(2) ? nil : [500, 5_000, 40_000].randomElement(using: &random)!
        let disorders: [Int64] = [0, 1, 50, 1_000, 30_000].filter { $0 < retention ?? .max }
        var schedule = Schedule(
            layout: layouts.randomElement(using: &random)!,
            eventCount: [3, 5, 64, 127, 128, 129, 130, 260, 700, 2_500].randomElement(using: &random)!,
            disorder: disorders.randomElement(using: &random)!, grain: [1, 10, 700].randomElement(using: &random)!,
            retention: retention, farPastOneIn: retention == nil && random.isOneIn(3) ? 20 : nil,
            unit: [1, 1, 1_000, 1_000_000, 60_000_000_000].randomElement(using: &random)!, isWild: random.isOneIn(2))
        if random.isOneIn(2) {
            schedule.frame = [.min, .max, -1 << 59, 1 << 58, 1_700_000_000_000, 70_000, -300].randomElement(using: &random)!
            schedule.reach = [0, 1, 100, 127, 128, 30_000, 1 << 17, 1 << 40].randomElement(using: &random)!
        }
        if random.isOneIn(2) { schedule.textCount = [1, 2, 5, 30, 64, 65, 127, 300].randomElement(using: &random)! }
        return schedule
    }

    /// A time as the log gets it: now and then one that is not whole in the others' unit.
    func scaled(_ time: Int64, using random: inout SeededGenerator) -> Int64 {
        time * unit + (unit > 1 && random.isOneIn(150) ? Int64.random(in: 0..<unit, using: &random) : 0)
    }

    /// The times lie within the disorder of the newest so far, or in the far past.
    func event(_ index: Int, newest: inout Int64, using random: inout SeededGenerator) -> Event {
        newest += Int64.random(in: 0...20, using: &random)
        var time = newest - Int64.random(in: 0...disorder, using: &random)
        if let farPastOneIn, random.isOneIn(farPastOneIn) { time = -Int64.random(in: 0...1_000_000, using: &random) }
        time = time / grain * grain
        if let retention { time = max(time, newest - retention + 1) }
        return Event(
            time: time, partition: layout.isOrdered ? Int32.random(in: 0..<3, using: &random) : 0,
            offset: layout.isOrdered ? Int64(index) : 0,
            cells: layout.columns.map { cell($0.kind, using: &random) })
    }

    private func cell(_ kind: LogLayout.Kind, using random: inout SeededGenerator) -> Cell {
        if kind == .integer, let frame, !(isWild && random.isOneIn(100)) {
            if random.isOneIn(9) { return .null }
            let distance = Int64.random(in: -reach...reach, using: &random)
            let (number, overflow) = frame.addingReportingOverflow(distance)
            return .word(overflow ? frame : number)
        }
        if kind == .text, let textCount, !(isWild && random.isOneIn(200)) {
            if random.isOneIn(9) { return .null }
            // Some short, some long, many with one beginning.
            let number = Int.random(in: 0..<textCount, using: &random)
            return .text(Array((number % 3 == 0 ? "\(number)" : "the merchant \(number)").utf8))
        }
        return Schedule.cell(kind, isWild: isWild, using: &random)
    }

    static func cell(_ kind: LogLayout.Kind, isWild: Bool, using random: inout SeededGenerator) -> Cell {
        if random.isOneIn(5) { return .null }
        switch kind {
        case .presence: return .present
        case .integer:
            switch Int.random(in: 0..<(isWild ? 8 : 24), using: &random) {
            case 0 where isWild: return .word([.min, .max, .min + 1, 0].randomElement(using: &random)!)
            case 1: return .word(.random(in: -(1 << 30)...(1 << 30), using: &random))
            case 2: return .word([-129, -128, 127, 128, -32_769, -32_768, 32_767, 32_768].randomElement(using: &random)!)
            case 3: return .word([1 << 31, (1 << 31) - 1, -(1 << 31), -(1 << 31) - 1].randomElement(using: &random)!)
            case 4, 5: return .word(0)
            default: return .word(.random(in: -1_000...1_000, using: &random))
            }
        // Beyond what a chunk sums up.
        case .double where isWild && random.isOneIn(2_000):
            return .word(Int64(bitPattern: [1e300, -1e-300].randomElement(using: &random)!.bitPattern))
        case .double: return .word(Int64(bitPattern: Double.random(in: -1e9...1e9, using: &random).bitPattern))
        case .text:
            let length = [0, 1, 7, 8, 9, 100].randomElement(using: &random)!
            // Half of them come again and again.
            if random.isOneIn(2) { return .text(Array(repeating: UInt8.random(in: 0...9, using: &random), count: length)) }
            return .text((0..<length).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }
}
