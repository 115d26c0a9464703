import Engine
import Glibc
import Parquet
import Pipelines
import Records
import Worker

/// Compares what a run has left with a recount from the produced events, and keeps the score.
struct DemoCheck {
    /// For loops that would take longer, rows are sampled from then on.
    private static let secondsMax = 8
    private static let entitiesPerView = 300
    private static let differencesShown = 10

    struct Score {
        var onlineValues = 0
        var storedValues = 0
        var rows = 0
        var rowsRecounted = 0
        var rowValues = 0
        var deadLetters = 0
        var counters = 0
        var differences = 0
        var shown: [String] = []
        /// What could not be recounted, in words.
        var notes: [String] = []

        var comparisons: Int { onlineValues + storedValues + rows + rowValues + deadLetters + counters }

        mutating func differs(_ text: @autoclosure () -> String) {
            differences += 1
            if shown.count < DemoCheck.differencesShown { shown.append(text()) }
        }
    }

    private(set) var score = Score()
    private let plan: Plan
    private let ledger: TrafficLedger
    private var views: [(recount: Recount, histories: [Recount.History])] = []
    private let newest: Int64
    private let watermark: Int64

    /// Requires: nothing is produced any more.
    init(_ plan: Plan, fields: [TrafficField], _ ledger: TrafficLedger) {
        self.plan = plan
        self.ledger = ledger
        newest = ledger.newest ?? 0
        watermark = ledger.watermark ?? Int64.min
        for view in plan.views {
            guard let recount = Recount(view, fields: fields) else {
                score.notes.append("view \(view.name): its condition is not one that the demo can recount")
                continue
            }
            if !recount.unknownValues.isEmpty {
                score.notes.append("view \(view.name): not recounted: \(recount.unknownValues.joined(separator: ", "))")
            }
            views.append((recount, recount.histories(ledger)))
        }
    }

    // MARK: - Online values

    /// Random entities of every view at the newest event time, and the watched ones.
    mutating func checkOnline(
        seed: UInt64, stored: Bool, _ read: (_ view: String, _ key: [String], _ at: EventTime) throws -> FeatureValues
    ) throws {
        var random = TrafficRandom(seed: seed)
        for (recount, histories) in views where !histories.isEmpty {
            for _ in 0..<min(DemoCheck.entitiesPerView, histories.count) {
                let history = histories[random.below(histories.count)]
                let key = recount.text(of: history.key)
                let found = try read(recount.view.name, key, EventTime(microseconds: newest))
                for (index, (name, value)) in found.values.enumerated() {
                    guard let expected = recount.value(index, of: history, at: newest) else { continue }
                    if stored { score.storedValues += 1 } else { score.onlineValues += 1 }
                    if !DemoCheck.same(value, expected) {
                        score.differs(
                            "\(recount.view.name) \(key.joined(separator: " ")) \(name): \(value), recounted \(expected)")
                    }
                }
            }
        }
    }

    /// Bit for bit.
    private static func same(_ a: FeatureValue, _ b: FeatureValue) -> Bool {
        if case .double(let a) = a, case .double(let b) = b { return a.bitPattern == b.bitPattern }
        return a == b
    }

    // MARK: - Rows of the log

    /// Every row of every part: that it belongs there, once, with its entity and its time; and the values of as many rows
    /// as there is time for. Then that none is missing: all events up to the watermark have one.
    mutating func checkRows(_ folder: DemoFolder, counted: [String: Int]) throws {
        let deadline = Clock.monotonic() + Int64(DemoCheck.secondsMax) * 1_000_000
        for position in views.indices {
            let (recount, histories) = views[position]
            let view = recount.view
            guard view.snapshots == .final else {
                score.notes.append("view \(view.name): rows of `snapshots: \(view.snapshots.rawValue)` are not recounted")
                continue
            }
            var byKey: [[Int64]: Int] = [:]
            for (index, history) in histories.enumerated() { byKey[history.key] = index }
            var seen = ledger.events.map { [Bool](repeating: false, count: $0.count) }
            for path in folder.parts(of: view.name) {
                try checkPart(path, recount, histories, byKey, &seen, deadline)
            }
            var expected = 0
            for partition in ledger.events.indices {
                for offset in ledger.events[partition].indices where expects(partition, offset, recount) {
                    expected += 1
                    if !seen[partition][offset] {
                        score.differs("\(view.name): no row of partition \(partition) offset \(offset)")
                    }
                }
            }
            score.counters += 1
            let counted = counted[view.name] ?? 0
            if counted != expected { score.differs("\(view.name): \(counted) rows counted, \(expected) expected") }
        }
    }

    private func expects(_ partition: Int, _ offset: Int, _ recount: Recount) -> Bool {
        let event = ledger.events[partition][offset]
        return ledger.rejections[partition][offset] == nil && event.time * 1_000 <= watermark && recount.takes(event)
    }

    private static let rowsOfBatch = 1 << 16

    private mutating func checkPart(
        _ path: String, _ recount: Recount, _ histories: [Recount.History], _ byKey: [[Int64]: Int], _ seen: inout [[Bool]],
        _ deadline: Int64
    ) throws {
        let reader = try TableReader(path: path)
        let view = recount.view
        func position(_ name: String) throws -> Int {
            guard let index = try reader.position(of: name) else {
                throw CommandFailure(message: "freshet: \(path) has no column \(name)", status: CommandFailure.worldFailed)
            }
            return index
        }
        let names =
            ["partition", "offset", "event_timestamp"] + view.entity.map { recount.fields[$0].rawValue }
            + view.values.map(\.name)
        var scan = try reader.scan(names.map(position))
        while true {
            let rowCount = try scan.next(rowsMax: DemoCheck.rowsOfBatch)
            if rowCount == 0 { break }
            let (partitions, offsets, times) = (scan.columns[0], scan.columns[1], scan.columns[2])
            let entity = scan.columns[3..<3 + view.entity.count]
            let values = scan.columns[(3 + view.entity.count)...]

            for row in 0..<rowCount {
                let (partition, offset) = (Int(partitions.words[row]), Int(offsets.words[row]))
                func place() -> String { "\(view.name) partition \(partition) offset \(offset)" }
                score.rows += 1
                guard ledger.events.indices.contains(partition), ledger.events[partition].indices.contains(offset),
                    expects(partition, offset, recount), !seen[partition][offset]
                else {
                    score.differs("\(place()): a row that should not be there")
                    continue
                }
                seen[partition][offset] = true
                let event = ledger.events[partition][offset]
                let key = recount.key(of: event)
                if times.words[row] != event.time * 1_000 { score.differs("\(place()): event_timestamp \(times.words[row])") }
                for (column, (field, expected)) in zip(entity, zip(view.entity, key)) {
                    let isEqual =
                        column.type == .string
                        ? column.text(row).elementsEqual(recount.fields[field].text(expected).utf8)
                        : column.words[row] == expected
                    if !isEqual {
                        score.differs("\(place()): another entity than \(recount.text(of: key).joined(separator: " "))")
                    }
                }
                // Past the deadline one row in a hundred still is recounted, so that none of the parts goes unchecked.
                if score.rows % 100 != 0 && Clock.monotonic() >= deadline { continue }
                score.rowsRecounted += 1
                let history = histories[byKey[key]!]
                for (index, column) in zip(view.values.indices, values) {
                    guard let expected = recount.value(index, of: history, at: event.time * 1_000) else { continue }
                    score.rowValues += 1
                    let found = DemoCheck.value(column, row)
                    if !DemoCheck.same(found, expected) {
                        score.differs("\(place()) \(view.values[index].name): \(found), recounted \(expected)")
                    }
                }
            }
        }
    }

    private static func value(_ column: ColumnValues, _ row: Int) -> FeatureValue {
        if column.isNull(row) { return .null }
        let word = column.words[row]
        switch column.type {
        case .int64, .int32, .date, .decimal: return .int64(word)
        case .double: return .double(Double(bitPattern: UInt64(bitPattern: word)))
        case .bool: return .bool(word != 0)
        case .timestamp(let unit, _): return unit.microseconds(word).map { .timestamp(EventTime(microseconds: $0)) } ?? .null
        case .string: return .string(String(decoding: column.text(row), as: UTF8.self))
        }
    }

    // MARK: - What was set aside

    /// The run's counters, and every line of the dead letters: exactly the records that the traffic broke or delayed.
    mutating func checkRejections(_ folder: DemoFolder, _ summary: RunSummary, watermark reached: EventTime) throws {
        score.counters += 1
        if reached.microseconds != watermark {
            score.differs("the watermark is \(reached.rfc3339()), expected \(EventTime(microseconds: watermark).rfc3339())")
        }
        let counts = ledger.counts
        let source = summary.sources[0]
        score.counters += 1
        if source.applied != UInt64(counts.applied) {
            score.differs("\(source.applied) events applied, \(counts.applied) expected")
        }
        for reason in RejectionReason.allCases {
            score.counters += 1
            let expected = counts.rejected[reason] ?? 0
            if source.rejected(reason) != UInt64(expected) {
                score.differs("\(source.rejected(reason)) records \(reason.rawValue), \(expected) expected")
            }
        }
        var left: [Place: RejectionReason] = [:]
        for (partition, rejections) in ledger.rejections.enumerated() {
            for (offset, rejection) in rejections.enumerated() {
                if let rejection { left[Place(partition: partition, offset: offset)] = rejection }
            }
        }
        for letter in try DeadLetterFile.read(folder.deadLetters) {
            score.deadLetters += 1
            let place = Place(partition: letter.partition, offset: letter.offset)
            if left.removeValue(forKey: place)?.rawValue != letter.reason {
                score.differs(
                    "dead letter \(letter.reason) of partition \(letter.partition) offset \(letter.offset): not expected")
            }
        }
        for (place, reason) in left.sorted(by: { ($0.key.partition, $0.key.offset) < ($1.key.partition, $1.key.offset) }) {
            score.differs("no dead letter \(reason.rawValue) of partition \(place.partition) offset \(place.offset)")
        }
    }

    private struct Place: Hashable {
        var partition: Int
        var offset: Int
    }
}
