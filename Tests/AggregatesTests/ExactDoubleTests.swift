import Aggregates
import Testing

struct ExactDoubleTests {
    /// Finite doubles of every kind; the spread of their magnitudes differs from seed to seed.
    private func values(_ random: inout SeededGenerator, most: Int = 30) -> [Double] {
        let center = Int.random(in: 0...2046, using: &random)
        let spread = Int.random(in: 0...Int.random(in: 0...2046, using: &random), using: &random)
        var values: [Double] = []
        for _ in 0..<Int.random(in: 1...most, using: &random) {
            let field = UInt64(min(max(center + Int.random(in: -spread...spread, using: &random), 0), 2046))
            let fraction = random.next() >> 12 & (Bool.random(using: &random) ? .max : .max << 30)
            values.append(Double(bitPattern: random.next() << 63 | field << 52 | fraction))
            if random.next() % 5 == 0 { values.append(-values[Int.random(in: 0..<values.count, using: &random)]) }
            if random.next() % 20 == 0 { values.append(0) }
        }
        return values
    }

    private func oracle(_ values: [Double]) -> [Double?] {
        var positive = Natural(0)
        var negative = Natural(0)
        var squares = Natural(0)
        for value in values where value != 0 {
            // As a whole number of 2^-1074.
            let significand = Natural(UInt128(value.significandBitPattern | (value.isNormal ? 1 << 52 : 0)))
            let magnitude = significand << (max(Int(value.exponentBitPattern), 1) - 1)
            if value < 0 { negative = negative + magnitude } else { positive = positive + magnitude }
            squares = squares + magnitude * magnitude
        }
        let isNegative = positive < negative
        let total = isNegative ? negative - positive : positive - negative
        let n = Natural(UInt128(values.count))
        let numerator = n * squares - total * total
        var results = [
            Rational(numerator: total, exponent: -1074, isNegative: isNegative).nearest(),
            Rational(numerator: total, denominator: n, exponent: -1074, isNegative: isNegative).nearest(),
        ]
        for degrees in [values.count, values.count - 1] {
            let variance = Rational(numerator: numerator, denominator: n * Natural(UInt128(degrees)), exponent: -2148)
            results += degrees == 0 ? [nil, nil] : [variance.nearest(), variance.nearest(root: true)]
        }
        return results
    }

    @Test(arguments: 1...80 as ClosedRange<UInt64>)
    func agreesWithTheOracle(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let values = values(&random, most: 12)
        var sum = ExactDoubleSum()
        var squares = ExactDoubleSquareSum()
        for value in values {
            sum.add(value)
            squares.addSquare(value)
        }
        let results = DoubleResults(count: Int64(values.count), sum: sum, squares: squares).values
        #expect(results == oracle(values), "seed \(seed)")
    }

    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func orderAndGroupingDoNotMatter(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var values = values(&random)
        var sum = ExactDoubleSum()
        var squares = ExactDoubleSquareSum()
        for value in values {
            sum.add(value)
            squares.addSquare(value)
        }
        let results = DoubleResults(count: Int64(values.count), sum: sum, squares: squares)

        values.shuffle(using: &random)
        sum.reset()
        squares.reset()
        for value in values {
            sum.add(value)
            squares.addSquare(value)
        }
        #expect(DoubleResults(count: Int64(values.count), sum: sum, squares: squares) == results, "seed \(seed)")
    }

    @Test func carriesRunThroughManyLimbs() {
        var sum = ExactDoubleSum()
        var squares = ExactDoubleSquareSum()
        // All bits from 2^-1074 up, then one more of the last.
        for exponent in -1074...1000 {
            sum.add(-Double(sign: .plus, exponent: exponent, significand: 1))
            squares.addSquare(Double(sign: .plus, exponent: exponent / 2, significand: 1))
        }
        sum.add(-Double.leastNonzeroMagnitude)
        #expect(sum.rounded() == -0x1p1001)
        sum.add(0x1p1001)
        #expect(sum.rounded() == 0)

        squares.reset()
        for exponent in -100...100 {
            squares.addSquare(Double(sign: .plus, exponent: exponent, significand: 1))
            squares.addSquare(Double(sign: .plus, exponent: exponent, significand: 1))
            squares.addSquare(Double(sign: .plus, exponent: exponent, significand: 1))
        }
        squares.addSquare(0x1p-100)
        // Three times all powers of four from 4^-100 to 4^100, and one more of the least: 4^101.
        let variance = Exact.variance(count: 4, sum: ExactDoubleSum(), squares: squares, sample: false)
        #expect(variance == 0x1p200)
    }

    @Test func nothingHasNoMeanAndNoSpread() {
        let empty = DoubleResults(count: 0, sum: ExactDoubleSum(), squares: ExactDoubleSquareSum())
        #expect(empty.values == [0, nil, nil, nil, nil, nil])
    }

    @Test func orderedBitsOrderAsDoublesDo() {
        let ascending: [Double] = [
            -.infinity, -.greatestFiniteMagnitude, -1.5, -1, -.leastNormalMagnitude, -.leastNonzeroMagnitude, 0,
            .leastNonzeroMagnitude, .leastNormalMagnitude, 1, 1.5, .greatestFiniteMagnitude, .infinity,
        ]
        for (lower, upper) in zip(ascending, ascending.dropFirst()) { #expect(orderedBits(lower) < orderedBits(upper)) }
        for value in ascending { #expect(double(orderedBits: orderedBits(value)) == value) }
        #expect(orderedBits(-0.0) == orderedBits(0.0))
        #expect(double(orderedBits: orderedBits(-0.0)).sign == .plus)
        var random = SeededGenerator(seed: 1)
        for _ in 0..<10_000 {
            let (a, b) = (Double(bitPattern: random.next()), Double(bitPattern: random.next()))
            if a.isNaN || b.isNaN { continue }
            #expect((a < b) == (orderedBits(a) < orderedBits(b)), "\(a) \(b)")
            #expect(double(orderedBits: orderedBits(a)).bitPattern == a.bitPattern, "\(a)")
        }
    }
}
