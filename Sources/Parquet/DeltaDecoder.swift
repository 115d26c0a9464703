/// DELTA_BINARY_PACKED numbers, read piece by piece: see `DeltaBinaryPacked`, whose sizes other writers choose otherwise.
@safe
struct DeltaDecoder {
    private var bytes: ByteReader
    private let miniblocks: Int
    private let miniblockValues: Int
    private let wraps32: Bool
    /// Values that are still to come, and the next of them if it is the first.
    private(set) var left: Int
    private var isFirst = true
    private var value: Int64

    private var least: Int64 = 0
    /// The widths of the block's miniblocks that are still to come.
    private var widths: ByteReader
    private var width = 0
    private var miniblockLeft = 0
    private var packed: UnsafeRawPointer
    private var bit = 0

    /// Requires: `ByteBuffer.padding` readable bytes behind the reader's.
    init(_ bytes: ByteReader, wraps32: Bool) throws(CorruptBytes) {
        var bytes = bytes
        let blockValues = try bytes.count()
        miniblocks = try bytes.count()
        guard 1...Bounds.deltaBlockValues ~= blockValues, blockValues % 128 == 0, miniblocks > 0, blockValues % miniblocks == 0,
            blockValues / miniblocks % 32 == 0
        else { throw CorruptBytes("blocks of \(blockValues) values in \(miniblocks) parts") }
        miniblockValues = blockValues / miniblocks
        left = try bytes.count()
        value = try bytes.zigzag()
        self.wraps32 = wraps32
        unsafe packed = bytes.pointer
        widths = try bytes.take(0)
        self.bytes = bytes
    }

    /// Requires: room for `count` numbers.
    mutating func next(_ count: Int, into target: UnsafeMutablePointer<Int64>) throws(CorruptBytes) {
        guard count <= left else { throw CorruptBytes("a page has fewer values than its header says") }
        guard count > 0 else { return }
        left -= count
        var done = 0
        if isFirst {
            isFirst = false
            unsafe target[0] = value
            done = 1
        }
        while done < count {
            if miniblockLeft == 0 { try nextMiniblock(values: left + count - done) }
            let length = min(miniblockLeft, count - done)
            let start = unsafe target + done
            unsafe start.withMemoryRebound(to: UInt64.self, capacity: length) {
                unsafe unpackBits(packed, bit: bit, width: width, count: length, into: $0)
            }
            // Every other base is the sum so far: one addition after the other is all that has to wait.
            var sum = value
            if wraps32 {
                for i in 0..<length {
                    sum = unsafe Int64(Int32(truncatingIfNeeded: sum &+ (start[i] &+ least)))
                    unsafe start[i] = sum
                }
            } else {
                for i in 0..<length {
                    sum = unsafe sum &+ (start[i] &+ least)
                    unsafe start[i] = sum
                }
            }
            value = sum
            bit += length * width
            miniblockLeft -= length
            done += length
        }
    }

    /// `values`: how many there still are, of which the last miniblock may have fewer than it has room for.
    private mutating func nextMiniblock(values: Int) throws(CorruptBytes) {
        if widths.left == 0 {
            least = try bytes.zigzag()
            widths = try bytes.take(miniblocks)
        }
        width = Int(try widths.byte())
        guard width <= 64 else { throw CorruptBytes("numbers of \(width) bits") }
        let needed = (min(values, miniblockValues) * width + 7) / 8
        guard needed <= bytes.left else { throw .cutOff }
        unsafe packed = bytes.pointer
        bit = 0
        // Some writers leave the padding of the last miniblock out.
        try bytes.skip(min(miniblockValues * width / 8, bytes.left))
        miniblockLeft = miniblockValues
    }

    /// What follows all the numbers. Requires: none has been read.
    consuming func end() throws(CorruptBytes) -> ByteReader {
        var values = max(0, left - 1)
        while values > 0 {
            try nextMiniblock(values: values)
            values -= min(values, miniblockValues)
        }
        return bytes
    }
}
