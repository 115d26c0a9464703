extension StoredForm {
    /// Turns values of fixed width, one after the other, into words. What has no place in a word becomes the least one, which
    /// `firstOutside` finds.
    ///
    /// Requires: `source` has `count` values, and this form a width.
    func convert(_ source: UnsafeRawPointer, count: Int, into rows: RowMemory) {
        let words = unsafe rows.words
        switch self {
        case .int64, .uint64, .double: unsafe UnsafeMutableRawPointer(words).copyMemory(from: source, byteCount: count * 8)
        case .int32:
            for i in 0..<count { unsafe words[i] = Int64(source.loadUnaligned(fromByteOffset: i &* 4, as: Int32.self)) }
        case .uint32:
            for i in 0..<count { unsafe words[i] = Int64(source.loadUnaligned(fromByteOffset: i &* 4, as: UInt32.self)) }
        case .float:
            for i in 0..<count {
                let value = unsafe Double(source.loadUnaligned(fromByteOffset: i &* 4, as: Float.self))
                unsafe words[i] = Int64(bitPattern: value.bitPattern)
            }
        case .int96:
            for i in 0..<count {
                let time = unsafe source.loadUnaligned(fromByteOffset: i &* 12, as: Int64.self)
                let day = unsafe source.loadUnaligned(fromByteOffset: i &* 12 &+ 8, as: UInt32.self)
                unsafe words[i] = Self.nanoseconds(day: day, time: time)
            }
        case .decimalBytes(let width):
            for i in 0..<count {
                unsafe rows.write(decimal: UnsafeRawBufferPointer(start: source + i * width, count: width), at: i)
            }
        case .boolean, .text, .decimalText: preconditionFailure("values without a fixed width")
        }
    }

    /// INT96: the Julian day, and nanoseconds since its midnight.
    private static func nanoseconds(day: UInt32, time: Int64) -> Int64 {
        let (dayStart, tooFar) = (Int64(day) - 2_440_588).multipliedReportingOverflow(by: 86_400_000_000_000)
        let (result, overflow) = dayStart.addingReportingOverflow(time)
        return tooFar || overflow ? .min : result
    }

    /// The first of `count` values that its type does not hold, if any, with what is wrong with it.
    func firstOutside(_ rows: RowMemory, count: Int, _ type: ColumnType) -> (index: Int, reason: String)? {
        let words = unsafe rows.words
        switch (self, type) {
        case (.uint64, _):
            var all: Int64 = 0
            for i in 0..<count { all |= unsafe words[i] }
            guard all < 0, let index = (0..<count).first(where: { unsafe words[$0] < 0 }) else { return nil }
            return unsafe (index, "\(UInt64(bitPattern: words[index])) is beyond 64 bits with a sign")
        case (.int96, _):
            guard let index = (0..<count).first(where: { unsafe words[$0] == .min }) else { return nil }
            return (index, "a time beyond 64 bits of nanoseconds")
        case (_, .decimal(let digits, _)):
            let limit = ColumnType.decimalLimit(digits)
            let index: Int?
            if let high = unsafe rows.high {
                index = (0..<count).first { at in
                    let value = unsafe Int128(high: high[at], low: words[at])
                    return value <= -limit || value >= limit
                }
            } else {
                let limit = Int64(limit)
                var (least, greatest) = (Int64(0), Int64(0))
                for i in 0..<count {
                    least = unsafe min(least, words[i])
                    greatest = unsafe max(greatest, words[i])
                }
                guard least <= -limit || greatest >= limit else { return nil }
                index = (0..<count).first { unsafe words[$0] <= -limit || words[$0] >= limit }
            }
            return index.map { ($0, "a decimal of more than \(digits) digits") }
        default: return nil
        }
    }
}

extension RowMemory {
    /// Writes a number in two's complement, most significant byte first, of any length.
    @inline(__always)
    func write(decimal bytes: UnsafeRawBufferPointer, at index: Int) {
        let count = bytes.count
        var value: Int128 = unsafe count > 0 && bytes[0] >= 0x80 ? -1 : 0
        let filler = UInt8(truncatingIfNeeded: value)
        for place in 0..<count {
            let byte = unsafe bytes[place]
            if count - place > 16 {
                // Only the sign may stand before the last sixteen.
                guard byte == filler else { return write(.min, at: index) }
            } else {
                value = value &<< 8 | Int128(byte)
            }
        }
        if count > 16, (value < 0) != (filler != 0) { value = .min }
        write(value, at: index)
    }

    @inline(__always)
    private func write(_ value: Int128, at index: Int) {
        if let high = unsafe high {
            unsafe high[index] = Int64(truncatingIfNeeded: value >> 64)
            unsafe words[index] = Int64(truncatingIfNeeded: value)
        } else {
            unsafe words[index] = Int64(exactly: value) ?? .min
        }
    }
}
