/// SplitMix64: small, and the same on every machine. Only exact operations of `Double` are used on top of it, never a
/// function of the C library, so that a seed's bytes do not depend on the latter's version.
struct TrafficRandom {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 ≤ result < count; without a bias worth a name for counts far below 2^64.
    mutating func below(_ count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }

    /// 0 ≤ result < 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    mutating func uniform(_ from: Double, _ to: Double) -> Double { from + (to - from) * unit() }

    mutating func happens(_ share: Double) -> Bool { unit() < share }

    /// Mean 0, deviation 1, within ±6: the sum of twelve uniform numbers (Irwin and Hall).
    mutating func normal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += unit() }
        return sum
    }

    /// How many of many rare things happen, `mean` of them on average.
    mutating func count(mean: Double) -> Int {
        let trials = 16
        var count = 0
        for _ in 0..<trials where happens(mean / Double(trials)) { count += 1 }
        return count
    }
}
