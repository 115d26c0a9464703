import Aggregates
import Records
import TestSupport
import Testing
import Windows

/// Random schedules of one log against `LogModel`.
struct TimeLogTests {
    @Test(arguments: 1...60) func randomSchedules(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        run(.random(using: &random), seed: seed, &random)
    }

    /// Enough events that several groups exist, fill and split.
    @Test(arguments: 0..<Schedule.layouts.count) func groupsSplit(layout: Int) {
        for (disorder, farPastOneIn) in [(Int64(200_000), Int?.none), (10, 3)] {
            let seed = UInt64(layout)
            var random = SeededGenerator(seed: seed)
            let schedule = Schedule(
                layout: Schedule.layouts[layout], eventCount: 8_000, disorder: disorder, grain: 1, retention: nil,
                farPastOneIn: farPastOneIn)
            run(schedule, seed: seed, &random)
        }
    }

    /// Chunks and whole groups leave at the front while others come.
    @Test(arguments: 0..<Schedule.layouts.count) func groupsLeave(layout: Int) {
        for retention in [Int64(100), 9_000, 50_000] {
            let seed = UInt64(layout)
            var random = SeededGenerator(seed: seed)
            let schedule = Schedule(
                layout: Schedule.layouts[layout], eventCount: 5_000, disorder: retention / 3, grain: 1, retention: retention,
                farPastOneIn: nil)
            run(schedule, seed: seed, &random)
        }
    }

    @Test(arguments: 0..<Schedule.layouts.count) func allEventsAtOneInstant(layout: Int) {
        let seed = UInt64(layout)
        var random = SeededGenerator(seed: seed)
        let schedule = Schedule(
            layout: Schedule.layouts[layout], eventCount: 5_000, disorder: 0, grain: 1_000_000_000, retention: nil,
            farPastOneIn: nil)
        run(schedule, seed: seed, &random)
    }

    /// Numbers and texts that fill their frames and dictionaries, and then do not.
    @Test(arguments: 1...40) func framesAndDictionaries(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var schedule = Schedule.random(using: &random)
        schedule.layout = Schedule.layouts[Int(seed) % 2 == 0 ? 4 : 3]
        schedule.frame = [.min, .max, -1 << 59, 1 << 58, 1_700_000_000_000, 70_000, -300].randomElement(using: &random)!
        schedule.reach = [0, 1, 100, 127, 128, 30_000, 1 << 17, 1 << 40].randomElement(using: &random)!
        schedule.textCount = [1, 2, 5, 30, 64, 65, 127, 300].randomElement(using: &random)!
        run(schedule, seed: seed, &random)
    }

    /// Few texts and near ids take a fraction of what texts and ids take that have nothing in common.
    @Test func whatIsAlikeTakesLittle() {
        func bytes(frame: Int64, textCount: Int) -> Int {
            var random = SeededGenerator(seed: 5)
            let layout = Schedule.layouts[3]
            let schedule = Schedule(
                layout: layout, eventCount: 128, disorder: 0, grain: 1, isWild: false, frame: frame,
                reach: frame == 0 ? .max : 100, textCount: textCount)
            let batch = EventBatch(columnCount: layout.columnCount, capacity: 1)
            var (log, removed, held, newest) = (TimeLog(), [UInt32](), 0, Int64(0))
            for index in 0..<schedule.eventCount {
                let event = schedule.event(index, newest: &newest, using: &random)
                log.insert(event, into: batch, horizon: LogHorizon(reach: .min), removed: &removed, bytes: &held, layout)
            }
            let freed = log.free(layout)
            #expect(freed == held)
            return held
        }
        let (alike, different) = (bytes(frame: 1 << 60, textCount: 5), bytes(frame: 0, textCount: 3_000))
        #expect(alike * 3 < different * 2, "\(alike) and \(different) bytes")
    }

    @Test func anEmptyLogHasNothing() {
        let layout = Schedule.layouts[2]
        var log = TimeLog()
        var moments = Moments()
        log.addMoments(0, from: log.start, to: log.position(after: .max, layout), to: &moments, layout)
        #expect(log.isEmpty && !log.hasManyChunks && moments == Moments())
        #expect(log.count(from: log.start, to: log.position(after: 5, layout), layout) == 0)
        #expect(log.newest(0, from: log.start, to: log.start, layout) == nil)
        #expect(log.oldest(0, from: log.start, to: log.start, layout) == nil)
        #expect(log.validCount(1, from: log.start, to: log.start, layout) == 0)
        let freed = log.free(layout)
        #expect(freed == 0)
    }

    private func run(_ schedule: Schedule, seed: UInt64, _ random: inout SeededGenerator) {
        let layout = schedule.layout
        let place = "seed \(seed), \(schedule)"
        var log = TimeLog()
        var model = LogModel(layout)
        var store = StoredChunks(layout)
        let batch = EventBatch(columnCount: layout.columnCount, capacity: 1)
        var bytes = 0
        var newest: Int64 = 1_000_000
        var distinct = 0
        for index in 0..<schedule.eventCount {
            var event = schedule.event(index, newest: &newest, using: &random)
            event.time = schedule.scaled(event.time, using: &random)
            let horizon = schedule.retention.map { (newest - $0) * schedule.unit } ?? .min
            var removed: [UInt32] = []
            log.insert(event, into: batch, horizon: LogHorizon(reach: horizon), removed: &removed, bytes: &bytes, layout)
            model.insert(event)
            store.remove(removed, place)
            if index % 97 == 0 {
                distinct += checkDistinct(log, model, schedule, newest: newest * schedule.unit, &random, place)
            }
            if layout.memoCount > 0 && index % 5 == 0 {
                checkMemos(log, schedule, newest: newest * schedule.unit, &random, place)
            }
            if random.isOneIn(200) {
                store.check(log, place)
                store.commit(log)
            }
            if index < 70 || random.isOneIn(schedule.eventCount / 12 + 1) || index == schedule.eventCount - 1 {
                model.events.removeFirst(checkEvents(log, model, horizon: horizon, place))
                for _ in 0..<4 { checkReads(log, model, &random, place) }
            }
        }
        store.check(log, place)
        bytes -= log.free(layout)
        #expect(bytes == 0, "bytes that were not given back; \(place)")
        if layout.memoCount == 6 && schedule.eventCount > 300 && schedule.retention == nil {
            #expect(distinct > 0, "\(place)")
        }
        #expect(log.isEmpty)
    }

    /// Gives how many of the oldest events have left.
    private func checkEvents(_ log: TimeLog, _ model: LogModel, horizon: Int64, _ place: String) -> Int {
        let events = log.events(model.layout)
        let gone = model.events.count - events.count
        guard gone >= 0, Array(model.events[gone...]) == events else {
            Issue.record("events differ after \(model.events.count); \(place)")
            return max(0, gone)
        }
        if gone > 0 {
            let lastGone = model.events[gone - 1].time
            #expect(lastGone <= log.trimmedThrough && log.trimmedThrough <= horizon, "\(place)")
        }
        return gone
    }

    private func checkReads(_ log: TimeLog, _ model: LogModel, _ random: inout SeededGenerator, _ place: String) {
        let layout = model.layout
        var edges = (0..<2).map { _ -> Int64 in
            let time = model.events.randomElement(using: &random)?.time ?? 0
            switch Int.random(in: 0..<8, using: &random) {
            case 0: return .min
            case 1: return .max
            default: return time + Int64.random(in: -1...1, using: &random)
            }
        }
        edges.sort()
        let (low, high) = (model.count(through: edges[0]), model.count(through: edges[1]))
        let from = random.isOneIn(6) ? log.start : log.position(after: edges[0], layout)
        let range = (from == log.start && low > 0 ? 0 : low)..<high
        let to = log.position(after: edges[1], layout)
        #expect(log.count(from: from, to: to, layout) == range.count, "\(edges) \(place)")
        var pieces: [Event] = []
        log.forEachPiece(from: from, to: to, layout) { chunk, low, high in
            #expect(low < high)
            pieces = (low..<high).map { chunk.event($0, layout) } + pieces
            return true
        }
        #expect(pieces == Array(model.events[range]), "\(edges) \(place)")
        for index in layout.columns.indices {
            let valid = model.events[range].filter { $0.cells[index].isValid }
            #expect(log.validCount(index, from: from, to: to, layout) == valid.count, "column \(index) \(place)")
            let newest = log.newest(index, from: from, to: to, layout).map { $0.chunk.event($0.row, layout) }
            let oldest = log.oldest(index, from: from, to: to, layout).map { $0.chunk.event($0.row, layout) }
            #expect(newest == valid.last && oldest == valid.first, "column \(index) \(edges) \(place)")
            let needs = layout.columns[index].needs
            if layout.columns[index].kind == .text && needs.contains(.extremes) {
                let found = texts(log, index, from, to, memo: .max, layout)
                #expect(found == model.extremes(index, range), "column \(index) \(edges) \(place)")
            }
            guard layout.columns[index].kind == .integer, !needs.isDisjoint(with: [.sum, .squares, .extremes]) else { continue }
            var moments = Moments()
            log.addMoments(index, from: from, to: to, to: &moments, layout)
            check(moments, model.moments(index, range), needs, "column \(index) \(edges) \(place)")
        }
    }

    /// Distinct values by their last occurrences, at an edge that mostly moves on and sometimes back.
    private func checkDistinct(
        _ log: TimeLog, _ model: LogModel, _ schedule: Schedule, newest: Int64, _ random: inout SeededGenerator, _ place: String
    ) -> Int {
        let layout = schedule.layout
        guard log.hasManyChunks else { return 0 }
        var end = newest
        if random.isOneIn(2) { end -= Int64.random(in: 0...(schedule.disorder * schedule.unit), using: &random) }
        if random.isOneIn(40) { end -= 5_000 * schedule.unit }
        var counted = 0
        for index in 0..<layout.columnCount where layout.column(index).needs.contains(.distinct) {
            for window in [Int64(20), 900, 30_000] {
                let edge = end - window * schedule.unit
                // What is out of reach may have left.
                if let retention = schedule.retention, edge < newest - retention * schedule.unit { continue }
                let events = model.events[model.count(through: edge)..<max(model.count(through: edge), model.count(through: end))]
                let expected = Set(events.map { $0.cells[index] }.filter(\.isValid)).count
                guard let count = log.distinctCount(index, from: log.position(after: edge, layout), through: end, layout) else {
                    continue
                }
                #expect(count == expected, "column \(index) window \(window) end \(end) \(place)")
                counted += 1
            }
        }
        return counted
    }

    /// Windows that slide along give the same with what they remember as without.
    private func checkMemos(_ log: TimeLog, _ schedule: Schedule, newest: Int64, _ random: inout SeededGenerator, _ place: String)
    {
        let layout = schedule.layout
        var end = newest
        if random.isOneIn(4) { end -= Int64.random(in: 0...(schedule.disorder * schedule.unit), using: &random) }
        let to = log.position(after: end, layout)
        let scratch = EdgeScratch(count: 4)
        defer { scratch.deallocate() }
        for (index, window) in [Int64(200), 5_000, 30_000, 0].enumerated() { scratch.edges[index] = end - window * schedule.unit }
        log.findPositions(scratch, count: 4, firstHint: 0, layout)
        for index in 0..<4 {
            let sought = log.position(after: scratch.edges[index], layout)
            #expect(scratch.place(index, in: log) == sought, "edge \(index) \(place)")
        }
        for (memo, window) in [Int64(200), 5_000, 30_000].enumerated() {
            let from = log.position(after: end - window * schedule.unit, layout)
            var (moments, expected) = (Moments(), Moments())
            log.addMoments(0, from: from, to: to, memo: memo, to: &moments, layout)
            log.addMoments(0, from: from, to: to, to: &expected, layout)
            check(moments, expected, layout.columns[0].needs, "window \(window) \(place)")
            if layout.columnCount > 2 {
                let walked = doubles(log, from, to, memo: memo, layout)
                let raw = doubles(log, from, to, memo: nil, layout)
                #expect(walked == raw, "window \(window) \(place)")
            }
            if layout.memoCount > 6 {
                let remembered = texts(log, 1, from, to, memo: 6 + memo, layout)
                let raw = texts(log, 1, from, to, memo: .max, layout)
                #expect(remembered == raw, "window \(window) \(place)")
            }
        }
    }

    /// The least and the greatest text of a column.
    private func texts(
        _ log: TimeLog, _ index: Int, _ from: LogPosition, _ to: LogPosition, memo: Int, _ layout: LogLayout
    ) -> [[UInt8]?] {
        var extremes = TextExtremes()
        log.addTextExtremes(index, from: from, to: to, memo: memo, to: &extremes, layout)
        return [extremes.least, extremes.greatest].map { place in
            place.map { place in unsafe place.chunk.withBytes(place.text) { unsafe Array($0) } }
        }
    }

    /// Count, sum and sum of squares of column 2; without a memo from the values alone.
    private func doubles(
        _ log: TimeLog, _ from: LogPosition, _ to: LogPosition, memo: Int?, _ layout: LogLayout
    ) -> [Double?] {
        let column = layout.column(2)
        var sum = ExactDoubleSum()
        var squares = ExactDoubleSquareSum()
        var count: Int64 = 0
        func add(_ chunk: Chunk, _ low: Int, _ high: Int) {
            for row in low..<high where chunk.isValid(row, column, layout) {
                let value = Double(bitPattern: UInt64(bitPattern: chunk.words(column, layout)[row]))
                count += 1
                sum.add(value)
                squares.addSquare(value)
            }
        }
        if let memo {
            log.walkDoubles(
                2, from: from, to: to, memo: 3 + memo, layout,
                whole: {
                    count += $0.count
                    $0.add(to: &sum, &squares)
                }, piece: add)
        } else {
            log.forEachPiece(from: from, to: to, layout) { chunk, low, high in
                add(chunk, low, high)
                return true
            }
        }
        return [Double(count), sum.rounded(), Exact.variance(count: count, sum: sum, squares: squares, sample: false)]
    }

    /// Only what the column's aggregates need is promised.
    private func check(_ moments: Moments, _ expected: Moments, _ needs: Needs, _ place: String) {
        #expect(moments.count == expected.count && moments.sum == expected.sum, "\(place)")
        if needs.contains(.squares) { #expect(moments.squares == expected.squares, "\(place)") }
        if needs.contains(.extremes) { #expect(moments.min == expected.min && moments.max == expected.max, "\(place)") }
    }
}

/// The chunk rows that a store would hold: what is dirty is written, what is removed goes, and nothing else changes.
struct StoredChunks {
    private var rows: [UInt32: [Event]] = [:]
    private let layout: LogLayout

    init(_ layout: LogLayout) { self.layout = layout }

    mutating func commit(_ log: TimeLog) {
        guard log.hasManyChunks else { return }
        log.forEachChunk(layout) { chunk in
            guard chunk.state.contains(.dirty) else { return }
            rows[chunk.id] = chunk.events(layout)
            chunk.state = .stored
        }
    }

    mutating func remove(_ ids: [UInt32], _ place: String) {
        for id in ids where rows.removeValue(forKey: id) == nil {
            Issue.record("chunk \(id) was removed and is not stored; \(place)")
        }
    }

    func check(_ log: TimeLog, _ place: String) {
        guard log.hasManyChunks else { return }
        var ids: Set<UInt32> = []
        log.forEachChunk(layout) { chunk in
            #expect(chunk.id < log.nextChunkID && ids.insert(chunk.id).inserted, "chunk \(chunk.id); \(place)")
            if !chunk.state.contains(.dirty) {
                #expect(rows[chunk.id] == chunk.events(layout), "clean chunk \(chunk.id) is not as it was stored; \(place)")
            }
            #expect(chunk.state.contains(.stored) == (rows[chunk.id] != nil), "chunk \(chunk.id); \(place)")
        }
        #expect(ids.isSuperset(of: rows.keys), "rows of chunks that are gone; \(place)")
    }
}
