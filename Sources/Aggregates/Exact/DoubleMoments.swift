/// The exact state of the aggregates over doubles of ordinary magnitude in a fixed number of words: what a log keeps per chunk.
///
/// Sums are fixed-point integers: 256 bits in two's complement from 2^-128 up, 512 bits from 2^-256 up for the squares.
/// Values between 2^-76 and 2^100, and zero, lie within whole, and so do the sums of 2^40 of them. A state that met any
/// other value is `isWide`: it knows the count and the extremes alone, and whoever wants the sums adds the values themselves.
@frozen
public struct DoubleMoments: BitwiseCopyable, Sendable {
    public private(set) var count: Int64 = 0
    /// As `orderedBits`; `.max` and `.min` for no value.
    public private(set) var least = Int64.max
    public private(set) var greatest = Int64.min
    public private(set) var isWide = false
    private var sum: InlineArray<4, UInt64> = [0, 0, 0, 0]
    private var squares: InlineArray<8, UInt64> = [0, 0, 0, 0, 0, 0, 0, 0]

    private static let exponent = -128
    private static let exponentMin = -76
    private static let exponentMax = 99

    public init() {}

    /// The words of a state that is not wide, for a store to keep.
    public static let wordCount = 15
    public var words: [UInt64] {
        precondition(!isWide, "a wide state is not kept")
        return [UInt64(bitPattern: count), UInt64(bitPattern: least), UInt64(bitPattern: greatest)]
            + sum.indices.map { sum[$0] } + squares.indices.map { squares[$0] }
    }

    /// What `words` gave. Requires: so many.
    public init(words: [UInt64]) {
        precondition(words.count == DoubleMoments.wordCount)
        count = Int64(bitPattern: words[0])
        least = Int64(bitPattern: words[1])
        greatest = Int64(bitPattern: words[2])
        for index in 0..<4 { sum[index] = words[3 + index] }
        for index in 0..<8 { squares[index] = words[7 + index] }
    }

    /// Adds a value. Requires: it is finite.
    public mutating func add(_ value: Double) {
        count &+= 1
        let ordered = orderedBits(value)
        if ordered < least { least = ordered }
        if ordered > greatest { greatest = ordered }
        let exponent = (Int(truncatingIfNeeded: value.bitPattern >> 52) & 0x7FF) - 1023
        if value == 0 { return }
        guard exponent >= DoubleMoments.exponentMin && exponent <= DoubleMoments.exponentMax else {
            isWide = true
            return
        }
        let significand = value.bitPattern & 0xF_FFFF_FFFF_FFFF | 1 << 52
        let position = exponent - 52 - DoubleMoments.exponent
        addToSum(significand, at: position, isNegative: value < 0)
        addToSquares(significand, at: 2 * position)
    }

    @inline(__always)
    private mutating func addToSum(_ significand: UInt64, at position: Int, isNegative: Bool) {
        let shift = UInt64(truncatingIfNeeded: position & 63)
        let (low, high) = (significand &<< shift, (significand >> 1) &>> (63 - shift))
        var index = position >> 6
        var carry = false
        var word = low
        var next = high
        while index < 4 {
            let (first, over) =
                isNegative ? sum[index].subtractingReportingOverflow(word) : sum[index].addingReportingOverflow(word)
            let (second, overAgain) =
                isNegative
                ? first.subtractingReportingOverflow(carry ? 1 : 0) : first.addingReportingOverflow(carry ? 1 : 0)
            sum[index] = second
            carry = over || overAgain
            word = next
            next = 0
            if word == 0 && !carry { return }
            index += 1
        }
    }

    @inline(__always)
    private mutating func addToSquares(_ significand: UInt64, at position: Int) {
        let square = significand.multipliedFullWidth(by: significand)
        let shift = UInt64(truncatingIfNeeded: position & 63)
        let words: InlineArray<3, UInt64> = [
            square.low &<< shift, square.high &<< shift | (square.low >> 1) &>> (63 - shift), (square.high >> 1) &>> (63 - shift),
        ]
        let first = position >> 6
        var carry = false
        var index = first
        while index < 8 {
            let word = index - first < 3 ? words[index - first] : 0
            let (sum, over) = squares[index].addingReportingOverflow(word)
            let (total, overAgain) = sum.addingReportingOverflow(carry ? 1 : 0)
            squares[index] = total
            carry = over || overAgain
            index += 1
            if index - first >= 3 && !carry { return }
        }
    }

    /// Adds what another state has.
    public mutating func merge(_ other: DoubleMoments) {
        count &+= other.count
        if other.least < least { least = other.least }
        if other.greatest > greatest { greatest = other.greatest }
        if other.isWide { isWide = true }
        DoubleMoments.add(&sum, other.sum)
        DoubleMoments.add(&squares, other.squares)
    }

    @inline(__always)
    private static func add<let count: Int>(_ words: inout InlineArray<count, UInt64>, _ other: InlineArray<count, UInt64>) {
        var carry = false
        for index in 0..<count {
            let (first, over) = words[index].addingReportingOverflow(other[index])
            let (second, overAgain) = first.addingReportingOverflow(carry ? 1 : 0)
            words[index] = second
            carry = over || overAgain
        }
    }

    /// Adds the sums to accumulators of any magnitude. Requires: not `isWide`.
    public func add(to total: inout ExactDoubleSum, _ totalSquares: inout ExactDoubleSquareSum) {
        precondition(!isWide, "the sums of a wide state are not known")
        var magnitude = sum
        let isNegative = sum[3] >> 63 == 1
        if isNegative {
            var carry = true
            for index in 0..<4 {
                let (word, over) = (~magnitude[index]).addingReportingOverflow(carry ? 1 : 0)
                magnitude[index] = word
                carry = over
            }
        }
        let sumAt = (DoubleMoments.exponent - ExactDoubleSum.exponent) / 64
        let squaresAt = (2 * DoubleMoments.exponent - ExactDoubleSquareSum.exponent) / 64
        let used = DoubleMoments.used(magnitude)
        total.add(magnitude.span.extracting(used), at: sumAt + used.lowerBound, isNegative: isNegative)
        let usedSquares = DoubleMoments.used(squares)
        totalSquares.add(squares.span.extracting(usedSquares), at: squaresAt + usedSquares.lowerBound)
    }

    /// The words between those that are zero at the ends.
    private static func used<let count: Int>(_ words: InlineArray<count, UInt64>) -> Range<Int> {
        var (low, high) = (0, count)
        while low < high && words[low] == 0 { low += 1 }
        while high > low && words[high - 1] == 0 { high -= 1 }
        return low..<high
    }
}
