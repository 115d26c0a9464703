import Aggregates
import Records
import Testing

/// States that are lowered a block at a time against states that are lowered one by one.
struct LoweringTests {
    private static let functions: [AggregateFunction] = [
        .count, .sum, .avg, .min, .max, .varPop, .varSamp, .stddevPop, .stddevSamp,
    ]

    /// States of a few values, of one magnitude or of all, and of many equal ones.
    private func state(_ random: inout SeededGenerator) -> Moments {
        var moments = Moments()
        let bits = Int64.random(in: 0...63, using: &random)
        let width = Int64.random(in: 1...63, using: &random)
        let offset = random.next() & 1 == 0 ? 0 : Int64(truncatingIfNeeded: random.next()) >> width
        let count = [0, 1, 1, 2, 2, 3, 5, 40, 300][Int.random(in: 0...8, using: &random)]
        for _ in 0..<count {
            switch random.next() % 200 {
            case 0: moments.add(.min)
            case 1: moments.add(.max)
            case 2: moments.add((1 << 53) + Int64(random.next() & 3) - 1)
            default: moments.add(offset &+ Int64(truncatingIfNeeded: random.next()) >> bits)
            }
        }
        // Sums of sums: counts up to 2^60.
        for _ in 0..<(random.next() % 5 == 0 ? Int.random(in: 0...60, using: &random) : 0) where moments.count < 1 << 60 {
            moments.merge(moments)
        }
        return moments
    }

    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func blocksAreLoweredAsStatesAre(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let scale = [nil, 0, 2, 2, 2, 6, Int.random(in: 0...18, using: &random)].randomElement(using: &random)!
        let count = Int.random(in: 0...MomentsBlock.capacity, using: &random)
        let row = Int.random(in: 0...9, using: &random)
        let block = MomentsBlock()
        let words = Lane<Int64>.allocate(row + count + 1, repeating: 77)
        let valid = Lane<UInt8>.allocate(row + count + 1, repeating: 77)
        let lowering = Lowering()
        defer {
            block.deallocate()
            words.deallocate()
            valid.deallocate()
        }
        let states = (0..<count).map { _ in state(&random) }
        for (index, state) in states.enumerated() { block.put(state, row: index) }
        for function in Self.functions {
            let overflows = lowering.lower(block, count: count, function, scale: scale, words: words, valid: valid, row: row)
            var overflowsExpected = 0
            for (index, state) in states.enumerated() {
                let expected = state.lower(function, scale: scale)
                if function == .sum && !expected.isValid { overflowsExpected += 1 }
                #expect(
                    words[row + index] == expected.word && valid[row + index] == (expected.isValid ? 1 : 0),
                    "seed \(seed): \(function), scale \(String(describing: scale)), \(state)")
            }
            #expect(overflows == overflowsExpected, "seed \(seed)")
            #expect(words[row + count] == 77 && valid[row + count] == 77, "seed \(seed)")
        }
    }

    /// Against bisection over the doubles with whole numbers, on states of ordinary size, which kernels decide.
    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func deviationsAreTheNearest(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let block = MomentsBlock()
        let words = Lane<Int64>.allocate(1)
        let valid = Lane<UInt8>.allocate(1)
        let lowering = Lowering()
        defer {
            block.deallocate()
            words.deallocate()
            valid.deallocate()
        }
        for _ in 0..<50 {
            var moments = Moments()
            var squares = Natural(0)
            let bits = Int64.random(in: 38...62, using: &random)
            // Far from zero, so that the variance is a small part of the squares.
            let offset =
                random.next() % 4 == 0 ? Int64(truncatingIfNeeded: random.next()) >> Int64.random(in: 38...62, using: &random) : 0
            for _ in 0..<Int.random(in: 2...9, using: &random) {
                let value = offset + Int64(truncatingIfNeeded: random.next()) >> bits
                moments.add(value)
                squares = squares + Natural(UInt128(value.magnitude)) * Natural(UInt128(value.magnitude))
            }
            // Many such values.
            for _ in 0..<(random.next() % 2 == 0 ? Int.random(in: 0...22, using: &random) : 0) {
                moments.merge(moments)
                squares = squares + squares
            }
            let scale = Int.random(in: 0...6, using: &random)
            var power = Natural(1)
            for _ in 0..<scale { power = power * Natural(10) }
            let count = Natural(UInt128(moments.count))
            let sum = Natural(moments.sum.magnitude)
            block.put(moments, row: 0)
            for function in [AggregateFunction.stddevPop, .stddevSamp, .varPop, .varSamp] {
                let freedom = function == .stddevPop || function == .varPop ? count : count - Natural(1)
                let exact = Rational(numerator: count * squares - sum * sum, denominator: count * freedom * power * power)
                _ = lowering.lower(block, count: 1, function, scale: scale, words: words, valid: valid, row: 0)
                #expect(
                    Double(bitPattern: UInt64(bitPattern: words[0]))
                        == exact.nearest(root: function == .stddevPop || function == .stddevSamp),
                    "seed \(seed): \(function), scale \(scale), \(moments)")
            }
        }
    }
}
