import Aggregates
import Foundation
import Testing

/// Against `Golden/generate.py`, whose oracle is Python's integers.
struct ExactGoldenTests {
    @Test func decimalsRoundAsTheRationalDoes() throws {
        var checked = 0
        for line in try golden("exact_decimal.txt") {
            let word = line.split(separator: " ")
            switch word[0] {
            case "mean":
                let sum = try #require(Int128(word[1]))
                let count = try #require(Int64(word[2]))
                let scale = try #require(Int(word[3]))
                #expect(text(Exact.mean(sum: sum, count: count, scale: scale)) == word[4], "\(line)")
                if count == 1 { #expect(text(Exact.double(sum, scale: scale)) == word[4], "\(line)") }
            case "spread":
                let count = try #require(Int64(word[1]))
                let sum = try #require(Int128(word[2]))
                let squares = try #require(squareSum(word[3].dropFirst(2)))
                let scale = try #require(Int(word[4]))
                let sample = word[5] == "1"
                let variance = Exact.variance(count: count, sum: sum, squares: squares, scale: scale, sample: sample)
                #expect(text(variance) == word[6], "\(line)")
                let deviation = Exact.standardDeviation(count: count, sum: sum, squares: squares, scale: scale, sample: sample)
                #expect(text(deviation) == word[7], "\(line)")
            default:
                Issue.record("unknown line \(line)")
            }
            checked += 1
        }
        #expect(checked > 5000)
    }

    @Test func doublesRoundAsTheRationalDoes() throws {
        var checked = 0
        var sum = ExactDoubleSum()
        var squares = ExactDoubleSquareSum()
        for line in try golden("exact_double.txt") {
            let word = line.split(separator: " ")
            sum.reset()
            squares.reset()
            let values = try word[7...].map { Double(bitPattern: try #require(UInt64($0.dropFirst(2), radix: 16))) }
            for value in values {
                sum.add(value)
                squares.addSquare(value)
            }
            let results = DoubleResults(count: Int64(values.count), sum: sum, squares: squares).values
            #expect(results.map { text($0) } == word[..<6].map { String($0) }, "\(line)")
            checked += 1
        }
        #expect(checked > 1000)
    }

    private func golden(_ name: String) throws -> [Substring] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
        let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
        return text.split(separator: "\n")
    }

    private func squareSum(_ digits: Substring) -> SquareSum? {
        let low = digits.suffix(32)
        let high = digits.dropLast(32)
        guard let low = UInt128(low, radix: 16), let high = high.isEmpty ? 0 : UInt64(high, radix: 16) else { return nil }
        return SquareSum(low: low, high: high)
    }

    private func text(_ value: Double?) -> String {
        guard let value else { return "nil" }
        let digits = String(value.bitPattern, radix: 16)
        return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// All that is finished from one pair of states.
struct DoubleResults: Equatable {
    /// Sum, mean, population variance and deviation, sample variance and deviation.
    var values: [Double?]

    init(count: Int64, sum: borrowing ExactDoubleSum, squares: borrowing ExactDoubleSquareSum) {
        values = [sum.rounded(), sum.mean(count: count)]
        for sample in [false, true] {
            values.append(Exact.variance(count: count, sum: sum, squares: squares, sample: sample))
            values.append(Exact.standardDeviation(count: count, sum: sum, squares: squares, sample: sample))
        }
    }
}
