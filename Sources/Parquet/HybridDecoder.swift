/// RLE runs and bit-packed groups of eight, read piece by piece: see `RunLengthHybrid`.
@safe
struct HybridDecoder {
    private var bytes: ByteReader
    private let width: Int
    private var runLeft = 0
    private var run: UInt32 = 0
    private var packedLeft = 0
    /// Of the next packed value, from `packed` on.
    private var bit = 0
    private var packed: UnsafeRawPointer

    /// Requires: `ByteBuffer.padding` readable bytes behind the reader's.
    init(_ bytes: ByteReader, width: Int) throws(CorruptBytes) {
        guard 0...32 ~= width else { throw CorruptBytes("numbers of \(width) bits") }
        self.bytes = bytes
        self.width = width
        unsafe packed = bytes.pointer
    }

    /// Requires: room for `count` numbers, of a type that holds the width; the larger ones of a run are cut off.
    mutating func next<Word: FixedWidthInteger & UnsignedInteger>(
        _ count: Int, into target: UnsafeMutablePointer<Word>
    ) throws(CorruptBytes) {
        var done = 0
        while done < count {
            if runLeft > 0 {
                let length = min(runLeft, count - done)
                unsafe (target + done).update(repeating: Word(truncatingIfNeeded: run), count: length)
                runLeft -= length
                done += length
            } else if packedLeft > 0 {
                let length = min(packedLeft, count - done)
                unsafe unpackBits(packed, bit: bit, width: width, count: length, into: target + done)
                bit += length * width
                packedLeft -= length
                done += length
            } else {
                try nextHead()
            }
        }
    }

    private mutating func nextHead() throws(CorruptBytes) {
        let head = try bytes.count()
        if head & 1 == 0 {
            guard head > 0 else { throw CorruptBytes("a run of no values") }
            runLeft = head >> 1
            run = 0
            for place in 0..<(width + 7) / 8 { run |= UInt32(try bytes.byte()) << UInt32(place * 8) }
            guard width == 32 || run >> UInt32(width) == 0 else { throw CorruptBytes("a run of a number beyond \(width) bits") }
        } else {
            let groups = head >> 1
            // Some writers leave the padding of the last group out.
            let size = min(groups * width, bytes.left)
            packedLeft = width == 0 ? groups * 8 : min(groups * 8, size * 8 / width)
            guard packedLeft > 0 else { throw .cutOff }
            unsafe packed = bytes.pointer
            bit = 0
            try bytes.skip(size)
        }
    }
}

/// Unpacks numbers of `width` bits each, without gaps, from the least significant bit of the first byte on.
///
/// Requires: at most 64 bits, and `ByteBuffer.padding` readable bytes behind the last number.
@inline(__always)
func unpackBits<Word: FixedWidthInteger & UnsignedInteger>(
    _ base: UnsafeRawPointer, bit: Int, width: Int, count: Int, into target: UnsafeMutablePointer<Word>
) {
    var bit = bit
    if width <= 56 {
        let mask = (UInt64(1) &<< UInt64(width)) &- 1
        for index in 0..<count {
            let word = unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self))
            unsafe target[index] = Word(truncatingIfNeeded: (word &>> UInt64(bit & 7)) & mask)
            bit &+= width
        }
    } else {
        let mask = UInt64.max >> UInt64(64 - width)
        for index in 0..<count {
            let shift = UInt64(bit & 7)
            var word = unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self)) >> shift
            if shift > 0 { word |= unsafe UInt64(base.load(fromByteOffset: bit >> 3 + 8, as: UInt8.self)) << (64 - shift) }
            unsafe target[index] = Word(truncatingIfNeeded: word & mask)
            bit += width
        }
    }
}
