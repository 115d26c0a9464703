extension ByteBuffer {
    /// Appends values of `width` bits as RLE runs and bit-packed groups of eight, without a length in front.
    ///
    ///     run    varint(length << 1)      value in ceil(width / 8) bytes
    ///     packed varint(groups << 1 | 1)  groups * width bytes, the last group padded with zeros
    ///
    /// Only the last packed groups of all may be padded, so runs start at multiples of eight after a packed part.
    mutating func append<Word: FixedWidthInteger & UnsignedInteger>(
        hybrid values: UnsafePointer<Word>, count: Int, width: Int
    ) {
        var position = 0
        while position < count {
            var end = position
            var run = 0
            while end < count {
                let length = unsafe runLength(values + end, count: count - end)
                // A run costs its own header and that of the packed part after it.
                if length == count - end || (length >= 8 && length / 8 * width >= 8) {
                    run = length
                    break
                }
                end += 8
            }
            end = min(end, count)
            if end > position {
                unsafe appendPacked(values + position, count: end - position, width: width)
            }
            if run > 0 {
                unsafe append(run: values[end], length: run, width: width)
            }
            position = end + run
        }
    }

    mutating func append<Word: FixedWidthInteger & UnsignedInteger>(run value: Word, length: Int, width: Int) {
        append(varint: UInt64(length) << 1)
        var rest = UInt64(value)
        for _ in 0..<(width + 7) / 8 {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    @inline(__always)
    private mutating func appendPacked<Word: FixedWidthInteger & UnsignedInteger>(
        _ values: UnsafePointer<Word>, count: Int, width: Int
    ) {
        let groups = (count + 7) / 8
        append(varint: UInt64(groups) << 1 | 1)
        let target = unsafe reserve(groups * width + 8)
        let written = unsafe packBits(values, count: count, width: width, to: target)
        unsafe (target + written).initializeMemory(as: UInt8.self, repeating: 0, count: groups * width - written)
        advance(by: groups * width)
    }
}

/// The number of values from the first on that equal it; for a first group of eight that are not all equal, any number below 8.
@inline(__always)
private func runLength<Word: FixedWidthInteger>(_ values: UnsafePointer<Word>, count: Int) -> Int {
    let first = unsafe values[0]
    if count >= 8, unsafe values[7] != first { return 1 }
    var length = 1
    while length < count, unsafe values[length] == first { length &+= 1 }
    return length
}
