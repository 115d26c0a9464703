import Engine
import Foundation
import Pipelines
import Records
import TestSupport
import Testing

@testable import Worker

/// Emitted rows against `JSONSerialization`, and their keys.
struct RowEncoderTests {
    private static let fields =
        "time: timestamp, card: string, shop: int64, flag: bool, price: decimal(4), at: timestamp, ratio: double"

    private func encoded(
        _ entity: String, seed: UInt64, count: Int = 40
    ) throws -> (rows: RowBuffer, program: ViewProgram, messages: [(key: String, value: String, timestamp: Int64)]) {
        let plan = try Plan(
            parsing: """
                pipeline: p
                version: 7
                sources:
                  s: {topic: t, format: json, event_time: {field: time, unit: ms}, fields: {\(Self.fields)}}
                views:
                  v:
                    source: s
                    entity: [\(entity)]
                    features:
                      - {name: n, aggregate: count(), windows: [1h]}
                      - {name: total, aggregate: sum(price), windows: [1h]}
                      - {name: text, aggregate: last(card), windows: [1h]}
                      - {name: last_at, aggregate: max(at), windows: [1h]}
                      - {name: any, aggregate: max(flag), windows: [1h]}
                """, file: "test.yaml")
        let program = ViewProgram(plan.views[0], source: plan.sources[0])
        let rows = RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: count)
        var random = SeededGenerator(seed: seed)
        for row in 0..<count {
            rows.times[row] = .random(in: -1_000_000...4_000_000_000_000_000, using: &random)
            rows.partitions[row] = .random(in: 0...99, using: &random)
            rows.offsets[row] = .random(in: 0...(1 << 50), using: &random)
            for column in rows.entity + rows.values {
                column.words[row] = word(column.type, rows, &random)
                column.valid[row] = 1
            }
            for column in rows.values where random.isOneIn(5) { column.valid[row] = 0 }
            rows.count += 1
        }
        let encoder = RowEncoder(program, source: plan.sources[0], pipeline: plan.pipeline, version: plan.version)
        let batch = EmitBatch()
        var messages: [(key: String, value: String, timestamp: Int64)] = []
        var (row, batches) = (0, 0)
        while row < count {
            let next = encoder.encode(rows, from: row, created: 1_700_000_000_123_456, into: batch)
            try #require(next > row && batch.messages.count == next - row)
            (row, batches) = (next, batches + 1)
            for message in batch.messages {
                unsafe batch.withMessage(message) { key, value in
                    messages.append(
                        (
                            key: unsafe String(decoding: key, as: UTF8.self),
                            value: unsafe String(decoding: value, as: UTF8.self),
                            timestamp: message.timestampMilliseconds
                        ))
                }
            }
            batch.removeAll()
        }
        #expect((batches > 1) == (count > 1_000))
        return (rows, program, messages)
    }

    private func word(_ type: FieldType, _ rows: RowBuffer, _ random: inout SeededGenerator) -> Int64 {
        switch type {
        case .string:
            let letters: [Character] = ["a", "\"", "\\", "\n", "\t", "\u{1}", "\u{7F}", "é", "日", "🙂", "/", " "]
            let text = String((0..<Int.random(in: 0...60, using: &random)).map { _ in letters.randomElement(using: &random)! })
            return rows.text.append(text).word
        case .bool: return Int64.random(in: 0...1, using: &random)
        case .double:
            return Int64(bitPattern: (Double.random(in: -1e6...1e6, using: &random) / (random.isOneIn(2) ? 1 : 3)).bitPattern)
        case .timestamp: return .random(in: -100_000_000_000_000...4_000_000_000_000_000, using: &random)
        case .decimal: return .random(in: -999_999_999_999_999_999...999_999_999_999_999_999, using: &random)
        case .int64: return .random(in: .min...(.max), using: &random)
        }
    }

    /// The text of a word, the slow way; strings without what JSON escapes.
    private func text(_ word: Int64, _ type: FieldType, _ rows: RowBuffer) -> String {
        switch type {
        case .string: return rows.text.string(TextReference(word: word))
        case .bool: return word == 0 ? "false" : "true"
        case .double: return "\(Double(bitPattern: UInt64(bitPattern: word)))"
        case .int64: return "\(word)"
        case .timestamp:
            let time = EventTime(microseconds: word)
            let second = EventTime(microseconds: word - ((word % 1_000_000) + 1_000_000) % 1_000_000)
            let fraction = String(1_000_000 + (time.microseconds - second.microseconds)).dropFirst()
            return "\(second.rfc3339().dropLast()).\(fraction)Z"
        case .decimal(let scale):
            var power: UInt64 = 1
            for _ in 0..<scale { power *= 10 }
            let fraction = String(power + word.magnitude % power).dropFirst()
            return "\(word < 0 ? "-" : "")\(word.magnitude / power)\(scale > 0 ? "." : "")\(fraction)"
        }
    }

    @Test(arguments: 1...20) func rowsAreObjects(seed: UInt64) throws {
        let (rows, program, messages) = try encoded("card, shop", seed: seed)
        for (row, message) in messages.enumerated() {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(message.value.utf8)) as? [String: Any])
            #expect(object["pipeline"] as? String == "p" && object["version"] as? Int == 7 && object["view"] as? String == "v")
            #expect(object["created"] as? String == "2023-11-14T22:13:20.123456Z")
            #expect(object["event_timestamp"] as? String == text(rows.times[row], .timestamp, rows), "seed \(seed)")
            #expect(object["partition"] as? Int64 == rows.partitions[row] && object["offset"] as? Int64 == rows.offsets[row])
            #expect(object["card"] as? String == text(rows.entity[0].words[row], .string, rows), "seed \(seed)")
            // Foundation makes doubles of some.
            #expect(message.value.contains("\"shop\":\(rows.entity[1].words[row]),"))
            #expect(object.count == 9 + program.plan.values.count)
            for (value, column) in zip(program.plan.values, rows.values) {
                if column.valid[row] == 0 {
                    #expect(object[value.name] is NSNull, "seed \(seed), \(value.name)")
                } else if column.type == .string {
                    #expect(object[value.name] as? String == text(column.words[row], .string, rows), "seed \(seed)")
                } else {
                    let quote = column.type == .timestamp ? "\"" : ""
                    let member = "\"\(value.name)\":\(quote)\(text(column.words[row], column.type, rows))\(quote)"
                    #expect(message.value.contains(member), "seed \(seed): \(member) in \(message.value)")
                }
            }
            let key = try #require(try JSONSerialization.jsonObject(with: Data(message.key.utf8)) as? [Any])
            #expect(key[0] as? String == object["card"] as? String && message.key.hasSuffix(",\(rows.entity[1].words[row])]"))
            #expect(message.timestamp == max(1, rows.times[row] / 1_000))
        }
    }

    @Test(arguments: [
        ("card", FieldType.string), ("shop", .int64), ("flag", .bool), ("price", .decimal(scale: 4)), ("at", .timestamp),
    ])
    func aKeyOfOneFieldIsItsText(name: String, type: FieldType) throws {
        let (rows, _, messages) = try encoded(name, seed: 3)
        for (row, message) in messages.enumerated() { #expect(message.key == text(rows.entity[0].words[row], type, rows)) }
    }

    @Test func largeRowsComeInSeveralBatches() throws {
        let (_, _, messages) = try encoded("card", seed: 4, count: 2_000)
        #expect(messages.count == 2_000)
    }
}
