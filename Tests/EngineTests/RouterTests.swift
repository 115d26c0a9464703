import Engine
import Pipelines
import Records
import TestSupport
import Testing
import Windows

/// Columns at a time and sorted by slice, records must become what a row at a time makes of them.
struct RouterTests {
    /// An event as the batch of its slice has it.
    private struct Routed: Hashable {
        var time: Int64
        var partition: Int32
        var offset: Int64
        var hash: UInt64
        var key: [UInt8]
        var inputs: [Value]
    }

    @Test func hashOfEveryLength() {
        var random = SeededGenerator(seed: 1)
        for length in 0...70 {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let hash = unsafe bytes.withUnsafeBytes { unsafe EntityKey.hash($0) }
            #expect(hash == RouterTests.slowHash(bytes), "length \(length)")
        }
    }

    @Test(arguments: 1...40) func againstARowAtATime(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let entity = ["card", "flag", "card, d", "at, card, s", "i", "s"][Int(seed) % 6]
        let condition = random.isOneIn(2) ? "\n    where: flag" : ""
        let yaml =
            Transactions.source.replacing("KEY", with: "topic: transactions").replacing("d: decimal(2)?", with: "d: decimal(2)")
            .replacing("i: int64?", with: "i: int64").replacing("s: string?", with: "s: string")
            .replacing("at: timestamp?", with: "at: timestamp")
                + """
                  cards:
                    source: transactions
                    entity: [\(entity)]\(condition)
                    features:
                      - {name: a, aggregate: sum(x), windows: [1h]}
                      - {name: b, aggregate: last(s), windows: [1h]}
                      - {name: c, aggregate: last(card), windows: [1h], where: b}
                      - {name: d, aggregate: max(x), windows: [1h], where: b}
                      - {name: e, aggregate: count(), windows: [1h], where: b}
                """.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n")
        let plan = try Plan(parsing: yaml, file: "test.yaml")
        let view = plan.views[0]
        let program = ViewProgram(view, source: plan.sources[0])
        let records = RecordBatch(types: plan.sources[0].fields.map(\.type), capacity: 300)
        let expressions = ExpressionEvaluator(EventRouter.expressions(of: plan.views), capacity: 300)
        var first = 0
        let router = EventRouter(program, firstExpression: &first)
        for turn in 0..<6 {
            let count = turn == 0 ? 0 : Int.random(in: 1...300, using: &random)
            let events = (0..<count).map { _ in RouterTests.event(using: &random) }
            let sliceCount = [nil, 1, 2, 8, 31][Int.random(in: 0..<5, using: &random)]
            records.removeAll()
            for event in events { records.append(event) }
            expressions.evaluate(records)
            var batches: [Int: EventBatch] = [:]
            router.route(records, expressions, sliceCount: sliceCount) { slice in
                if let batch = batches[slice] { return batch }
                batches[slice] = EventBatch(columnCount: program.layout.columns.count, capacity: 300)
                return batches[slice]!
            }
            let routed = batches.mapValues { RouterTests.events(in: $0, view) }
            #expect(routed == RouterTests.expected(events, view, program, sliceCount), "seed \(seed), turn \(turn), by \(entity)")
        }
    }

    private static func event(using random: inout SeededGenerator) -> Transaction {
        func text() -> Value {
            .text(String(repeating: "ä", count: Int.random(in: 0...20, using: &random)) + String(random.next() % 7))
        }
        func number() -> Int64 { random.isOneIn(3) ? Int64(bitPattern: random.next()) : Int64.random(in: -2...2, using: &random) }
        let flag = Value.word(random.isOneIn(3) ? 0 : 1)
        let x = random.isOneIn(5) ? Value.null : .word(Int64(bitPattern: Double(number()).bitPattern))
        let b = random.isOneIn(4) ? Value.null : .word(random.isOneIn(2) ? 1 : 0)
        let short = Value.text(["", "a", "ab", "abc", "abcd", "abcde"].randomElement(using: &random)!)
        return Transaction(
            time: number(), partition: Int32.random(in: 0..<5, using: &random), offset: number(),
            fields: [
                .word(number()), text(), flag, .word(number()), .word(number()), x, random.isOneIn(2) ? short : text(), b,
                .word(number()),
            ])
    }

    private static func events(in batch: EventBatch, _ view: ViewPlan) -> [Routed] {
        (0..<batch.count).map { event in
            let key = TextReference(word: batch.keys[event])
            let inputs = (0..<view.inputs.count).map { input -> Value in
                guard batch.valid[input][event] == 1 else { return batch.words[input][event] == 0 ? .null : .text("not zero") }
                let word = batch.words[input][event]
                return view.inputs[input].type == .string ? .text(batch.text.string(TextReference(word: word))) : .word(word)
            }
            return Routed(
                time: batch.times[event], partition: batch.partitions[event], offset: batch.offsets[event],
                hash: batch.hashes[event], key: unsafe Array(batch.text.bytes(key)), inputs: inputs)
        }
    }

    private static func expected(
        _ events: [Transaction], _ view: ViewPlan, _ program: ViewProgram, _ sliceCount: Int?
    ) -> [Int: [Routed]] {
        var slices: [Int: [Routed]] = [:]
        for event in events where view.condition == nil || event.fields[2] == .word(1) {
            var key: [UInt8] = []
            for (field, type) in zip(view.entity, program.entityTypes) {
                switch event.fields[field] {
                case .null: Issue.record("an entity has no nulls")
                case .text(let text): key += bigEndian(UInt64(text.utf8.count), bytes: 4) + Array(text.utf8)
                case .word(let word):
                    key += type == .bool ? [UInt8(word)] : bigEndian(UInt64(bitPattern: word) ^ 1 << 63, bytes: 8)
                }
            }
            let hash = slowHash(key)
            let inputs = view.inputs.map { input -> Value in
                if input.condition != nil && event.fields[7] != .word(1) { return .null }
                guard case .field(let field, _)? = input.argument else { return .word(0) }
                return event.fields[field]
            }
            let slice = sliceCount.map { Int((hash >> 40) % UInt64($0)) } ?? Int(event.partition)
            slices[slice, default: []].append(
                Routed(
                    time: event.time, partition: event.partition, offset: event.offset, hash: hash, key: key, inputs: inputs))
        }
        return slices
    }

    private static func bigEndian(_ number: UInt64, bytes: Int) -> [UInt8] {
        (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
    }

    /// The hash of the state's format, byte by byte.
    private static func slowHash(_ bytes: [UInt8]) -> UInt64 {
        func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
            let (high, low) = a.multipliedFullWidth(by: b)
            return (high ^ low) &+ a
        }
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(bytes.count)
        for start in stride(from: 0, to: bytes.count, by: 8) {
            let word = bytes[start..<min(start + 8, bytes.count)]
            if word.count == 8 {
                state = fold(state ^ word.reversed().reduce(0) { $0 << 8 | UInt64($1) }, 0xD6E8_FEB8_6659_FD93)
            } else {
                state = fold(state ^ word.reduce(0) { $0 << 8 | UInt64($1) }, 0xA076_1D64_78BD_642F)
            }
        }
        return fold(state ^ 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3)
    }
}
