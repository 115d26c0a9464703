extension ByteBuffer {
    /// Appends values in PLAIN encoding.
    mutating func append(plain values: ChunkValues, type: PhysicalType) {
        switch type {
        case .int64, .double:
            unsafe append(UnsafeRawBufferPointer(start: values.words, count: values.count * 8))
        case .int32:
            let target = unsafe reserve(values.count * 4)
            for i in 0..<values.count {
                unsafe target.storeBytes(of: Int32(truncatingIfNeeded: values.words[i]), toByteOffset: i * 4, as: Int32.self)
            }
            advance(by: values.count * 4)
        case .boolean:
            let target = unsafe reserve(values.count / 8 + 8)
            let words = unsafe UnsafeRawPointer(values.words).assumingMemoryBound(to: UInt64.self)
            advance(by: unsafe packBits(words, count: values.count, width: 1, to: target))
        case .fixedByteArray:
            guard let high = unsafe values.high else { preconditionFailure("no upper words") }
            let target = unsafe reserve(values.count * 16)
            for i in 0..<values.count {
                unsafe target.storeBytes(of: high[i].bigEndian, toByteOffset: i * 16, as: Int64.self)
                unsafe target.storeBytes(of: values.words[i].bigEndian, toByteOffset: i * 16 + 8, as: Int64.self)
            }
            advance(by: values.count * 16)
        case .int96, .float: preconditionFailure("types that are read and never written")
        case .byteArray:
            let text = unsafe UnsafeRawPointer(values.text.unsafelyUnwrapped)
            for i in 0..<values.count {
                let word = unsafe values.words[i]
                let length = textLength(word)
                let target = unsafe reserve(4 + length)
                unsafe target.storeBytes(of: UInt32(length).littleEndian, as: UInt32.self)
                unsafe (target + 4).copyMemory(from: text + textOffset(word), byteCount: length)
                advance(by: 4 + length)
            }
        }
    }
}
