/// Least and greatest value of a column chunk in PLAIN encoding, in the order of its type (`TypeDefinedOrder`).
struct Statistics {
    var min: [UInt8]
    var max: [UInt8]

    /// Nil if there are no values to compare, or if they are too long for the footer. Repeated values may be left out.
    init?(_ values: ChunkValues, type: ColumnType) {
        guard values.count > 0 else { return nil }
        switch type {
        case .string:
            let text = unsafe values.text.unsafelyUnwrapped
            var (least, greatest) = unsafe (values.words[0], values.words[0])
            for i in 1..<values.count {
                let word = unsafe values.words[i]
                if unsafe precedes(word, least, text) {
                    least = word
                } else if unsafe precedes(greatest, word, text) {
                    greatest = word
                }
            }
            guard textLength(least) <= Bounds.statisticsBytes, textLength(greatest) <= Bounds.statisticsBytes else { return nil }
            min = unsafe Array(UnsafeBufferPointer(start: text + textOffset(least), count: textLength(least)))
            max = unsafe Array(UnsafeBufferPointer(start: text + textOffset(greatest), count: textLength(greatest)))
        case .double:
            var (least, greatest) = bounds(values)
            guard least <= greatest else { return nil }
            // Readers may order the zeros either way, so the bounds hold both.
            if least == 0 { least = -0.0 }
            if greatest == 0 { greatest = 0.0 }
            min = littleEndianBytes(least.bitPattern)
            max = littleEndianBytes(greatest.bitPattern)
        case .decimal(let digits, _) where type.isWide:
            var (least, greatest) = (values.wide(0), values.wide(0))
            for i in 1..<values.count {
                least = Swift.min(least, values.wide(i))
                greatest = Swift.max(greatest, values.wide(i))
            }
            let limit = ColumnType.decimalLimit(digits)
            precondition(least > -limit && greatest < limit, "more than \(digits) digits")
            min = littleEndianBytes(least).reversed()
            max = littleEndianBytes(greatest).reversed()
        case .int32, .int64, .bool, .date, .timestamp, .decimal:
            var (least, greatest) = (Int64.max, Int64.min)
            for i in 0..<values.count {
                let word = unsafe values.words[i]
                least = Swift.min(least, word)
                greatest = Swift.max(greatest, word)
            }
            switch type {
            case .decimal(let digits, _):
                let limit = Int64(ColumnType.decimalLimit(digits))
                precondition(least > -limit && greatest < limit, "more than \(digits) digits")
            case .int32, .date:
                precondition(least >= Int32.min && greatest <= Int32.max, "not an int32")
            case .bool:
                precondition(least >= 0 && greatest <= 1, "not a bool")
            default: break
            }
            switch type.physical {
            case .boolean: (min, max) = ([UInt8(least)], [UInt8(greatest)])
            case .int32: (min, max) = (littleEndianBytes(Int32(least)), littleEndianBytes(Int32(greatest)))
            default: (min, max) = (littleEndianBytes(least), littleEndianBytes(greatest))
            }
        }
    }
}

/// Least and greatest of the values that are numbers; infinities the wrong way round if none is.
private func bounds(_ values: ChunkValues) -> (Double, Double) {
    var least = SIMD4(repeating: Double.infinity)
    var greatest = SIMD4(repeating: -Double.infinity)
    var position = 0
    // Comparisons with NaN are false, which leaves it out as the format wants.
    while position + 4 <= values.count {
        let four = unsafe UnsafeRawPointer(values.words + position).loadUnaligned(as: SIMD4<Double>.self)
        least.replace(with: four, where: four .< least)
        greatest.replace(with: four, where: four .> greatest)
        position += 4
    }
    for i in position..<values.count {
        let value = unsafe Double(bitPattern: UInt64(bitPattern: values.words[i]))
        if value < least[0] { least[0] = value }
        if value > greatest[0] { greatest[0] = value }
    }
    for lane in 1..<4 {
        if least[lane] < least[0] { least[0] = least[lane] }
        if greatest[lane] > greatest[0] { greatest[0] = greatest[lane] }
    }
    return (least[0], greatest[0])
}

private func littleEndianBytes<Word: FixedWidthInteger>(_ value: Word) -> [UInt8] {
    (0..<Word.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Word($0 * 8)) }
}
