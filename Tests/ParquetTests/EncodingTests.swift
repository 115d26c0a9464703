import Testing

@testable import Parquet

/// Encodings against bytes worked out by hand, and against slow decoders.
@Suite struct EncodingTests {
    @Test func bitPackingByHand() {
        // The format's own example: 0...7 in 3 bits each.
        #expect(packed([0, 1, 2, 3, 4, 5, 6, 7], width: 3) == [0b1000_1000, 0b1100_0110, 0b1111_1010])
        #expect(packed([1, 0, 1, 1, 0, 0, 0, 0, 1], width: 1) == [0b0000_1101, 1])
        #expect(packed([], width: 5) == [])
        #expect(packed([.max, 1], width: 64) == Array(repeating: 0xFF, count: 8) + [1, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test(arguments: 0...64) func bitPackingOfEveryWidth(width: Int) {
        var generator = SeededGenerator(seed: UInt64(width))
        for count in [0, 1, 7, 8, 31, 32, 33, 128] {
            let values = (0..<count).map { _ in width == 0 ? 0 : generator.next() >> UInt64(64 - width) }
            let bytes = packed(values, width: width)
            #expect(bytes.count == (count * width + 7) / 8)
            #expect((0..<count).map { unpacked(bytes, at: $0 * width, width: width) } == values)
        }
    }

    @Test func runsByHand() {
        #expect(hybrid(Array(repeating: 4, count: 100), width: 3) == [0xC8, 0x01, 4])
        #expect(hybrid([0, 1, 2, 3, 4, 5, 6, 7], width: 3) == [0x03, 0b1000_1000, 0b1100_0110, 0b1111_1010])
        #expect(hybrid([0x0102, 0x0102], width: 9) == [0x04, 0x02, 0x01])
        #expect(hybrid([], width: 3) == [])
        // A packed group, then a run, then the padded rest.
        #expect(
            hybrid([0, 1, 0, 1, 0, 1, 0, 1] + Array(repeating: 1, count: 64) + [0, 1], width: 1) == [
                0x03, 0xAA, 0x80, 0x01, 1, 0x03, 2,
            ])
    }

    @Test func runsOfAllKinds() {
        for seed in UInt64(0)..<60 {
            var generator = SeededGenerator(seed: seed)
            let width = Int.random(in: 1...16, using: &generator)
            var values: [UInt32] = []
            while values.count < 2000 {
                let value = UInt32.random(in: 0..<(1 << UInt32(width)), using: &generator)
                let length = [1, 1, 1, 3, 8, 9, 70, 300].randomElement(using: &generator)!
                values += Array(repeating: value, count: Int.random(in: 1...length, using: &generator))
            }
            values.removeLast(Int.random(in: 0..<2000, using: &generator))
            #expect(decodedHybrid(hybrid(values, width: width), count: values.count, width: width) == values, "seed \(seed)")
        }
    }

    @Test func deltasByHand() {
        // The format's examples: 1 2 3 4 5, and 7 5 3 1 2 3 4 5 with differences -2 -2 -2 1 1 1 1.
        #expect(delta([1, 2, 3, 4, 5]) == [0x80, 0x01, 4, 5, 2] + [2] + [0, 0, 0, 0])
        #expect(
            delta([7, 5, 3, 1, 2, 3, 4, 5]) == [0x80, 0x01, 4, 8, 14] + [3] + [2, 0, 0, 0] + [
                0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0,
            ])
        #expect(delta([]) == [0x80, 0x01, 4, 0, 0])
        #expect(delta([-1]) == [0x80, 0x01, 4, 1, 1])
    }

    @Test func deltasOfAllKinds() {
        for seed in UInt64(0)..<100 {
            var generator = SeededGenerator(seed: seed)
            let bits = UInt64.random(in: 0...63, using: &generator)
            let wraps32 = Bool.random(using: &generator)
            var values = (0..<Int.random(in: 0...700, using: &generator)).map { _ in
                Int64(bitPattern: generator.next()) >> Int64(bits)
            }
            if wraps32 { values = values.map { Int64(Int32(truncatingIfNeeded: $0)) } }
            let bytes = delta(values, wraps32: wraps32)
            #expect(decodedDelta(bytes, wraps32: wraps32) == values, "seed \(seed)")
        }
    }

    @Test func thriftByHand() {
        var thrift = ThriftCompact()
        thrift.element {
            $0.bool(1, true)
            $0.i32(3, -1)
            $0.string(4, "ab")
            $0.structure(5) { $0.i64(15, 300) }
            $0.list(6, of: .i32, count: 2)
            $0.element(1 as Int32)
            $0.element(-64 as Int32)
            $0.i16(7, 7)
            $0.bool(9, false)
        }
        let bytes = unsafe Array(thrift.bytes.bytes)
        let expected: [UInt8] = [
            0x11, 0x25, 1, 0x18, 2, 0x61, 0x62, 0x1C, 0xF6, 0xD8, 0x04, 0, 0x19, 0x25, 2, 0x7F, 0x14, 14, 0x22, 0,
        ]
        #expect(bytes == expected)
    }

    @Test func thriftLongList() {
        var thrift = ThriftCompact()
        thrift.element { $0.list(1, of: .structure, count: 200) }
        let bytes = unsafe Array(thrift.bytes.bytes)
        #expect(bytes == [0x19, 0xFC, 0xC8, 0x01, 0])
    }

    @Test func pageHeaderByHand() {
        var thrift = ThriftCompact()
        thrift.pageHeader(.data(rows: 3, .rleDictionary), uncompressedSize: 10, compressedSize: 20, checksum: nil)
        let bytes = unsafe Array(thrift.bytes.bytes)
        #expect(bytes == [0x15, 0, 0x15, 20, 0x15, 40, 0x2C, 0x15, 6, 0x15, 16, 0x15, 6, 0x15, 6, 0, 0])
    }

    @Test func validRows() {
        var generator = SeededGenerator(seed: 3)
        for count in [0, 1, 15, 16, 17, 4079, 4080, 4081, 10_000] {
            let valid = (0..<count).map { _ in UInt8.random(in: 0...1, using: &generator) }
            let words = (0..<count).map { Int64($0) }
            let total = valid.reduce(0) { $0 + Int($1) }
            #expect(unsafe validCount(valid, count: count) == total)
            let kept = unsafe [Int64](unsafeUninitializedCapacity: count + 1) { buffer, initialized in
                unsafe compact(words, valid, count: count, into: buffer.baseAddress!)
                initialized = total
            }
            #expect(kept == words.filter { valid[Int($0)] == 1 })
        }
    }
}

private func bytes(_ fill: (inout ByteBuffer) -> Void) -> [UInt8] {
    var buffer = ByteBuffer(capacity: 16)
    fill(&buffer)
    return unsafe Array(buffer.bytes)
}

private func packed(_ values: [UInt64], width: Int) -> [UInt8] {
    bytes { buffer in
        let target = unsafe buffer.reserve(values.count * 8 + 8)
        buffer.advance(by: unsafe packBits(values, count: values.count, width: width, to: target))
    }
}

private func hybrid(_ values: [UInt32], width: Int) -> [UInt8] {
    bytes { unsafe $0.append(hybrid: values, count: values.count, width: width) }
}

private func delta(_ values: [Int64], wraps32: Bool = false) -> [UInt8] {
    bytes { unsafe $0.append(delta: values, count: values.count, wraps32: wraps32) }
}

/// Bit by bit.
private func unpacked(_ bytes: [UInt8], at start: Int, width: Int) -> UInt64 {
    (0..<width).reduce(0) { $0 | UInt64(bytes[(start + $1) / 8] >> UInt8((start + $1) % 8) & 1) << UInt64($1) }
}

private func varint(_ bytes: [UInt8], _ position: inout Int) -> UInt64 {
    var (value, shift) = (UInt64(0), UInt64(0))
    while true {
        let byte = bytes[position]
        position += 1
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
        shift += 7
    }
}

private func zigzag(_ bytes: [UInt8], _ position: inout Int) -> Int64 {
    let value = varint(bytes, &position)
    return Int64(bitPattern: value >> 1) ^ -Int64(value & 1)
}

private func decodedHybrid(_ bytes: [UInt8], count: Int, width: Int) -> [UInt32] {
    var (values, position) = ([UInt32](), 0)
    while values.count < count {
        let header = varint(bytes, &position)
        if header & 1 == 0 {
            let value = UInt32(unpacked(Array(bytes[position..<position + (width + 7) / 8]), at: 0, width: width))
            values += Array(repeating: value, count: Int(header >> 1))
            position += (width + 7) / 8
        } else {
            let group = Array(bytes[position..<position + Int(header >> 1) * width])
            values += (0..<Int(header >> 1) * 8).map { UInt32(unpacked(group, at: $0 * width, width: width)) }
            position += group.count
        }
    }
    return position == bytes.count ? Array(values.prefix(count)) : []
}

private func decodedDelta(_ bytes: [UInt8], wraps32: Bool) -> [Int64] {
    var position = 0
    let (blockValues, miniblocks) = (Int(varint(bytes, &position)), Int(varint(bytes, &position)))
    let count = Int(varint(bytes, &position))
    var values = [zigzag(bytes, &position)]
    while values.count < count {
        let least = zigzag(bytes, &position)
        let widths = bytes[position..<position + miniblocks].map(Int.init)
        position += miniblocks
        for width in widths where values.count < count {
            let length = blockValues / miniblocks
            let packed = Array(bytes[position..<position + length * width / 8])
            position += packed.count
            for i in 0..<length {
                let next = values.last! &+ least &+ Int64(bitPattern: unpacked(packed, at: i * width, width: width))
                values.append(wraps32 ? Int64(Int32(truncatingIfNeeded: next)) : next)
                if wraps32 { #expect(width <= 32) }
            }
        }
    }
    return position == bytes.count ? Array(values.prefix(count)) : []
}
