internal import Aggregates

struct DoubleState: ~Copyable {
    mutating func removeAll() {}
    mutating func add(_ word: Int64, _ needs: Needs) {}
    mutating func lower(_ f: AggregateFunction) -> LoweredValue { .null }
}
