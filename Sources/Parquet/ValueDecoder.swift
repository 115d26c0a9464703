/// The values of a data page, read piece by piece.
enum ValueDecoder {
    case plain(ByteReader)
    /// PLAIN booleans: a bit each; and where the next one is.
    case bits(ByteReader, next: Int)
    case hybridBits(HybridDecoder)
    case indices(HybridDecoder)
    case deltas(DeltaDecoder)
    case texts(TextDecoder)

    case nothing

    static func plain(values: ByteReader, _ form: StoredForm) -> ValueDecoder {
        form == .boolean ? .bits(values, next: 0) : .plain(values)
    }

    /// `split`: where streams of bytes are put together again.
    init(_ header: PageHeader, _ values: ByteReader, _ form: StoredForm, split: inout ByteBuffer) throws(CorruptBytes) {
        var values = values
        let physical = form.physical
        guard let encoding = Encoding(rawValue: header.encoding) else {
            throw CorruptBytes("values of an encoding of number \(header.encoding) are not read")
        }
        // A page of nulls may hold nothing at all.
        if values.left == 0 {
            self = .nothing
            return
        }
        switch (encoding, physical) {
        case (.plain, _): self = .plain(values: values, form)
        case (.plainDictionary, _), (.rleDictionary, _):
            let width = Int(try values.byte())
            self = .indices(try HybridDecoder(values, width: width))
        case (.rle, .boolean):
            let length = Int(try values.littleEndian(UInt32.self))
            self = .hybridBits(try HybridDecoder(try values.take(length), width: 1))
        case (.deltaBinaryPacked, .int32): self = .deltas(try DeltaDecoder(values, wraps32: true))
        case (.deltaBinaryPacked, .int64): self = .deltas(try DeltaDecoder(values, wraps32: false))
        case (.deltaLengthByteArray, .byteArray): self = .texts(try TextDecoder(lengthsBefore: values))
        case (.deltaByteArray, .byteArray), (.deltaByteArray, .fixedByteArray):
            self = .texts(try TextDecoder(prefixesBefore: values))
        case (.byteStreamSplit, _):
            guard let width = form.width else { throw CorruptBytes("\(encoding) values of type \(physical) are not read") }
            self = .plain(try split.join(values, width: width))
        default: throw CorruptBytes("\(encoding) values of type \(physical) are not read")
        }
    }

    /// Writes the next `count` values' words into the first places of `rows`. Requires: no indices.
    mutating func next(
        _ count: Int, _ form: StoredForm, into rows: RowMemory, text: inout [UInt8], scratch: inout [UInt8]
    ) throws(CorruptBytes) {
        switch self {
        case .nothing: throw CorruptBytes("a page has fewer values than its header says")
        case .plain(var values):
            switch form {
            case .text: try values.texts(count, into: rows, text: &text)
            case .decimalText:
                scratch.removeAll(keepingCapacity: true)
                try values.texts(count, into: rows, text: &scratch)
                rows.decimals(count, of: scratch)
            default:
                guard let width = form.width else { throw CorruptBytes("values that are not there") }
                let source = unsafe values.pointer
                try values.skip(count * width)
                unsafe form.convert(source, count: count, into: rows)
            }
            self = .plain(values)
        case .bits(let values, let next):
            guard next + count <= values.left * 8 else { throw .cutOff }
            unsafe rows.words.withMemoryRebound(to: UInt64.self, capacity: count) {
                unsafe unpackBits(values.pointer, bit: next, width: 1, count: count, into: $0)
            }
            self = .bits(values, next: next + count)
        case .hybridBits(var decoder):
            try unsafe decoder.next(count, into: UnsafeMutableRawPointer(rows.words).assumingMemoryBound(to: UInt64.self))
            self = .hybridBits(decoder)
        case .deltas(var decoder):
            try unsafe decoder.next(count, into: rows.words)
            if form == .uint32 {
                for i in 0..<count { unsafe rows.words[i] &= 0xFFFF_FFFF }
            }
            self = .deltas(decoder)
        case .texts(var decoder):
            if form == .text {
                try decoder.next(count, into: rows, text: &text)
            } else {
                scratch.removeAll(keepingCapacity: true)
                try decoder.next(count, into: rows, text: &scratch)
                if let width = form.width {
                    for i in 0..<count where unsafe textLength(rows.words[i]) != width {
                        throw CorruptBytes("a value that has not \(width) bytes")
                    }
                }
                rows.decimals(count, of: scratch)
            }
            self = .texts(decoder)
        case .indices: preconditionFailure("indices are looked up in the dictionary")
        }
    }
}

extension ByteReader {
    /// PLAIN texts: a length in four bytes and the text, again and again. They are taken over with the lengths between them.
    mutating func texts(_ count: Int, into rows: RowMemory, text: inout [UInt8]) throws(CorruptBytes) {
        let (start, first) = (unsafe pointer, position)
        let place = text.count
        for i in 0..<count {
            let length = Int(try littleEndian(UInt32.self))
            unsafe rows.words[i] = textWord(place + position - first, length)
            try skip(length)
        }
        guard place + position - first < Bounds.textOfBatchMax else { throw .tooMuchText }
        unsafe text.append(start, count: position - first)
    }
}

extension ByteBuffer {
    /// BYTE_STREAM_SPLIT: the first byte of all values, then the second of all, and so on.
    mutating func join(_ values: ByteReader, width: Int) throws(CorruptBytes) -> ByteReader {
        guard values.left % width == 0 else { throw CorruptBytes("streams of bytes that are not of one length") }
        let count = values.left / width
        let source = unsafe values.pointer
        removeAll()
        let target = unsafe reserve(values.left + ByteBuffer.padding)
        if width == 8 {
            for i in 0..<count {
                var word: UInt64 = 0
                for place in 0..<8 {
                    word |= unsafe UInt64(source.load(fromByteOffset: place &* count &+ i, as: UInt8.self)) &<< UInt64(place &* 8)
                }
                unsafe target.storeBytes(of: word.littleEndian, toByteOffset: i &* 8, as: UInt64.self)
            }
        } else {
            for place in 0..<width {
                let stream = unsafe source + place * count
                for i in 0..<count {
                    let byte = unsafe stream.load(fromByteOffset: i, as: UInt8.self)
                    unsafe target.storeBytes(of: byte, toByteOffset: i &* width &+ place, as: UInt8.self)
                }
            }
        }
        advance(by: values.left)
        return unsafe ByteReader(bytes)
    }
}

extension RowMemory {
    /// Turns the words of texts into the numbers that the texts are in two's complement.
    func decimals(_ count: Int, of text: [UInt8]) {
        unsafe text.withUnsafeBytes { bytes in
            for i in 0..<count {
                let word = unsafe words[i]
                let start = textOffset(word)
                unsafe write(decimal: UnsafeRawBufferPointer(rebasing: bytes[start..<start + textLength(word)]), at: i)
            }
        }
    }
}
