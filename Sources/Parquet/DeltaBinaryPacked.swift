/// DELTA_BINARY_PACKED: differences of neighbours, less the smallest of their block, each miniblock packed in as few bits as its
/// largest needs.
///
///     header  varint(128) varint(4) varint(count) zigzag(first value)
///     block   zigzag(least difference) 4 widths (a byte each) 4 miniblocks of 32 packed numbers
///
/// Miniblocks past the last value have width 0. Differences wrap around, in 32 bits for INT32 columns: a reader may refuse wider.
enum DeltaBinaryPacked {
    static let blockValues = 128
    static let miniblocks = 4
    static let miniblockValues = blockValues / miniblocks
    static let miniblockBytesMax = miniblockValues * 8
}

extension ByteBuffer {
    /// Requires: with `wraps32`, every word is a sign-extended Int32.
    mutating func append(delta words: UnsafePointer<Int64>, count: Int, wraps32: Bool) {
        append(varint: UInt64(DeltaBinaryPacked.blockValues))
        append(varint: UInt64(DeltaBinaryPacked.miniblocks))
        append(varint: UInt64(count))
        append(zigzag: count > 0 ? unsafe words[0] : 0)
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: DeltaBinaryPacked.blockValues) { differences in
            let differences = unsafe differences.baseAddress.unsafelyUnwrapped
            var position = 1
            while position < count {
                let length = min(DeltaBinaryPacked.blockValues, count - position)
                unsafe appendBlock(words + position, count: length, wraps32: wraps32, differences: differences)
                position += length
            }
        }
    }

    /// Requires: there is a word before the first.
    private mutating func appendBlock(
        _ words: UnsafePointer<Int64>, count: Int, wraps32: Bool, differences: UnsafeMutablePointer<UInt64>
    ) {
        var least = Int64.max
        if wraps32 {
            for i in 0..<count {
                let difference = unsafe Int64(Int32(truncatingIfNeeded: words[i] &- words[i - 1]))
                unsafe differences[i] = UInt64(bitPattern: difference)
                least = min(least, difference)
            }
        } else {
            for i in 0..<count {
                let difference = unsafe words[i] &- words[i - 1]
                unsafe differences[i] = UInt64(bitPattern: difference)
                least = min(least, difference)
            }
        }
        append(zigzag: least)

        let base = UInt64(bitPattern: least)
        for i in 0..<count { unsafe differences[i] &-= base }
        let packedValues =
            (count + DeltaBinaryPacked.miniblockValues - 1) / DeltaBinaryPacked.miniblockValues
            * DeltaBinaryPacked.miniblockValues
        for i in count..<packedValues { unsafe differences[i] = 0 }

        let target = unsafe reserve(DeltaBinaryPacked.miniblocks * (1 + DeltaBinaryPacked.miniblockBytesMax) + 8)
        var written = DeltaBinaryPacked.miniblocks
        for miniblock in 0..<DeltaBinaryPacked.miniblocks {
            let start = miniblock * DeltaBinaryPacked.miniblockValues
            var width = 0
            if start < count {
                let values = unsafe differences + start
                var used: UInt64 = 0
                for i in 0..<DeltaBinaryPacked.miniblockValues { used |= unsafe values[i] }
                width = bitWidth(used)
                written += unsafe packBits(
                    values, count: DeltaBinaryPacked.miniblockValues, width: width, to: target + written)
            }
            unsafe target.storeBytes(of: UInt8(width), toByteOffset: miniblock, as: UInt8.self)
        }
        advance(by: written)
    }
}
