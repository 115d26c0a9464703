internal import CWorld
internal import Foundation
internal import Pipelines
internal import Records
internal import TestSupport
internal import Worker

/// What a seed's worker reads and computes: a pipeline, topics, and how the worker is set. All runs of a seed have it in common.
struct Scenario {
    /// A record of a topic.
    struct Message {
        var topic: Int
        var partition: Int32
        var offset: Int64
        /// Milliseconds.
        var timestamp: Int64
        var key: String?
        /// nil is Kafka's null.
        var value: String?
        /// What it says, where it can be read.
        var event: Event?
        /// Microseconds from a life's start on.
        var available: Int64
    }

    struct Event {
        /// Microseconds.
        var time: Int64
        var card: Int
        var shop: Int
        var points: Int64
    }

    /// Topics without or with an end, or files.
    enum Input { case live, bounded, files }

    let input: Input
    /// Without a state, a worker that does not come to its end has to begin anew.
    let hasState: Bool
    /// Whether rows go to a topic too.
    let emits: Bool
    let text: String
    let plan: Plan
    /// What the worker computes in some of its lives: some views have a value more, of what their logs keep already.
    let changed: Plan?
    let topics: [(name: String, partitions: Int)]
    let messages: [Message]
    let cards: Int
    let shops: Int
    let threads: Int
    let memory: Int
    /// Records after which partitions that are ahead wait for the others.
    let waitingRecordsMin: Int
    let commitInterval: TimeSpan

    /// Longer than a slow disk holds a life up, so that no partition falls silent by accident.
    static let idleMicroseconds: Int64 = 300_000_000
    static let start: Int64 = 1_700_000_000_000_000
    static let hour: Int64 = 3_600_000_000
    private static let emitTopic = "rows"

    init(_ random: inout SeededGenerator) {
        input = [.live, .live, .live, .bounded, .files].randomElement(using: &random)!
        hasState = input == .live || !random.isOneIn(4)
        emits = input == .live && random.isOneIn(3)
        threads = Int.random(in: 1...3, using: &random)
        memory = [4 << 10, 16 << 10, 64 << 10, 1 << 30].randomElement(using: &random)!
        waitingRecordsMin = [2, 10, 100_000].randomElement(using: &random)!
        commitInterval = TimeSpan(microseconds: [1, 50_000, 1_000_000].randomElement(using: &random)!)
        cards = [1, 3, 12, 40].randomElement(using: &random)!
        shops = [1, 4, 20].randomElement(using: &random)!
        let sharesTopic = random.isOneIn(3)
        let partitions = Int.random(in: 1...4, using: &random)
        topics =
            sharesTopic
            ? [("payments", partitions)] : [("payments", partitions), ("visits", Int.random(in: 1...3, using: &random))]
        text = Scenario.pipeline(sharesTopic: sharesTopic, &random)
        plan = Scenario.plan(text)
        changed = hasState && random.isOneIn(3) ? Scenario.plan(Scenario.changed(text, &random)) : nil
        var messages: [Message] = []
        // Most are small: more seeds find more than longer topics do.
        let size = [20, 20, 40, 40, 60, 60, 60, 150, 150, 500].randomElement(using: &random)!
        let appliesLate = Set(plan.sources.filter { $0.late == .apply }.map(\.topic))
        for (topic, (name, partitions)) in topics.enumerated() {
            messages += Scenario.messages(
                topic, partitions, size: size, cards: cards, shops: shops, lateOneIn: appliesLate.contains(name) ? 10 : 40,
                &random)
        }
        // A bounded run reads what is there when it begins.
        if input == .bounded { for index in messages.indices { messages[index].available = 0 } }
        // A file is one partition, its lines are the offsets, and it has no other time than that of its events.
        if input == .files {
            var lines = [Int64](repeating: 0, count: topics.count)
            for index in messages.indices {
                messages[index].partition = 0
                messages[index].offset = lines[messages[index].topic]
                lines[messages[index].topic] += 1
                messages[index].timestamp = .max / 4_000
                if messages[index].value == nil { messages[index].value = "" }
            }
        }
        self.messages = messages
    }

    // MARK: - Pipeline

    private static func pipeline(sharesTopic: Bool, _ random: inout SeededGenerator) -> String {
        let count = Int.random(in: 1...4, using: &random)
        let views = views.shuffled(using: &random).prefix(count).sorted()
        func source(_ name: String, _ topic: String, key: Bool) -> String {
            // The two exclude each other.
            let isRough = views.contains { $0.contains("source: \(name)\n") && $0.contains("resolution:") }
            return """
                  \(name):
                    topic: \(topic)
                    format: json
                \(key ? "    key: card\n" : "")    event_time: {field: time, unit: ms}
                    out_of_orderness: \(Scenario.outOfOrderness)
                    idle_timeout: 5m
                    late: \(!isRough && random.isOneIn(3) ? "apply" : "drop")
                    archive: \(random.isOneIn(3))
                    fields: {time: timestamp, card: string, shop: int64, points: int64, amount: decimal(2), price: double, note: "string?"}

                """
        }
        var text = "pipeline: simulated\nversion: 1\nsources:\n"
        text += source("payments", "payments", key: true)
        text += source("visits", sharesTopic ? "payments" : "visits", key: false)
        text += "views:\n"
        for view in views { text += view }
        return text
    }

    private static func plan(_ text: String) -> Plan {
        do { return try Plan(parsing: text, file: "simulated.yaml") } catch { preconditionFailure("\(error)\n\(text)") }
    }

    private static func changed(_ text: String, _ random: inout SeededGenerator) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var result: [Substring] = []
        for (number, line) in lines.enumerated() {
            result.append(line)
            guard line == "    features:", lines[number + 2].contains("sum(points), windows: [10s"), random.isOneIn(2) else {
                continue
            }
            result.append("      - {name: more, aggregate: max(points), windows: [10s]}")
        }
        return result.joined(separator: "\n")
    }

    static let outOfOrderness = "5s"
    static let outOfOrdernessMicroseconds: Int64 = 5_000_000

    /// Each begins with what the recount counts too.
    private static let views = [
        """
          cards:
            source: payments
            entity: [card]
            features:
              - {name: n, aggregate: count(), windows: [10s, 1m]}
              - {name: s, aggregate: sum(points), windows: [10s, 1m]}
              - {name: avg, aggregate: avg(amount), windows: [10s]}
              - {name: sd, aggregate: stddev_pop(price), windows: [1m]}
              - {name: low, aggregate: min(amount), windows: [1m]}

        """,
        """
          shops:
            source: payments
            entity: [shop]
            features:
              - {name: n, aggregate: count(), windows: [10s, 1m]}
              - {name: s, aggregate: sum(points), windows: [10s, 1m]}
              - {name: last, aggregate: last(note), windows: [10s, lifetime]}
              - {name: cards, aggregate: count_distinct(card), windows: [1m]}
              - {name: past, aggregate: max(price), windows: [10s], delay: 20s}

        """,
        """
          at_once:
            source: payments
            entity: [card]
            snapshots: arrival
            features:
              - {name: n, aggregate: count(), windows: [10s, 1m]}
              - {name: s, aggregate: sum(points), windows: [10s, 1m]}
              - {name: first, aggregate: first(note), windows: [1m]}

        """,
        """
          pairs:
            source: visits
            entity: [shop, card]
            bounds: "[]"
            where: points > 20
            features:
              - {name: n, aggregate: count(), windows: [10s, 10m]}
              - {name: s, aggregate: sum(points), windows: [10s, 10m]}
              - {name: notes, aggregate: count_distinct(note), windows: [10m], delay: 5s}

        """,
        """
          rough:
            source: visits
            entity: [shop]
            resolution: {events: 128, step: 10s}
            features:
              - {name: n, aggregate: count(), windows: [1h]}
              - {name: s, aggregate: sum(points), windows: [1h]}
              - {name: var, aggregate: var_samp(amount), windows: [10m]}

        """,
        """
          served:
            source: visits
            entity: [card]
            snapshots: none
            serve_at: latest
            features:
              - {name: n, aggregate: count(), windows: [10s, 1m]}
              - {name: high, aggregate: max(note), windows: [1m]}

        """,
    ]

    // MARK: - Topics

    private static func messages(
        _ topic: Int, _ partitions: Int, size: Int, cards: Int, shops: Int, lateOneIn: Int, _ random: inout SeededGenerator
    ) -> [Message] {
        var messages: [Message] = []
        var offsets = [Int64](repeating: 0, count: partitions)
        var newest = start
        let gap: Int64 = [5_000, 300_000, 3_000_000].randomElement(using: &random)!
        // Between phases all partitions fall silent. After the first one speaks alone in each: were there others, it would leave those
        // behind that have not woken up yet, and what rows count of them would be up to who comes first.
        let phases = random.isOneIn(3) ? Int.random(in: 2...3, using: &random) : 1
        let spread: Int64 = [0, 1_000_000, 120_000_000].randomElement(using: &random)!
        let isEmptyAtFirst = random.isOneIn(4)
        for phase in 0..<phases {
            let silent = isEmptyAtFirst ? Int.random(in: 0...partitions, using: &random) : -1
            let speaker = Int.random(in: 0..<partitions, using: &random)
            let begin = Int64(phase) * 3 * idleMicroseconds
            for number in 0..<size / phases {
                newest += Int64.random(in: 0...gap, using: &random)
                let card = random.isOneIn(3) ? 0 : Int.random(in: 0..<cards, using: &random)
                let partition = Int32(card % partitions)
                let place = Int(partition)
                guard phase == 0 ? place != silent : place == speaker else { continue }
                if random.isOneIn(20) { offsets[place] += Int64.random(in: 1...3, using: &random) }
                var time = newest - Int64.random(in: 0..<outOfOrdernessMicroseconds, using: &random)
                if random.isOneIn(lateOneIn) { time -= [10_000_000, 30_000_000, 100_000_000].randomElement(using: &random)! }
                time = max(start, time) / 1_000 * 1_000
                if phase > 0 { time = max(time, newest / 1_000 * 1_000 - outOfOrdernessMicroseconds + 1_000) }
                var event: Event? = Event(
                    time: time, card: card, shop: Int.random(in: 0..<shops, using: &random),
                    points: Int64.random(in: 0...99, using: &random))
                var timestamp = newest / 1_000
                if random.isOneIn(60) { timestamp -= 2 * hour / 1_000 }
                var value: String? = text(event!, &random)
                if random.isOneIn(40) {
                    event = nil
                    value = bad(value!, &random)
                }
                messages.append(
                    Message(
                        topic: topic, partition: partition, offset: offsets[place], timestamp: timestamp,
                        key: random.isOneIn(9) ? nil : "c\(card)", value: value, event: event,
                        available: begin + spread * Int64(number) / Int64(size)))
                offsets[place] += 1
            }
            // What comes after a silence is newer than all that came before it.
            newest += 60_000_000
        }
        return messages
    }

    private static func text(_ event: Event, _ random: inout SeededGenerator) -> String {
        let cents = Int.random(in: 100...99_999, using: &random)
        var text = #"{"time": \#(event.time / 1_000), "card": "c\#(event.card)", "shop": \#(event.shop), "#
        text += #""points": \#(event.points), "amount": \#(cents / 100).\#(cents % 100 / 10)\#(cents % 10), "#
        text += #""price": \#(Double(Int.random(in: -9_999...9_999, using: &random)) / 7)"#
        if !random.isOneIn(4) {
            text += #", "note": "\#(String(repeating: "n", count: Int.random(in: 0...40, using: &random)))""#
        }
        return text + "}"
    }

    private static func bad(_ text: String, _ random: inout SeededGenerator) -> String? {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: nil
        case 1: String(text.dropLast(Int.random(in: 1...text.count, using: &random)))
        case 2: text.replacing("\"shop\"", with: "\"shoe\"")
        default: text.replacing("\"points\": ", with: "\"points\": true, \"more\": ")
        }
    }

    /// Writes what files hold.
    func writeFiles(to folder: String) throws {
        for (topic, (name, _)) in topics.enumerated() {
            let lines = messages.filter { $0.topic == topic }.map { $0.value! + "\n" }
            try lines.joined().write(toFile: "\(folder)/\(name).jsonl", atomically: false, encoding: .utf8)
        }
    }

    /// Fills the world's topics.
    func publish() {
        world_topics_clear()
        for (name, partitions) in topics { _ = unsafe world_topic_add(name, Int32(partitions), false) }
        if emits { _ = unsafe world_topic_add(Scenario.emitTopic, 1, true) }
        for message in messages {
            let value = message.value.map { Array($0.utf8) }
            unsafe (value ?? []).withUnsafeBytes { bytes in
                var nothing: UInt8 = 0
                unsafe withUnsafePointer(to: &nothing) { nothing in
                    let start = unsafe bytes.baseAddress ?? UnsafeRawPointer(nothing)
                    unsafe world_message_add(
                        Int32(message.topic), message.partition, message.offset, message.timestamp, message.key,
                        value == nil ? nil : start, bytes.count, message.available)
                }
            }
        }
    }

    /// In a folder that is there, and that nobody syncs but for the state's own name.
    static func stateFolder(in root: String) -> String { "\(root)/kept/state" }

    func options(root: String) -> WorkerOptions {
        var options = WorkerOptions(input: .brokers("simulated", properties: []), isBounded: input != .live)
        if input == .files {
            let files = plan.sources.map { ($0.name, "\(root)/\($0.topic).jsonl") }
            options.input = .files(Dictionary(uniqueKeysWithValues: files))
        }
        if hasState { options.stateDirectory = Scenario.stateFolder(in: root) }
        options.logDirectory = "\(root)/log"
        if emits { options.emitTopic = Scenario.emitTopic }
        options.memory = memory
        options.waitingRecordsMin = waitingRecordsMin
        options.commitInterval = commitInterval
        options.threads = threads
        return options
    }
}
