// The encodings of `RunLengthHybrid`, `DeltaBinaryPacked` and `PlainEncoding`, read back.

extension ByteReader {
    /// RLE runs and bit-packed groups of eight, `count` values in all.
    mutating func hybrid(_ count: Int, width: Int, _ body: (UInt64) -> Void) throws(CorruptBytes) {
        var done = 0
        while done < count {
            let head = try self.count()
            if head & 1 == 1 {
                let values = min(head >> 1 * 8, count - done)
                let end = position + (head >> 1) * width
                try packed(values, width: width, body)
                // The padding of the last group.
                if end > position { _ = try take(min(end - position, left)) }
                done += values
            } else {
                let length = min(head >> 1, count - done)
                guard length > 0 else { throw CorruptBytes("a run of no values") }
                var value: UInt64 = 0
                for place in 0..<(width + 7) / 8 { value |= UInt64(try byte()) << UInt64(place * 8) }
                for _ in 0..<length { body(value) }
                done += length
            }
        }
    }

    /// DELTA_BINARY_PACKED numbers, `count` of them.
    mutating func deltas(_ count: Int, wraps32: Bool, _ body: (Int64) -> Void) throws(CorruptBytes) {
        let blockValues = try self.count()
        let miniblocks = try self.count()
        guard blockValues > 0, blockValues % 128 == 0, blockValues <= 1 << 20, miniblocks > 0, blockValues % miniblocks == 0,
            blockValues / miniblocks % 32 == 0
        else { throw CorruptBytes("blocks of \(blockValues) values in \(miniblocks) parts") }
        guard try self.count() == count else { throw CorruptBytes("a page has not as many values as its header says") }
        var value = try zigzag()
        guard count > 0 else { return }
        body(value)
        var done = 1
        let miniblockValues = blockValues / miniblocks
        while done < count {
            let least = try zigzag()
            let widths = try take(miniblocks)
            for widthAt in widths where done < count {
                let width = Int(bytes[widthAt])
                guard width <= 64 else { throw CorruptBytes("numbers of \(width) bits") }
                let values = min(miniblockValues, count - done)
                let end = position + miniblockValues * width / 8
                try packed(values, width: width) { difference in
                    value = value &+ least &+ Int64(bitPattern: difference)
                    if wraps32 { value = Int64(Int32(truncatingIfNeeded: value)) }
                    body(value)
                }
                if end > position { _ = try take(min(end - position, left)) }
                done += values
            }
        }
    }

    /// PLAIN numbers as the words of `ColumnData`. Requires: a type that is not text.
    mutating func plain(_ count: Int, _ type: PhysicalType, _ body: (Int64) -> Void) throws(CorruptBytes) {
        switch type {
        case .boolean: try packed(count, width: 1) { body(Int64($0)) }
        case .int32: for _ in 0..<count { body(Int64(try littleEndian(Int32.self))) }
        case .int64, .double: for _ in 0..<count { body(try littleEndian(Int64.self)) }
        case .byteArray: preconditionFailure("texts are read by plainTexts")
        }
    }

    /// PLAIN texts: their bytes go to `text`, where they lie to `body`.
    mutating func plainTexts(_ count: Int, into text: inout [UInt8], _ body: (Int64) -> Void) throws(CorruptBytes) {
        for _ in 0..<count {
            let length = Int(try littleEndian(UInt32.self))
            guard text.count + length <= UInt32.max else { throw CorruptBytes("more than 4 GiB of text in a column") }
            let range = try take(length)
            body(Int64(bitPattern: UInt64(text.count) << 32 | UInt64(length)))
            text += bytes[range]
        }
    }
}
