internal import Glibc

/// `Encoding` of parquet.thrift. Written are `plain`, `rle` (levels), `deltaBinaryPacked` and `rleDictionary`.
///
/// BYTE_STREAM_SPLIT would compress doubles better, but Spark's vectorized reader refuses it.
enum Encoding: Int32 {
    case plain = 0
    case plainDictionary = 2
    case rle = 3
    case bitPacked = 4
    case deltaBinaryPacked = 5
    case deltaLengthByteArray = 6
    case deltaByteArray = 7
    case rleDictionary = 8
    case byteStreamSplit = 9
}

/// What about a thousand values tell about a column chunk: short runs of neighbours from all over it, so that both repetition
/// nearby and repetition far apart show.
private struct Sample {
    var distinctShare = 0.0
    var deltaBits = 0.0
    /// A lower bound of the width that dictionary indices would have.
    var indexBits = 0

    private static let runs = 32
    private static let runValues = 32

    init(_ values: ChunkValues, wraps32: Bool, dictionary: inout ValueDictionary) {
        let (runs, runValues) = (Self.runs, Self.runValues)
        unsafe withUnsafeTemporaryAllocation(of: Int64.self, capacity: runs * runValues) { sampled in
            let words = unsafe sampled.baseAddress.unsafelyUnwrapped
            var count = 0
            let stride = max(runValues, (values.count - runValues) / (runs - 1))
            var start = 0
            while start < values.count, count < runs * runValues {
                let length = min(runValues, values.count - start)
                unsafe (words + count).update(from: values.words + start, count: length)
                if unsafe values.text == nil {
                    deltaBits += Double(unsafe deltaWidth(words + count, count: length, wraps32: wraps32) * length)
                }
                count += length
                start += stride
            }
            deltaBits /= Double(count)
            unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: count) { indices in
                let sample = unsafe ChunkValues(words: words, count: count, text: values.text)
                let indexed = unsafe dictionary.index(
                    sample, limit: count, expected: count, into: indices.baseAddress.unsafelyUnwrapped)
                distinctShare = indexed ? Double(dictionary.count) / Double(count) : 1
                indexBits = dictionary.indexWidth
                if indexed { unsafe countRare(indices.baseAddress.unsafelyUnwrapped, count: count, entries: dictionary.count) }
            }
        }
    }

    /// Values that came up to three times, and how often they did in all; the rest are few and frequent, as zeros may be.
    private var rare = (distinct: 0, occurrences: 0)
    private var sampled = 0

    private mutating func countRare(_ indices: UnsafePointer<UInt32>, count: Int, entries: Int) {
        sampled = count
        unsafe withUnsafeTemporaryAllocation(of: UInt16.self, capacity: entries) { occurrences in
            unsafe occurrences.initialize(repeating: 0)
            for i in 0..<count { unsafe occurrences[Int(indices[i])] += 1 }
            for i in 0..<entries where unsafe occurrences[i] <= 3 {
                rare.distinct += 1
                rare.occurrences += unsafe Int(occurrences[i])
            }
        }
    }

    /// About how many of `count` values are distinct, if the rare ones are all as rare: of M such, n draws hit
    /// M * (1 - exp(-n / M)).
    func distinctValues(of count: Int) -> Int {
        guard sampled > 0 else { return count }
        let frequent = distinctShare * Double(sampled) - Double(rare.distinct)
        let share = Double(rare.occurrences) / Double(sampled)
        guard rare.distinct < rare.occurrences else { return Int(frequent + share * Double(count)) }
        // (1 - exp(-x)) / x falls from 1 to 0: halving finds x = n / M.
        let hit = Double(rare.distinct) / Double(rare.occurrences)
        var (low, high) = (0.0, 16.0)
        for _ in 0..<24 {
            let middle = (low + high) / 2
            if (1 - exp(-middle)) / middle > hit { low = middle } else { high = middle }
        }
        let possible = Double(rare.occurrences) / high
        return Int(frequent + possible * (1 - exp(-share * Double(count) / possible)))
    }

    private func deltaWidth(_ words: UnsafePointer<Int64>, count: Int, wraps32: Bool) -> Int {
        var (least, most) = (Int64.max, Int64.min)
        for i in 1..<max(count, 1) {
            let exact = unsafe words[i] &- words[i - 1]
            let difference = wraps32 ? Int64(Int32(truncatingIfNeeded: exact)) : exact
            least = min(least, difference)
            most = max(most, difference)
        }
        return count > 1 ? bitWidth(UInt64(bitPattern: most) &- UInt64(bitPattern: least)) : 0
    }
}

/// Whether the lower halves of numbers, of which a few are looked at, come again so seldom that a compressor would find next to
/// nothing: those of most means of many values. The halves of prices are few, as are their digits after the point.
private func looksIncompressible(_ values: ChunkValues, dictionary: inout ValueDictionary) -> Bool {
    let (few, runValues) = (256, 16)
    guard unsafe values.text == nil, values.count >= 4 * few else { return false }
    return unsafe withUnsafeTemporaryAllocation(of: Int64.self, capacity: few) { halves in
        unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: few) { indices in
            let words = unsafe halves.baseAddress.unsafelyUnwrapped
            let stride = values.count / (few / runValues)
            for i in 0..<few {
                unsafe words[i] = values.words[i / runValues * stride + i % runValues] & 0xFFFF_FFFF
            }
            let sample = unsafe ChunkValues(words: words, count: few, text: nil)
            return unsafe !dictionary.index(
                sample, limit: few / 10 * 7, expected: few, into: indices.baseAddress.unsafelyUnwrapped)
        }
    }
}

/// Picks the encoding that promises the smallest chunk for little work, and whether compressing it promises anything. After
/// `rleDictionary`, `dictionary` and `indices` are those of the values.
///
/// Requires: at least one value, and room for as many indices.
func chooseEncoding(
    _ values: ChunkValues, type: PhysicalType, dictionary: inout ValueDictionary, indices: UnsafeMutablePointer<UInt32>
) -> (encoding: Encoding, compresses: Bool) {
    // Words of 64 bits are what is looked at below; nothing is known of halves.
    if type == .boolean || type == .fixedByteArray { return (.plain, true) }
    let sample = Sample(values, wraps32: type == .int32, dictionary: &dictionary)
    let plainBits = type == .int32 ? 32.0 : 64.0
    let isInteger = type == .int32 || type == .int64
    let usesDeltas = isInteger && sample.deltaBits < plainBits - 2
    var withoutDictionary: (encoding: Encoding, compresses: Bool) {
        // The dictionary is used for looking, too, and is no other's any more then.
        usesDeltas ? (.deltaBinaryPacked, true) : (.plain, !looksIncompressible(values, dictionary: &dictionary))
    }

    // Even of 50,000 equally frequent values, a sample shows ten or so twice.
    if sample.distinctShare > 0.998 { return withoutDictionary }
    if usesDeltas && sample.deltaBits < Double(sample.indexBits) { return withoutDictionary }

    // Past these shares an entry and its indices take about as much as the values.
    let limit = type == .byteArray ? values.count / 4 * 3 : values.count / 2
    let expected = sample.distinctValues(of: values.count)
    // A dictionary that is given up late costs as much as one that is kept.
    if expected > min(limit, Bounds.dictionaryEntries) { return withoutDictionary }
    guard unsafe dictionary.index(values, limit: limit, expected: expected, into: indices) else { return withoutDictionary }
    if usesDeltas {
        let entryBits = plainBits * Double(dictionary.count) / Double(values.count)
        if sample.deltaBits < Double(dictionary.indexWidth) + entryBits { return withoutDictionary }
    }
    return (.rleDictionary, true)
}
