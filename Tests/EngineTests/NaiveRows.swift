import Aggregates
import Engine
import Pipelines
import Records
import Testing

/// A snapshot row.
struct Row: Hashable {
    var time: Int64
    var entity: String
    var values: [Value]
}

struct RowID: Hashable, Comparable {
    var partition: Int64
    var offset: Int64

    static func < (a: RowID, b: RowID) -> Bool { (a.partition, a.offset) < (b.partition, b.offset) }
}

/// Every row of a view by counting anew for each: what the engine is held against.
struct NaiveRows {
    let view: ViewPlan

    /// - Parameter events: in the order in which they are applied.
    func rows(_ events: [Transaction]) -> [RowID: Row] {
        var rows: [RowID: Row] = [:]
        let byEntity = Dictionary(grouping: events.indices) { events[$0].fields[1] }
        for (entity, own) in byEntity {
            guard case .text(let entity) = entity else { continue }
            for (position, index) in own.enumerated() {
                let event = events[index]
                let seen = view.snapshots == .arrival ? own[...position] : own[...]
                rows[RowID(partition: Int64(event.partition), offset: event.offset)] = Row(
                    time: event.time, entity: entity, values: values(seen.map { events[$0] }, at: event.time))
            }
        }
        return rows
    }

    func values(_ events: [Transaction], at time: Int64) -> [Value] {
        let ordered = events.sorted { ($0.time, $0.partition, $0.offset) < ($1.time, $1.partition, $1.offset) }
        var windows: [Window: [Transaction]] = [:]
        var inputs: [Window: [Int: [Value]]] = [:]
        return view.values.map { value in
            let key = Window(span: value.window, delay: value.delay, resolution: value.resolution)
            let newer = time - value.delay.microseconds
            let loose = looseEdge(value, ordered, newer)
            if value.isExtra {
                let (from, to) = loose.map { ($0, $0 + value.resolution!.step.microseconds) } ?? (0, 0)
                let extra = ordered.filter { !isBefore($0.time, from) && isBefore($0.time, to) && !isAfter($0.time, newer) }
                guard let input = value.input else { return .word(Int64(extra.count)) }
                return .word(Int64(self.values(of: view.inputs[input], extra).count))
            }
            let window =
                windows[key]
                ?? ordered.filter { event in
                    let isOld = value.window.map { isBefore(event.time, loose ?? newer - $0.microseconds) } ?? false
                    return !isOld && !isAfter(event.time, newer)
                }
            windows[key] = window
            guard let input = value.input else { return .word(Int64(window.count)) }
            let values = inputs[key]?[input] ?? self.values(of: view.inputs[input], window)
            inputs[key, default: [:]][input] = values
            guard let type = view.inputs[input].type else { return .word(Int64(values.count)) }
            return lowered(value.function, values, type)
        }
    }

    private struct Window: Hashable {
        var span: TimeSpan?
        var delay: TimeSpan
        var resolution: Resolution?
    }

    /// Where a window that is not exact begins instead.
    private func looseEdge(_ value: ValuePlan, _ events: [Transaction], _ newer: Int64) -> Int64? {
        guard let resolution = value.resolution, let window = value.window else { return nil }
        let step = resolution.step.microseconds
        let older = newer - window.microseconds
        let edge = older - (older % step + step) % step
        guard edge < older, events.count(where: { !isBefore($0.time, edge) && !isAfter($0.time, newer) }) > resolution.events
        else {
            return nil
        }
        return edge
    }

    private func isBefore(_ time: Int64, _ older: Int64) -> Bool {
        view.bounds == .closed || view.bounds == .closedOpen ? time < older : time <= older
    }

    private func isAfter(_ time: Int64, _ newer: Int64) -> Bool {
        view.bounds == .open || view.bounds == .closedOpen ? time >= newer : time > newer
    }

    /// Arguments and conditions are plain fields.
    private func values(of input: InputPlan, _ window: [Transaction]) -> [Value] {
        guard case .field(let field, _)? = input.argument else { preconditionFailure("the argument is a field") }
        return window.compactMap { event -> Value? in
            if case .field(let condition, _)? = input.condition, event.fields[condition] != .word(1) { return nil }
            return event.fields[field] == .null ? nil : event.fields[field]
        }
    }

    private func lowered(_ function: AggregateFunction, _ values: [Value], _ type: FieldType) -> Value {
        switch function {
        case .count: return .word(Int64(values.count))
        case .countDistinct: return .word(Int64(Set(values.map { normal($0, type) }).count))
        case .first: return shown(values.first, type)
        case .last: return shown(values.last, type)
        default: break
        }
        switch type {
        case .string:
            let texts = values.compactMap { value -> [UInt8]? in if case .text(let text) = value { Array(text.utf8) } else { nil }
            }
            let extreme =
                function == .min
                ? texts.min(by: { $0.lexicographicallyPrecedes($1) }) : texts.max(by: { $0.lexicographicallyPrecedes($1) })
            return extreme.map { .text(String(decoding: $0, as: UTF8.self)) } ?? .null
        case .double: return doubles(function, words(values).map { Double(bitPattern: UInt64(bitPattern: $0)) })
        case .decimal(let scale): return whole(function, words(values), scale: scale)
        case .int64, .bool, .timestamp: return whole(function, words(values), scale: nil)
        }
    }

    private func words(_ values: [Value]) -> [Int64] {
        values.compactMap { if case .word(let word) = $0 { word } else { nil } }
    }

    private func normal(_ value: Value, _ type: FieldType) -> Value {
        type == .double && value == .word(.min) ? .word(0) : value
    }

    private func shown(_ value: Value?, _ type: FieldType) -> Value {
        guard let value else { return .null }
        guard case .word(let word) = value, case .decimal(let scale) = type else { return normal(value, type) }
        return double(Exact.double(Int128(word), scale: scale))
    }

    private func double(_ value: Double?) -> Value { value.map { .word(Int64(bitPattern: $0.bitPattern)) } ?? .null }

    private func whole(_ function: AggregateFunction, _ values: [Int64], scale: Int?) -> Value {
        let sum = values.reduce(Int128(0)) { $0 + Int128($1) }
        let count = Int64(values.count)
        var squares = SquareSum()
        for value in values { squares.add(value) }
        let digits = scale ?? 0
        switch function {
        case .sum:
            if scale != nil { return double(Exact.double(sum, scale: digits)) }
            return Int64(exactly: sum).map { .word($0) } ?? .null
        case .avg: return count == 0 ? .null : double(Exact.mean(sum: sum, count: count, scale: digits))
        case .min, .max:
            guard let extreme = function == .min ? values.min() : values.max() else { return .null }
            return scale == nil ? .word(extreme) : double(Exact.double(Int128(extreme), scale: digits))
        case .varPop, .varSamp:
            return double(Exact.variance(count: count, sum: sum, squares: squares, scale: digits, sample: function == .varSamp))
        case .stddevPop, .stddevSamp:
            return double(
                Exact.standardDeviation(count: count, sum: sum, squares: squares, scale: digits, sample: function == .stddevSamp))
        case .count, .first, .last, .countDistinct: preconditionFailure("done above")
        }
    }

    private func doubles(_ function: AggregateFunction, _ values: [Double]) -> Value {
        var sum = ExactDoubleSum()
        var squares = ExactDoubleSquareSum()
        for value in values {
            sum.add(value)
            squares.addSquare(value)
        }
        let count = Int64(values.count)
        switch function {
        case .sum: return double(sum.rounded())
        case .avg: return double(sum.mean(count: count))
        case .min: return double(values.min().map { $0 + 0 })
        case .max: return double(values.max().map { $0 + 0 })
        case .varPop, .varSamp:
            return double(Exact.variance(count: count, sum: sum, squares: squares, sample: function == .varSamp))
        case .stddevPop, .stddevSamp:
            return double(Exact.standardDeviation(count: count, sum: sum, squares: squares, sample: function == .stddevSamp))
        case .count, .first, .last, .countDistinct: preconditionFailure("done above")
        }
    }
}

extension RowBuffer {
    /// The rows in it; one that is there twice is reported.
    func collect(into rows: inout [RowID: Row], _ place: String) {
        for row in 0..<count {
            func value(_ column: Column) -> Value {
                guard column.valid[row] != 0 else { return .null }
                return column.type == .string
                    ? .text(text.string(TextReference(word: column.words[row]))) : .word(column.words[row])
            }
            guard case .text(let entity) = value(entity[0]) else { continue }
            let id = RowID(partition: partitions[row], offset: offsets[row])
            if rows.updateValue(Row(time: times[row], entity: entity, values: values.map(value)), forKey: id) != nil {
                Issue.record("row \(id) came twice; \(place)")
            }
        }
        removeAll()
    }
}
