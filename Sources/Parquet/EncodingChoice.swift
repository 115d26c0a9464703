/// `Encoding` of parquet.thrift, as far as it is written here.
///
/// BYTE_STREAM_SPLIT would compress doubles better, but Spark's vectorized reader refuses it.
enum Encoding: Int32 {
    case plain = 0
    case rle = 3
    case deltaBinaryPacked = 5
    case rleDictionary = 8
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
                let indexed = unsafe dictionary.index(sample, limit: count, into: indices.baseAddress.unsafelyUnwrapped)
                distinctShare = indexed ? Double(dictionary.count) / Double(count) : 1
                indexBits = dictionary.indexWidth
            }
        }
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

/// Picks the encoding that promises the smallest chunk for little work. After `rleDictionary`, `dictionary` and `indices` are
/// those of the values.
///
/// Requires: at least one value, and room for as many indices.
func chooseEncoding(
    _ values: ChunkValues, type: PhysicalType, dictionary: inout ValueDictionary, indices: UnsafeMutablePointer<UInt32>
) -> Encoding {
    if type == .boolean { return .plain }
    let sample = Sample(values, wraps32: type == .int32, dictionary: &dictionary)
    let plainBits = type == .int32 ? 32.0 : 64.0
    let isInteger = type == .int32 || type == .int64
    let withoutDictionary: Encoding = isInteger && sample.deltaBits < plainBits - 2 ? .deltaBinaryPacked : .plain

    // Even of 50,000 equally frequent values, a sample shows ten or so twice.
    if sample.distinctShare > 0.998 { return withoutDictionary }
    if withoutDictionary == .deltaBinaryPacked && sample.deltaBits < Double(sample.indexBits) { return withoutDictionary }

    // Past these shares an entry and its indices take about as much as the values.
    let limit = type == .byteArray ? values.count / 4 * 3 : values.count / 2
    guard unsafe dictionary.index(values, limit: limit, into: indices) else { return withoutDictionary }
    if withoutDictionary == .deltaBinaryPacked {
        let entryBits = plainBits * Double(dictionary.count) / Double(values.count)
        if sample.deltaBits < Double(dictionary.indexWidth) + entryBits { return withoutDictionary }
    }
    return .rleDictionary
}
