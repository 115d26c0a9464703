import Engine
import Foundation
import Pipelines
import Records
import TestSupport

/// A folder for one test, removed at its end.
final class Folder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("history-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Rows of a view with a value of every type; row n has offset n.
struct SnapshotRows {
    let plan: Plan
    let program: ViewProgram

    init() throws {
        plan = try Plan(
            parsing: """
                pipeline: test
                version: 3
                sources:
                  events:
                    topic: events
                    format: json
                    event_time: {field: time, unit: us}
                    fields: {time: timestamp, card: string, number: int64, x: double, flag: bool, at: timestamp, text: string}
                views:
                  cards:
                    source: events
                    entity: [card, number]
                    features:
                      - {name: n, aggregate: count(), windows: [1d]}
                      - {name: x, aggregate: avg(x), windows: [1d]}
                      - {name: flag, aggregate: last(flag), windows: [1d]}
                      - {name: at, aggregate: last(at), windows: [1d]}
                      - {name: text, aggregate: last(text), windows: [1d]}
                """, file: "test.yaml")
        program = ViewProgram(plan.views[0], source: plan.sources[0])
    }

    func buffer(_ capacity: Int) -> RowBuffer {
        RowBuffer(entity: program.entityTypes, values: program.valueTypes, capacity: capacity)
    }

    /// Appends the rows of these offsets; each is a function of its offset alone.
    func fill(_ buffer: RowBuffer, _ offsets: Range<Int>) {
        for offset in offsets {
            var random = SeededGenerator(seed: UInt64(offset))
            let row = buffer.count
            let day = Int64.random(in: -1...2, using: &random)
            buffer.times[row] = day * 86_400_000_000 + Int64.random(in: 0..<86_400_000_000, using: &random)
            buffer.partitions[row] = Int64(offset % 3)
            buffer.offsets[row] = Int64(offset)
            buffer.entity[0].words[row] = buffer.text.append("card \(offset % 7)").word
            buffer.entity[1].words[row] = Int64(offset) * 3
            for column in buffer.values {
                let isValid = !random.isOneIn(4)
                column.valid[row] = isValid ? 1 : 0
                column.words[row] = 0
                guard isValid else { continue }
                switch column.type {
                case .bool: column.words[row] = Int64.random(in: 0...1, using: &random)
                case .string:
                    let length = Int.random(in: 0...20, using: &random)
                    column.words[row] = buffer.text.append(String(repeating: "é", count: length)).word
                case .double: column.words[row] = Int64(bitPattern: Double.random(in: -1...1, using: &random).bitPattern)
                case .int64, .timestamp, .decimal: column.words[row] = .random(in: 0...1_000_000, using: &random)
                }
            }
            buffer.count = row + 1
        }
    }

    /// A buffer's rows as text, to be compared.
    func texts(_ buffer: RowBuffer) -> [String] {
        (0..<buffer.count).map { row in
            var text = "\(buffer.times[row]) \(buffer.partitions[row]) \(buffer.offsets[row])"
            for column in buffer.entity + buffer.values {
                let word = column.words[row]
                let shown = column.type == .string ? buffer.text.string(TextReference(word: word)) : "\(word)"
                text += " " + (column.valid[row] == 1 ? shown : "null")
            }
            return text
        }
    }

    func expected(_ offsets: Range<Int>) -> [String] {
        let buffer = buffer(offsets.count)
        fill(buffer, offsets)
        return texts(buffer)
    }
}
