internal import Glibc

/// What a word of a text column says: where in the column's bytes the text lies.
@inline(__always) func textOffset(_ word: Int64) -> Int { Int(truncatingIfNeeded: UInt64(bitPattern: word) >> 32) }
@inline(__always) func textLength(_ word: Int64) -> Int { Int(word & 0xFFFF_FFFF) }

@inline(__always)
func sameText(_ a: Int64, _ b: Int64, _ text: UnsafePointer<UInt8>) -> Bool {
    unsafe textLength(a) == textLength(b) && memcmp(text + textOffset(a), text + textOffset(b), textLength(a)) == 0
}

/// The order of Parquet's strings: unsigned bytes, a prefix before what it begins.
@inline(__always)
func precedes(_ a: Int64, _ b: Int64, _ text: UnsafePointer<UInt8>) -> Bool {
    let order = unsafe memcmp(text + textOffset(a), text + textOffset(b), min(textLength(a), textLength(b)))
    return order != 0 ? order < 0 : textLength(a) < textLength(b)
}

/// Multiply and fold, eight bytes at a time, in the way of wyhash; the same in every process.
@inline(__always)
func hash(_ word: Int64, _ text: UnsafePointer<UInt8>) -> UInt64 {
    let length = textLength(word)
    let bytes = unsafe UnsafeRawPointer(text + textOffset(word))
    var state = UInt64(truncatingIfNeeded: length) ^ 0xA076_1D64_78BD_642F
    if length >= 8 {
        var offset = 0
        while offset + 8 < length {
            state = unsafe fold(state ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        // The last eight may overlap with those before.
        return unsafe fold(state ^ bytes.loadUnaligned(fromByteOffset: length - 8, as: UInt64.self))
    }
    var tail: UInt64 = 0
    if length >= 4 {
        tail = unsafe UInt64(bytes.loadUnaligned(as: UInt32.self)) << 32
        tail |= unsafe UInt64(bytes.loadUnaligned(fromByteOffset: length - 4, as: UInt32.self))
    } else if length > 0 {
        tail = unsafe UInt64(bytes.load(as: UInt8.self)) << 16
        tail |= unsafe UInt64(bytes.load(fromByteOffset: length / 2, as: UInt8.self)) << 8
        tail |= unsafe UInt64(bytes.load(fromByteOffset: length - 1, as: UInt8.self))
    }
    return fold(state ^ tail)
}

@inline(__always)
private func fold(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
    return product.high ^ product.low
}
