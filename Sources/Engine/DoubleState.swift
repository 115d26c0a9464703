internal import Aggregates

/// The exact state of the aggregates over doubles: accumulators wide enough for every double and its square, so that a value
/// is the correctly rounded one whatever the order of its events.
struct DoubleState: ~Copyable {
    private var count: Int64 = 0
    private var sum = ExactDoubleSum()
    private var squares = ExactDoubleSquareSum()
    private var least = Int64.max
    private var greatest = Int64.min

    mutating func removeAll() {
        count = 0
        sum.reset()
        squares.reset()
        least = .max
        greatest = .min
    }

    mutating func add(_ word: Int64, _ needs: Needs) {
        let value = Double(bitPattern: UInt64(bitPattern: word))
        count &+= 1
        if needs.contains(.sum) { sum.add(value) }
        if needs.contains(.squares) { squares.addSquare(value) }
        if needs.contains(.extremes) {
            let ordered = orderedBits(value)
            if ordered < least { least = ordered }
            if ordered > greatest { greatest = ordered }
        }
    }

    /// Adds what is known of many values. Requires: not wide.
    mutating func add(_ moments: DoubleMoments) {
        count &+= moments.count
        moments.add(to: &sum, &squares)
        if moments.least < least { least = moments.least }
        if moments.greatest > greatest { greatest = moments.greatest }
    }

    /// The value of an aggregate that is made of sums, squares and extremes; null also where it would be infinite.
    func lower(_ function: AggregateFunction) -> LoweredValue {
        switch function {
        case .sum: return LoweredValue(double: sum.rounded())
        case .avg: return LoweredValue(double: sum.mean(count: count))
        case .min: return count == 0 ? .null : LoweredValue(double: double(orderedBits: least))
        case .max: return count == 0 ? .null : LoweredValue(double: double(orderedBits: greatest))
        case .varPop: return LoweredValue(double: Exact.variance(count: count, sum: sum, squares: squares, sample: false))
        case .varSamp: return LoweredValue(double: Exact.variance(count: count, sum: sum, squares: squares, sample: true))
        case .stddevPop:
            return LoweredValue(double: Exact.standardDeviation(count: count, sum: sum, squares: squares, sample: false))
        case .stddevSamp:
            return LoweredValue(double: Exact.standardDeviation(count: count, sum: sum, squares: squares, sample: true))
        case .count, .first, .last, .countDistinct:
            preconditionFailure("\(function) is not made of a double's state")
        }
    }
}
