internal import Aggregates
internal import Records
internal import Windows

/// The stored form of time logs.
///
///     head row:   newest time i64 | format u8 | 0 | trimmed through i64 | chunk body       a log of one chunk
///                 newest time i64 | format u8 | 1 | trimmed through i64 | next chunk id u32   one of many: see its chunk rows
///     chunk row:  newest time i64 | format u8 | chunk body
///     chunk body: events varint | first time i64 | step to the next time varint …
///                 where the order matters: partition zigzag …, step to the offset zigzag …
///                 per column: 0 no value, 1 a value in every event, 2 | bits u64
///                             the values there are: zigzag; double 8 bytes; text varint length | bytes
///
/// Numbers are little endian. The newest time comes first because the store's expiry filter reads it there.
enum LogCodec {
    static let format: UInt8 = 1

    enum Head: UInt8 { case oneChunk, manyChunks }

    static func encodeHead(_ log: TimeLog, newest: Int64, _ layout: LogLayout, into writer: inout ByteWriter) {
        writer.append(newest)
        writer.append(format)
        writer.append((log.hasManyChunks ? Head.manyChunks : .oneChunk).rawValue)
        writer.append(log.trimmedThrough)
        if log.hasManyChunks {
            writer.append(log.nextChunkID)
        } else if log.isEmpty {
            writer.append(varint: 0)
        } else {
            log.forEachChunk { encodeBody($0, layout, into: &writer) }
        }
    }

    static func encodeChunk(_ chunk: Chunk, _ layout: LogLayout, into writer: inout ByteWriter) {
        writer.append(chunk.times(layout)[chunk.count - 1])
        writer.append(format)
        encodeBody(chunk, layout, into: &writer)
    }

    private static func encodeBody(_ chunk: Chunk, _ layout: LogLayout, into writer: inout ByteWriter) {
        let count = chunk.count
        writer.append(varint: UInt64(count))
        guard count > 0 else { return }
        let times = chunk.times(layout)
        writer.append(times[0])
        for row in 1..<max(1, count) { writer.append(varint: UInt64(bitPattern: times[row] &- times[row &- 1])) }
        if layout.isOrdered {
            let partitions = chunk.partitions(layout)
            let offsets = chunk.offsets(layout)
            var last: Int64 = 0
            for row in 0..<count { writer.append(zigzag: Int64(partitions[row])) }
            for row in 0..<count {
                writer.append(zigzag: offsets[row] &- last)
                last = offsets[row]
            }
        }
        let all = bitRange(0, count)
        for (index, column) in layout.columns.enumerated() {
            let valid = chunk.validity(index)
            if valid == 0 {
                writer.append(UInt8(0))
                continue
            }
            if valid == all {
                writer.append(UInt8(1))
            } else {
                writer.append(UInt8(2))
                writer.append(valid)
            }
            guard column.kind != .presence else { continue }
            let words = chunk.words(column, layout)
            var rest = valid
            while rest != 0 {
                let word = words[rest.trailingZeroBitCount]
                switch column.kind {
                case .integer: writer.append(zigzag: word)
                case .double: writer.append(word)
                case .text:
                    unsafe chunk.withBytes(LoggedText(word: word)) {
                        writer.append(varint: UInt64($0.count))
                        unsafe writer.append($0)
                    }
                case .presence: break
                }
                rest &= rest &- 1
            }
        }
    }

    /// What a head row holds.
    struct DecodedHead {
        var newest: Int64
        var trimmedThrough: Int64
        /// nil where the log has many chunks.
        var chunk: Chunk?
        var nextChunkID: UInt32
    }

    static func decodeHead(_ bytes: UnsafeRawBufferPointer, _ layout: LogLayout) throws(CorruptBytes) -> DecodedHead {
        var reader = unsafe ByteReader(bytes)
        let newest = try reader.read(Int64.self)
        guard try reader.read(UInt8.self) == format else { throw CorruptBytes() }
        guard let head = Head(rawValue: try reader.read(UInt8.self)) else { throw CorruptBytes() }
        let trimmedThrough = try reader.read(Int64.self)
        switch head {
        case .manyChunks:
            return DecodedHead(
                newest: newest, trimmedThrough: trimmedThrough, chunk: nil, nextChunkID: try reader.read(UInt32.self))
        case .oneChunk:
            let chunk = try decodeBody(&reader, id: 0, layout)
            return DecodedHead(newest: newest, trimmedThrough: trimmedThrough, chunk: chunk, nextChunkID: 0)
        }
    }

    static func decodeChunk(_ bytes: UnsafeRawBufferPointer, id: UInt32, _ layout: LogLayout) throws(CorruptBytes) -> Chunk {
        var reader = unsafe ByteReader(bytes)
        _ = try reader.read(Int64.self)
        guard try reader.read(UInt8.self) == format else { throw CorruptBytes() }
        let chunk = try decodeBody(&reader, id: id, layout)
        // The chunks of a long log are ordered by their first events.
        guard chunk.count > 0 else {
            TimeLog.discard(chunk, layout)
            throw CorruptBytes()
        }
        return chunk
    }

    private static func decodeBody(_ reader: inout ByteReader, id: UInt32, _ layout: LogLayout) throws(CorruptBytes) -> Chunk {
        let count = try reader.readVarint()
        guard count <= UInt64(Chunk.eventsMax) else { throw CorruptBytes() }
        let chunk = TimeLog.newChunk(events: Int(count), id: id, layout)
        do throws(CorruptBytes) {
            try fill(chunk, Int(count), &reader, layout)
            return chunk
        } catch {
            TimeLog.discard(chunk, layout)
            throw error
        }
    }

    private static func fill(_ chunk: Chunk, _ count: Int, _ reader: inout ByteReader, _ layout: LogLayout) throws(CorruptBytes) {
        guard count > 0 else { return }
        var time = try reader.read(Int64.self)
        _ = chunk.appendRow(time: time, partition: 0, offset: 0, layout)
        for _ in 1..<max(1, count) {
            time &+= Int64(bitPattern: try reader.readVarint())
            _ = chunk.appendRow(time: time, partition: 0, offset: 0, layout)
        }
        if layout.isOrdered {
            let partitions = chunk.partitions(layout)
            let offsets = chunk.offsets(layout)
            for row in 0..<count {
                guard let partition = Int32(exactly: try reader.readZigzag()) else { throw CorruptBytes() }
                partitions[row] = partition
            }
            var offset: Int64 = 0
            for row in 0..<count {
                offset &+= try reader.readZigzag()
                offsets[row] = offset
            }
        }
        let all = bitRange(0, count)
        for (index, column) in layout.columns.enumerated() {
            let valid: UInt64
            switch try reader.read(UInt8.self) {
            case 0: valid = 0
            case 1: valid = all
            case 2: valid = try reader.read(UInt64.self)
            default: throw CorruptBytes()
            }
            guard valid & ~all == 0 else { throw CorruptBytes() }
            chunk.setValidity(index, valid)
            guard column.kind != .presence else { continue }
            let words = chunk.words(column, layout)
            for row in 0..<count {
                guard valid >> UInt64(row) & 1 == 1 else {
                    words[row] = 0
                    continue
                }
                switch column.kind {
                case .integer: words[row] = try reader.readZigzag()
                case .double: words[row] = try reader.read(Int64.self)
                case .text:
                    let length = try reader.readVarint()
                    guard length <= UInt64(reader.remaining) else { throw CorruptBytes() }
                    unsafe chunk.setText(try reader.read(length: Int(length)), row: row, column, layout)
                case .presence: break
                }
            }
        }
    }
}
