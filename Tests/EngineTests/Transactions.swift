import Engine
import Pipelines
import Records
import TestSupport
import Testing
import Windows

/// A value of a field or of a row.
enum Value: Hashable {
    case null
    /// As a column's word holds it.
    case word(Int64)
    case text(String)
}

/// One record of the tests' source.
struct Transaction {
    var time: Int64
    var partition: Int32
    var offset: Int64
    /// By the source's fields; the first is the time, the second the card.
    var fields: [Value]
}

/// The tests' source and views over it.
enum Transactions {
    static let source = """
        pipeline: test
        version: 1
        sources:
          transactions:
            format: json
            KEY
            event_time: {field: time, unit: us}
            out_of_orderness: 30s
            fields:
              time: timestamp
              card: string
              flag: bool
              i: int64?
              d: decimal(2)?
              x: double?
              s: string?
              b: bool?
              at: timestamp?
        views:

        """

    /// Every aggregate over every type that it takes, without and with a condition.
    static let features: [String] = {
        let numbers = [
            "sum", "avg", "min", "max", "var_pop", "var_samp", "stddev_pop", "stddev_samp", "first", "last", "count_distinct",
        ]
        let others = ["min", "max", "first", "last", "count_distinct"]
        var features = ["count()"]
        for field in ["i", "d", "x"] { features += (["count"] + numbers).map { "\($0)(\(field))" } }
        for field in ["s", "b", "at"] { features += (["count"] + others).map { "\($0)(\(field))" } }
        return features
    }()

    /// - Parameters:
    ///   - features: `aggregate(field)`, and ` where flag` behind it for those under a condition.
    ///   - resolution: of the features that are made of sums; the others stay exact, over the first of the windows.
    static func plan(
        snapshots: SnapshotMode = .final, bounds: WindowBounds = .openClosed, windows: String = "[5s, 1m, 1h]",
        delays: [String] = ["0s"],
        features: [String] = features, isKeyed: Bool = false, resolution: String? = nil, late: LateEvents = .drop
    ) throws -> Plan {
        let key = source.replacing("KEY", with: isKeyed ? "key: card" : "topic: transactions")
            .replacing("out_of_orderness: 30s", with: "out_of_orderness: 30s\n    late: \(late.rawValue)")
        var yaml = key + "  cards:\n    source: transactions\n    entity: [card]\n    snapshots: \(snapshots.rawValue)\n"
        if let resolution { yaml += "    resolution: \(resolution)\n" }
        yaml += "    bounds: \"\(bounds.rawValue)\"\n    features:\n"
        for (number, feature) in features.enumerated() {
            let parts = feature.split(separator: " where ")
            var condition = parts.count > 1 ? ", where: \(parts[1])" : ""
            var windows = windows
            if resolution != nil, ["last", "first", "count_distinct", "min(s)", "max(s)"].contains(where: parts[0].hasPrefix) {
                condition += ", resolution: exact"
                windows = "[" + windows.dropFirst().prefix { $0 != "," } + "]"
            }
            for (index, delay) in delays.enumerated() {
                yaml +=
                    "      - {name: f\(number)_\(index), aggregate: \(parts[0]), windows: \(windows), delay: \(delay)\(condition)}\n"
            }
        }
        return try Plan(parsing: yaml, file: "test.yaml")
    }

    static func program(_ plan: Plan) -> ViewProgram { ViewProgram(plan.views[0], source: plan.sources[0]) }

    /// Events of three partitions, interleaved, none late, with ties within and between partitions.
    static func random(
        _ count: Int, cards: Int, step: Int64 = 1_500_000, textLengths: [Int] = [0, 3, 7, 8, 40],
        using random: inout SeededGenerator
    ) -> [Transaction] {
        var newest = [Int64](repeating: 1_700_000_000_000_000, count: 3)
        var offsets = [Int64](repeating: 0, count: 3)
        return (0..<count).map { _ in
            let partition = Int.random(in: 0..<3, using: &random)
            let base = (newest.max()! + newest[partition]) / 2
            var time = base + Int64.random(in: -15_000_000...step, using: &random)
            if !random.isOneIn(3) { time = time / 1_000_000 * 1_000_000 }
            time = max(time, newest[partition] - 29_999_999)
            newest[partition] = max(newest[partition], time)
            defer { offsets[partition] += 1 }
            let card = Value.text("card \(Int.random(in: 0..<cards, using: &random))")
            return Transaction(
                time: time, partition: Int32(partition), offset: offsets[partition],
                fields: [.word(time), card, .word(random.isOneIn(2) ? 1 : 0)] + values(textLengths, using: &random))
        }
    }

    /// Events of three partitions, interleaved, of which some come long after their time.
    ///
    /// - Parameters:
    ///   - lateMax: by how many microseconds at most an event lies behind its partition's newest.
    ///   - sleeps: whether partitions fall silent for a while, and go on where they stopped.
    static func late(
        _ count: Int, cards: Int, lateMax: Int64, sleeps: Bool, using random: inout SeededGenerator
    ) -> [Transaction] {
        var newest = [Int64](repeating: 1_700_000_000_000_000, count: 3)
        var offsets = [Int64](repeating: 0, count: 3)
        var asleep: Int?
        return (0..<count).map { _ in
            if sleeps && random.isOneIn(20) { asleep = random.isOneIn(2) ? Int.random(in: 0..<3, using: &random) : nil }
            var partition = Int.random(in: 0..<3, using: &random)
            if partition == asleep { partition = (partition + 1) % 3 }
            // Those that are awake keep together; one that wakes goes on from where it was.
            let base = sleeps ? newest[partition] : (newest.max()! + newest[partition]) / 2
            var time = base + Int64.random(in: -15_000_000...(sleeps ? 20_000_000 : 10_000_000), using: &random)
            if random.isOneIn(6) { time = newest[partition] - Int64.random(in: 0...lateMax, using: &random) }
            if !random.isOneIn(3) { time = time / 1_000_000 * 1_000_000 }
            newest[partition] = max(newest[partition], time)
            defer { offsets[partition] += 1 }
            let card = Value.text("card \(Int.random(in: 0..<cards, using: &random))")
            return Transaction(
                time: time, partition: Int32(partition), offset: offsets[partition],
                fields: [.word(time), card, .word(random.isOneIn(2) ? 1 : 0)] + values([0, 8, 40], using: &random))
        }
    }

    private static func values(_ textLengths: [Int], using random: inout SeededGenerator) -> [Value] {
        let long = textLengths.randomElement(using: &random)!
        let i =
            random.isOneIn(10)
            ? [Int64.max, .min, .max - 1].randomElement(using: &random)! : Int64.random(in: -50...50, using: &random)
        let d =
            random.isOneIn(10)
            ? Int64.random(in: -(1 << 62)...(1 << 62), using: &random) : Int64.random(in: 1...99_999, using: &random)
        let x =
            random.isOneIn(10)
            ? [0.0, 1e300, -1e300, Double.leastNonzeroMagnitude, 0.1].randomElement(using: &random)!
            : Double.random(in: -1e6...1e6, using: &random)
        let text = String(repeating: "é", count: long / 2) + "\(Int.random(in: 0..<6, using: &random))"
        let all: [Value] = [
            .word(i), .word(d), .word(Int64(bitPattern: x.bitPattern)), .text(text), .word(random.isOneIn(2) ? 1 : 0),
            .word(Int64.random(in: 0...5, using: &random) * 1_000_000),
        ]
        return all.map { random.isOneIn(6) ? .null : $0 }
    }
}

extension RecordBatch {
    func append(_ transaction: Transaction) {
        for (column, value) in zip(columns, transaction.fields) {
            column.valid[count] = value == .null ? 0 : 1
            switch value {
            case .null: column.words[count] = 0
            case .word(let word): column.words[count] = word
            case .text(let text): column.words[count] = self.text.append(text).word
            }
        }
        times[count] = transaction.time
        partitions[count] = transaction.partition
        offsets[count] = transaction.offset
        count += 1
    }
}
