internal import Records
internal import Windows

/// The columns of a chunk in their stored form.
///
///     numbers:   one: zigzag
///                more: form u8, the smallest of them:
///                0…64         least zigzag | what each has more than that, in so many bits | 0 … to a whole byte
///                0x80 + 0…64  least step zigzag | first zigzag | the steps from one to the next likewise
///                0x7F         each zigzag: where few are large
///     texts:     one: text
///                more: how many there are in the dictionary, varint, or 0 | texts of the dictionary, or of each event |
///                codes in as many bits as the last one needs | 0 … to a whole byte
///     text:      length varint | bytes
///
/// Bits go from low to high.
extension LogCodec {
    private static let areSteps: UInt8 = 0x80
    private static let areZigzag: UInt8 = 0x7F

    /// Lends `body` room for a number per event, and their steps, on the stack.
    @inline(__always)
    static func withNumbers<R, E: Error>(_ body: (Lane<Int64>) throws(E) -> R) throws(E) -> R {
        var result: Result<R, E>?
        unsafe withUnsafeTemporaryAllocation(of: Int64.self, capacity: Chunk.eventsMax) { room in
            let lane = unsafe Lane(room.baseAddress!, count: Chunk.eventsMax)
            do throws(E) { result = .success(try body(lane)) } catch { result = .failure(error) }
        }
        return try result!.get()
    }

    /// The numbers are spent.
    static func encode(_ numbers: Lane<Int64>, count: Int, into writer: inout ByteWriter) {
        guard count > 1 else {
            if count == 1 { writer.append(zigzag: numbers[0]) }
            return
        }
        var last = numbers[0]
        var (least, greatest) = (last, last)
        var (leastStep, greatestStep) = (Int64.max, Int64.min)
        for index in 1..<count {
            let number = numbers[index]
            let step = number &- last
            last = number
            least = number < least ? number : least
            greatest = number > greatest ? number : greatest
            leastStep = step < leastStep ? step : leastStep
            greatestStep = step > greatestStep ? step : greatestStep
        }
        let (bits, stepBits) = (bitCount(greatest &- least), bitCount(greatestStep &- leastStep))
        // Few large ones among small ones show in the bits alone; below so many, bytes save too little.
        let isWide = min(bits, stepBits) > 14
        let packedBytes = zigzagSize(least) + (count * bits + 7) / 8
        let stepBytes = zigzagSize(leastStep) + zigzagSize(numbers[0]) + ((count - 1) * stepBits + 7) / 8
        if isWide && zigzagSize(numbers, count) < min(packedBytes, stepBytes) {
            writer.append(areZigzag)
            for index in 0..<count { writer.append(zigzag: numbers[index]) }
            return
        }
        guard stepBytes < packedBytes else {
            writer.append(UInt8(bits))
            writer.append(zigzag: least)
            pack(numbers, count, less: least, bits, into: &writer)
            return
        }
        writer.append(UInt8(stepBits) | areSteps)
        writer.append(zigzag: leastStep)
        writer.append(zigzag: numbers[0])
        for index in 0..<(count - 1) { numbers[index] = numbers[index + 1] &- numbers[index] }
        pack(numbers, count - 1, less: leastStep, stepBits, into: &writer)
    }

    static func decode(_ numbers: Lane<Int64>, count: Int, from reader: inout ByteReader) throws(CorruptBytes) {
        guard count > 1 else {
            if count == 1 { numbers[0] = try reader.readZigzag() }
            return
        }
        let form = try reader.read(UInt8.self)
        if form == areZigzag {
            for index in 0..<count { numbers[index] = try reader.readZigzag() }
            return
        }
        let bits = Int(form & ~areSteps)
        guard bits <= 64 else { throw CorruptBytes() }
        let least = try reader.readZigzag()
        guard form & areSteps != 0 else { return try unpack(numbers, count, less: least, bits, from: &reader) }
        var number = try reader.readZigzag()
        try unpack(numbers, count - 1, less: least, bits, from: &reader)
        for index in 0..<count {
            let step = index < count - 1 ? numbers[index] : 0
            numbers[index] = number
            number &+= step
        }
    }

    static func encodeTexts(
        _ column: LogLayout.Column, of chunk: Chunk, rows: Lane<Int64>, count: Int, _ layout: LogLayout,
        into writer: inout ByteWriter
    ) {
        let words = chunk.words(column, layout)
        func append(_ word: Int64) {
            unsafe chunk.withBytes(LoggedText(word: word)) {
                writer.append(varint: UInt64($0.count))
                unsafe writer.append($0)
            }
        }
        guard count > 1 else {
            if count == 1 { append(words[Int(rows[0])]) }
            return
        }
        guard words.isCoded else {
            writer.append(varint: 0)
            for index in 0..<count { append(words[Int(rows[index])]) }
            return
        }
        // Codes in the order in which their texts come: those that are out of use are left out.
        withNumbers { numbers in
            withNumbers { codes in
                for code in 0..<Chunk.eventsMax { codes[code] = -1 }
                var distinct = 0
                for index in 0..<count {
                    let code = words.code(Int(rows[index]))
                    if codes[code] < 0 {
                        codes[code] = Int64(distinct)
                        distinct += 1
                    }
                    numbers[index] = codes[code]
                }
                writer.append(varint: UInt64(distinct))
                var next: Int64 = 0
                for index in 0..<count where numbers[index] == next {
                    append(words[Int(rows[index])])
                    next += 1
                }
                pack(numbers, count, less: 0, bitCount(Int64(distinct - 1)), into: &writer)
            }
        }
    }

    static func decodeTexts(
        _ column: LogLayout.Column, of chunk: Chunk, rows: Lane<Int64>, count: Int, _ layout: LogLayout,
        from reader: inout ByteReader
    ) throws(CorruptBytes) {
        func read() throws(CorruptBytes) -> Int64 {
            let length = try reader.readVarint()
            guard length <= UInt64(reader.remaining) else { throw CorruptBytes() }
            return unsafe chunk.keep(try reader.read(length: Int(length)))
        }
        let distinct = count > 1 ? try reader.readVarint() : 0
        guard distinct <= UInt64(count) else { throw CorruptBytes() }
        guard distinct > 0 else {
            for index in 0..<count { chunk.set(try read(), row: Int(rows[index]), column, layout) }
            return
        }
        try withNumbers { (words) throws(CorruptBytes) in
            for code in 0..<Int(distinct) { words[code] = try read() }
            try withNumbers { (codes) throws(CorruptBytes) in
                try unpack(codes, count, less: 0, bitCount(Int64(distinct - 1)), from: &reader)
                for index in 0..<count {
                    guard codes[index] < Int64(distinct) else { throw CorruptBytes() }
                    chunk.set(words[Int(codes[index])], row: Int(rows[index]), column, layout)
                }
            }
        }
    }

    // MARK: - Bits

    /// The bytes of a zigzag varint: a seventh of the bits, rounded up, by 9/64 as long as that is the same.
    @inline(__always)
    private static func zigzagSize(_ number: Int64) -> Int {
        let bits = 64 &- (number << 1 ^ number >> 63 | 1).leadingZeroBitCount
        return (bits &* 9 &+ 64) >> 6
    }

    private static func zigzagSize(_ numbers: Lane<Int64>, _ count: Int) -> Int {
        var size = 0
        for index in 0..<count { size &+= zigzagSize(numbers[index]) }
        return size
    }

    /// The bits of a distance, which is not negative as an unsigned number.
    @inline(__always)
    private static func bitCount(_ distance: Int64) -> Int { 64 &- distance.leadingZeroBitCount }

    private static func pack(
        _ numbers: Lane<Int64>, _ count: Int, less least: Int64, _ bits: Int, into writer: inout ByteWriter
    ) {
        guard bits > 0 else { return }
        var word: UInt64 = 0
        var used = 0
        for index in 0..<count {
            let number = UInt64(bitPattern: numbers[index] &- least)
            word |= number &<< UInt64(truncatingIfNeeded: used)
            used &+= bits
            guard used >= 64 else { continue }
            writer.append(word)
            used &-= 64
            word = used == 0 ? 0 : number &>> UInt64(truncatingIfNeeded: bits &- used)
        }
        while used > 0 {
            writer.append(UInt8(truncatingIfNeeded: word))
            word >>= 8
            used -= 8
        }
    }

    private static func unpack(
        _ numbers: Lane<Int64>, _ count: Int, less least: Int64, _ bits: Int, from reader: inout ByteReader
    ) throws(CorruptBytes) {
        let packed = unsafe try reader.read(length: (count * bits + 7) / 8)
        let mask: UInt64 = bits == 64 ? .max : 1 << UInt64(bits) - 1
        // With room behind it, so that the last number is read like all others.
        unsafe withUnsafeTemporaryAllocation(byteCount: Chunk.eventsMax * 8 + 16, alignment: 8) { room in
            unsafe room.copyMemory(from: packed)
            unsafe (room.baseAddress! + packed.count).initializeMemory(as: UInt8.self, repeating: 0, count: 16)
            for index in 0..<count {
                let (byte, shift) = (index &* bits / 8, UInt64(index &* bits % 8))
                var word = unsafe UInt64(littleEndian: room.loadUnaligned(fromByteOffset: byte, as: UInt64.self)) >> shift
                if Int(shift) &+ bits > 64 { word |= unsafe UInt64(room[byte &+ 8]) << (64 &- shift) }
                numbers[index] = least &+ Int64(bitPattern: word & mask)
            }
        }
    }
}
