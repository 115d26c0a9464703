import Aggregates
import Testing

struct ExactDecimalTests {
    /// Values of one magnitude; the magnitudes differ from state to state.
    private func values(_ random: inout SeededGenerator) -> [Int64] {
        let bits = Int64.random(in: 0...63, using: &random)
        let offset = Int64(truncatingIfNeeded: random.next() >> UInt64.random(in: 1...63, using: &random))
        return (0..<Int.random(in: 1...40, using: &random)).map { _ in
            switch Int.random(in: 0...40, using: &random) {
            case 0: .min
            case 1: .max
            case 2...10: offset &+ Int64(random.next() & 3)
            default: Int64(truncatingIfNeeded: random.next()) >> bits
            }
        }
    }

    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func agreesWithTheOracle(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let values = values(&random)
        let n = Int64(values.count)
        var sum: Int128 = 0
        var squares = SquareSum.zero
        var exactSquares = Natural(0)
        for value in values {
            sum += Int128(value)
            squares.add(value)
            exactSquares = exactSquares + Natural(UInt128(value.magnitude)) * Natural(UInt128(value.magnitude))
        }
        let total = Natural(sum.magnitude)
        let count = Natural(UInt128(n))
        let numerator = count * exactSquares - total * total
        for scale in [0, 2, Int.random(in: 0...18, using: &random)] {
            var power = Natural(1)
            for _ in 0..<scale { power = power * Natural(10) }
            let mean = Rational(numerator: total, denominator: count * power, isNegative: sum < 0)
            #expect(Exact.mean(sum: sum, count: n, scale: scale) == mean.nearest(), "seed \(seed)")
            let whole = Rational(numerator: total, denominator: power, isNegative: sum < 0)
            #expect(Exact.double(sum, scale: scale) == whole.nearest(), "seed \(seed)")
            for sample in [false, true] {
                let variance = Exact.variance(count: n, sum: sum, squares: squares, scale: scale, sample: sample)
                let deviation = Exact.standardDeviation(count: n, sum: sum, squares: squares, scale: scale, sample: sample)
                if sample && n == 1 {
                    #expect(variance == nil && deviation == nil, "seed \(seed)")
                    continue
                }
                let degrees = Natural(UInt128(sample ? n - 1 : n))
                let exact = Rational(numerator: numerator, denominator: count * degrees * power * power)
                #expect(variance == exact.nearest(), "seed \(seed) scale \(scale)")
                #expect(deviation == exact.nearest(root: true), "seed \(seed) scale \(scale)")
            }
        }
    }

    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func squaresAddMergeAndComeOff(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let values = values(&random)
        let cut = Int.random(in: 0...values.count, using: &random)
        var all = SquareSum.zero
        var first = SquareSum.zero
        var second = SquareSum.zero
        for (i, value) in values.enumerated() {
            all.add(value)
            if i < cut { first.add(value) } else { second.add(value) }
        }
        var merged = second
        merged += first
        #expect(merged == all, "seed \(seed)")
        merged -= first
        #expect(merged == second, "seed \(seed)")
        for value in values[cut...] { merged.subtract(value) }
        #expect(merged == .zero, "seed \(seed)")
    }

    @Test func squaresCarryPast128Bits() {
        var squares = SquareSum.zero
        for _ in 0..<5 { squares.add(.min) }
        #expect(squares == SquareSum(low: 1 << 126, high: 1))
        squares.subtract(.min)
        squares.subtract(.min)
        #expect(squares == SquareSum(low: 3 << 126, high: 0))
    }

    @Test func noValuesHaveNoSpread() {
        for sample in [false, true] {
            #expect(Exact.variance(count: 0, sum: 0, squares: .zero, scale: 2, sample: sample) == nil)
            #expect(Exact.standardDeviation(count: 0, sum: 0, squares: .zero, scale: 2, sample: sample) == nil)
        }
    }
}
