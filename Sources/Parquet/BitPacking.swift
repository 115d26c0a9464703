/// Packs values of `width` bits each without gaps, from the least significant bit of the first byte on, and returns the number
/// of bytes: that of the bits, rounded up, the last byte filled with zeros.
///
/// Requires: every value is below 2^width; room for 8 bytes more than the result.
@inline(__always)
func packBits<Word: FixedWidthInteger & UnsignedInteger>(
    _ values: UnsafePointer<Word>, count: Int, width: Int, to target: UnsafeMutableRawPointer
) -> Int {
    guard width > 0 else { return 0 }
    let width = UInt64(width)
    var word: UInt64 = 0
    var filled: UInt64 = 0
    var written = 0
    for i in 0..<count {
        let value = unsafe UInt64(truncatingIfNeeded: values[i])
        word |= value &<< filled
        filled &+= width
        if filled >= 64 {
            unsafe target.storeBytes(of: word.littleEndian, toByteOffset: written, as: UInt64.self)
            written &+= 8
            filled &-= 64
            word = filled == 0 ? 0 : value &>> (width &- filled)
        }
    }
    unsafe target.storeBytes(of: word.littleEndian, toByteOffset: written, as: UInt64.self)
    return written + Int(filled + 7) / 8
}

/// Bits that are needed to tell the numbers 0...value apart.
@inline(__always)
func bitWidth(_ value: UInt64) -> Int { 64 - value.leadingZeroBitCount }
