import Aggregates
import TestSupport
import Testing

/// The fixed words of a chunk's doubles against the accumulators of any magnitude.
struct DoubleMomentsTests {
    private static func value(_ random: inout SeededGenerator) -> Double {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return [0.0, -0.0, 0x1p-76, -0x1p-76, 0x1.fffffffffffffp99, -0x1.fffffffffffffp99].randomElement(using: &random)!
        case 1:
            return Double(
                sign: Bool.random(using: &random) ? .plus : .minus, exponent: Int.random(in: -76...99, using: &random),
                significand: Double.random(in: 1..<2, using: &random))
        case 2: return Double(Int64.random(in: -1000...1000, using: &random))
        default: return Double(Int64.random(in: -1_000_000...1_000_000, using: &random)) / 100
        }
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func anyGroupingGivesTheExactSums(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let values = (0..<Int.random(in: 0...200, using: &random)).map { _ in Self.value(&random) }
        var sum = ExactDoubleSum()
        var squares = ExactDoubleSquareSum()
        for value in values {
            sum.add(value)
            squares.addSquare(value)
        }
        var all = DoubleMoments()
        var rest = values.shuffled(using: &random)[...]
        while !rest.isEmpty {
            var part = DoubleMoments()
            for value in rest.prefix(Int.random(in: 1...9, using: &random)) {
                part.add(value)
                rest.removeFirst()
            }
            all.merge(part)
        }
        #expect(!all.isWide && all.count == Int64(values.count), "seed \(seed)")
        #expect(values.isEmpty || double(orderedBits: all.least) == values.min()!, "seed \(seed)")
        #expect(values.isEmpty || double(orderedBits: all.greatest) == values.max()!, "seed \(seed)")
        var total = ExactDoubleSum()
        var totalSquares = ExactDoubleSquareSum()
        all.add(to: &total, &totalSquares)
        #expect(total.rounded() == sum.rounded(), "seed \(seed)")
        let count = Int64(max(2, values.count))
        let mean = total.mean(count: count)
        let expected = sum.mean(count: count)
        #expect(mean == expected, "seed \(seed)")
        if values.count > 1 {
            let variance = Exact.variance(count: count, sum: total, squares: totalSquares, sample: true)
            let exact = Exact.variance(count: count, sum: sum, squares: squares, sample: true)
            #expect(variance == exact, "seed \(seed)")
        }
    }

    @Test(arguments: [0x1.8p-77, -0x1p100, Double.leastNonzeroMagnitude, Double.greatestFiniteMagnitude])
    func valuesBeyondTheWordsAreNoticed(value: Double) {
        var moments = DoubleMoments()
        moments.add(1)
        moments.add(value)
        #expect(moments.isWide && moments.count == 2)
        #expect(double(orderedBits: moments.least) == min(1, value) && double(orderedBits: moments.greatest) == max(1, value))
        var other = DoubleMoments()
        other.merge(moments)
        #expect(other.isWide)
    }
}
