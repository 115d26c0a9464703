import TestSupport
import Testing

@testable import Worker

/// Quantiles from fixed buckets against sorted numbers.
struct LatencyTests {
    @Test(arguments: 1...20) func againstSorting(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var histogram = LatencyHistogram()
        #expect(histogram.quantile(0.5) == nil)
        var all: [Int64] = []
        var earlier = histogram
        var since = 0
        for number in 0..<400 {
            if number == 250 {
                earlier = histogram
                since = all.count
            }
            let length = Int64(random.next() >> UInt64.random(in: 23...63, using: &random))
            let weight = Int.random(in: 1...9, using: &random)
            histogram.add(number == 7 ? -length : length, weight: weight)
            all += Array(repeating: number == 7 ? 0 : length, count: weight)
        }
        check(histogram, all, "seed \(seed), all")
        check(histogram.since(earlier), Array(all[since...]), "seed \(seed), the last")
    }

    private func check(_ histogram: LatencyHistogram, _ lengths: [Int64], _ place: String) {
        let sorted = lengths.sorted()
        #expect(histogram.count == UInt64(sorted.count), "\(place)")
        for quantile in [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = sorted[max(1, Int((Double(sorted.count) * quantile).rounded(.up))) - 1]
            let found = histogram.quantile(quantile)!
            #expect(found >= exact && found <= exact + exact / 16, "\(place), quantile \(quantile)")
        }
    }
}
