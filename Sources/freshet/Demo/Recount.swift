import Aggregates
import Engine
import Pipelines
import Records

/// A view's values by plain loops over the events that were produced: nothing of the engine is used, only its plan is read.
struct Recount {
    let view: ViewPlan
    /// Of every value; nil where these loops do not know how.
    private let inputs: [Input?]
    let fields: [TrafficField]
    private let condition: TrafficCondition

    private struct Input {
        var field: TrafficField?
        var condition: TrafficCondition
    }

    /// One entity's events by time, and of each the value that an input takes from it.
    struct History {
        var key: [Int64]
        var times: [Int64] = []
        var events: [TrafficEvent] = []
        /// Per value of the view.
        var columns: [[Int64?]] = []

        /// How many of ascending times are not after `time`.
        static func count(of times: [Int64], through time: Int64) -> Int {
            var (low, high) = (0, times.count)
            while low < high {
                let middle = (low + high) / 2
                if times[middle] <= time { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    /// nil if the view's condition is one that these loops do not know.
    init?(_ view: ViewPlan, fields: [TrafficField]) {
        guard let condition = TrafficCondition(view.condition, fields) else { return nil }
        self.view = view
        self.fields = fields
        self.condition = condition
        inputs = view.values.map { value in
            guard let index = value.input else { return Input(field: nil, condition: TrafficCondition()) }
            let input = view.inputs[index]
            guard let condition = TrafficCondition(input.condition, fields) else { return nil }
            switch input.argument {
            case nil: return Input(field: nil, condition: condition)
            case .field(let position, _)?:
                let field = fields[position]
                let isNumber = field == .amount || field == .fraud || field == .transaction
                let isKnown =
                    value.function == .count || value.function == .countDistinct
                    || isNumber && value.function != .first && value.function != .last
                return isKnown ? Input(field: field, condition: condition) : nil
            default: return nil
            }
        }
    }

    /// Names of values that are not recounted.
    var unknownValues: [String] { zip(view.values, inputs).filter { $0.1 == nil }.map(\.0.name) }

    func takes(_ event: TrafficEvent) -> Bool { condition.holds(for: event) }
    func key(of event: TrafficEvent) -> [Int64] { view.entity.map { fields[$0].value(of: event) } }
    func text(of key: [Int64]) -> [String] { zip(view.entity, key).map { fields[$0].text($1) } }

    /// All entities of the applied events, in the order of their keys.
    func histories(_ ledger: TrafficLedger) -> [History] {
        var index: [[Int64]: Int] = [:]
        var histories: [History] = []
        for (events, rejections) in zip(ledger.events, ledger.rejections) {
            for (event, rejection) in zip(events, rejections) where rejection == nil && takes(event) {
                let key = key(of: event)
                if let known = index[key] {
                    histories[known].events.append(event)
                } else {
                    index[key] = histories.count
                    histories.append(History(key: key, events: [event]))
                }
            }
        }
        for position in histories.indices {
            histories[position].events.sort { $0.time < $1.time }
            let events = histories[position].events
            histories[position].times = events.map { $0.time * 1_000 }
            histories[position].columns = inputs.map { input in
                guard let input else { return [] }
                return events.map { input.condition.holds(for: $0) ? input.field?.value(of: $0) ?? 1 : nil }
            }
        }
        return histories.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    /// A view's value at an instant in microseconds; nil where it is not recounted.
    func value(_ index: Int, of history: History, at time: Int64) -> FeatureValue? {
        guard inputs[index] != nil else { return nil }
        let plan = view.values[index]
        let to = time - plan.delay.microseconds
        let from = plan.window.map { to - $0.microseconds }
        let includesOldest = view.bounds == .closed || view.bounds == .closedOpen
        let includesNewest = view.bounds == .closed || view.bounds == .openClosed

        let hasSpread = plan.function != .count && plan.function != .sum && plan.function != .avg
        var count: Int64 = 0
        var sum: Int128 = 0
        var squares: UInt128 = 0
        var (least, greatest) = (Int64.max, Int64.min)
        var distinct: Set<Int64> = []
        let (times, column) = (history.times, history.columns[index])
        // Newest first, from the last event that the window may hold until one lies before it.
        var position = History.count(of: times, through: to)
        while position > 0 {
            position -= 1
            let eventTime = times[position]
            if let from, eventTime < from || eventTime == from && !includesOldest { break }
            guard eventTime < to || includesNewest, let value = column[position] else { continue }
            count += 1
            sum += Int128(value)
            guard hasSpread else { continue }
            squares += UInt128(value.magnitude) * UInt128(value.magnitude)
            least = min(least, value)
            greatest = max(greatest, value)
            if plan.function == .countDistinct { distinct.insert(value) }
        }

        let scale: UInt64 = isAmount(index) ? 100 : 1
        let isDouble = plan.type == .double
        func number(_ value: Int128) -> FeatureValue {
            isDouble ? .double(ExactRounding.quotient(value, scale)) : Int64(exactly: value).map { .int64($0) } ?? .null
        }
        switch plan.function {
        case .count: return .int64(count)
        case .countDistinct: return .int64(Int64(distinct.count))
        case .sum: return number(sum)
        case .avg: return count == 0 ? .null : .double(ExactRounding.quotient(sum, UInt64(count) * scale))
        case .min: return count == 0 ? .null : number(Int128(least))
        case .max: return count == 0 ? .null : number(Int128(greatest))
        case .varPop, .varSamp, .stddevPop, .stddevSamp:
            let isSample = plan.function == .varSamp || plan.function == .stddevSamp
            guard count > (isSample ? 1 : 0) else { return .null }
            return spread(plan.function, UInt64(count), sum, squares, scale, isSample: isSample)
        case .first, .last: return nil
        }
    }

    /// From `count * squares - sum²`, which is whole and never negative.
    private func spread(
        _ function: AggregateFunction, _ count: UInt64, _ sum: Int128, _ squares: UInt128, _ scale: UInt64, isSample: Bool
    ) -> FeatureValue? {
        let numerator = UInt128(count) * squares - sum.magnitude * sum.magnitude
        switch function {
        case .varPop: return .double(ExactRounding.quotient(Int128(numerator), count * count * scale * scale))
        case .varSamp: return .double(ExactRounding.quotient(Int128(numerator), count * (count - 1) * scale * scale))
        case .stddevPop: return .double(ExactRounding.root(numerator, over: count * scale))
        case .stddevSamp:
            // sqrt(a / (n * (n - 1))) = sqrt(a * n * (n - 1)) / (n * (n - 1))
            let pairs = count * (count - 1)
            return .double(ExactRounding.root(numerator * UInt128(pairs), over: pairs * scale))
        default: return nil
        }
    }

    private func isAmount(_ index: Int) -> Bool { inputs[index]?.field == .amount }
}
