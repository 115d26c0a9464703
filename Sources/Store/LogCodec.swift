internal import Aggregates
internal import Records
internal import Windows

/// The stored form of time logs.
///
///     head row:   newest time i64 | format u8 | 0 | trimmed through i64 | chunk body       a log of one chunk
///                 newest time i64 | format u8 | 1 | trimmed through i64 | next chunk id u32 | parts u32
///                                                                      one of many, with so many chunk rows and tiles rows
///     chunk row:  newest time i64 | format u8 | chunk body
///     tiles row:  newest time i64 | tiles format u8 | tiles body: see `LogCodec+Tiles`
///     chunk body: events varint | first time i64 | step to the next time varint …
///                 where the order matters: partition zigzag …, step to the offset zigzag …
///                 per column: 0 no value, 1 a value in every event, 2 | bits, 8 a byte
///                             the values there are: zigzag; double 8 bytes; text varint length | bytes
///
/// Numbers are little endian. The newest time comes first because the store's expiry filter reads it there.
enum LogCodec {
    static let format: UInt8 = 3

    enum Head: UInt8 { case oneChunk, manyChunks }

    static func encodeHead(_ log: TimeLog, newest: Int64, _ layout: LogLayout, into writer: inout ByteWriter) {
        writer.append(newest)
        writer.append(format)
        writer.append((log.hasManyChunks ? Head.manyChunks : .oneChunk).rawValue)
        writer.append(log.trimmedThrough)
        if log.hasManyChunks {
            writer.append(log.nextChunkID)
            writer.append(UInt32(log.partCount(layout)))
        } else if log.isEmpty {
            writer.append(varint: 0)
        } else {
            log.forEachChunk(layout) { encodeBody($0, layout, into: &writer) }
        }
    }

    static func encodeChunk(_ chunk: Chunk, _ layout: LogLayout, into writer: inout ByteWriter) {
        writer.append(chunk.time(chunk.count - 1, layout))
        writer.append(format)
        encodeBody(chunk, layout, into: &writer)
    }

    private static func encodeBody(_ chunk: Chunk, _ layout: LogLayout, into writer: inout ByteWriter) {
        let count = chunk.count
        writer.append(varint: UInt64(count))
        guard count > 0 else { return }
        var last = chunk.time(0, layout)
        writer.append(last)
        for row in 1..<max(1, count) {
            let time = chunk.time(row, layout)
            writer.append(varint: UInt64(bitPattern: time &- last))
            last = time
        }
        if layout.isOrdered {
            for row in 0..<count { writer.append(zigzag: Int64(chunk.partition(row, layout))) }
            var last: Int64 = 0
            for row in 0..<count {
                let offset = chunk.offset(row, layout)
                writer.append(zigzag: offset &- last)
                last = offset
            }
        }
        for index in 0..<layout.columnCount { encode(layout.column(index), of: chunk, layout, into: &writer) }
    }

    private static func encode(_ column: LogLayout.Column, of chunk: Chunk, _ layout: LogLayout, into writer: inout ByteWriter) {
        let count = chunk.count
        let isWhole = chunk.isWhole(column)
        if isWhole {
            writer.append(UInt8(1))
        } else {
            var isEmpty = true
            for row in 0..<count where chunk.isValid(row, column, layout) { isEmpty = false }
            writer.append(UInt8(isEmpty ? 0 : 2))
            if isEmpty { return }
            for first in stride(from: 0, to: count, by: 8) {
                var bits: UInt8 = 0
                for row in first..<min(count, first + 8) where chunk.isValid(row, column, layout) {
                    bits |= 1 << UInt8(row - first)
                }
                writer.append(bits)
            }
        }
        guard column.kind != .presence else { return }
        let words = chunk.words(column, layout)
        for row in 0..<count where isWhole || chunk.isValid(row, column, layout) {
            switch column.kind {
            case .integer: writer.append(zigzag: words[row])
            case .double: writer.append(words[row])
            case .text:
                unsafe chunk.withBytes(LoggedText(word: words[row])) {
                    writer.append(varint: UInt64($0.count))
                    unsafe writer.append($0)
                }
            case .presence: break
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
        /// Rows that the log had beside the head: the expiry filter may have taken some since, without a word.
        var partCount: Int
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
                newest: newest, trimmedThrough: trimmedThrough, chunk: nil, nextChunkID: try reader.read(UInt32.self),
                partCount: Int(try reader.read(UInt32.self)))
        case .oneChunk:
            let chunk = try decodeBody(&reader, id: 0, layout)
            return DecodedHead(newest: newest, trimmedThrough: trimmedThrough, chunk: chunk, nextChunkID: 0, partCount: 0)
        }
    }

    /// What a row of a long log holds.
    enum DecodedPart {
        case chunk(Chunk)
        case tiles(TileBlock)
    }

    static func decodePart(_ bytes: UnsafeRawBufferPointer, id: UInt32, _ layout: LogLayout) throws(CorruptBytes) -> DecodedPart {
        var reader = unsafe ByteReader(bytes)
        let newest = try reader.read(Int64.self)
        let format = try reader.read(UInt8.self)
        if format == tilesFormat { return .tiles(try decodeTiles(&reader, id: id, newest: newest, layout)) }
        guard format == self.format else { throw CorruptBytes() }
        let chunk = try decodeBody(&reader, id: id, layout)
        // The chunks of a long log are ordered by their first events.
        guard chunk.count > 0 else {
            TimeLog.discard(chunk, layout)
            throw CorruptBytes()
        }
        return .chunk(chunk)
    }

    private static func decodeBody(_ reader: inout ByteReader, id: UInt32, _ layout: LogLayout) throws(CorruptBytes) -> Chunk {
        let count = try reader.readVarint()
        guard count <= UInt64(Chunk.eventsMax) else { throw CorruptBytes() }
        let chunk = Chunk.loading(events: Int(count), id: id, layout)
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
        chunk.appendRow(time: time, layout)
        for _ in 1..<max(1, count) {
            time &+= Int64(bitPattern: try reader.readVarint())
            chunk.appendRow(time: time, layout)
        }
        if layout.isOrdered {
            for row in 0..<count {
                guard let partition = Int32(exactly: try reader.readZigzag()) else { throw CorruptBytes() }
                chunk.setOrder(partition: partition, offset: 0, row: row, layout)
            }
            var offset: Int64 = 0
            for row in 0..<count {
                offset &+= try reader.readZigzag()
                chunk.setOrder(partition: chunk.partition(row, layout), offset: offset, row: row, layout)
            }
        }
        for index in 0..<layout.columnCount { try fill(layout.column(index), of: chunk, count, &reader, layout) }
    }

    private static func fill(
        _ column: LogLayout.Column, of chunk: Chunk, _ count: Int, _ reader: inout ByteReader, _ layout: LogLayout
    ) throws(CorruptBytes) {
        let form = try reader.read(UInt8.self)
        guard form <= 2 else { throw CorruptBytes() }
        for row in 0..<count { chunk.set(form == 1 ? 0 : nil, row: row, column, layout) }
        if form == 2 {
            for first in stride(from: 0, to: count, by: 8) {
                let bits = try reader.read(UInt8.self)
                for row in first..<min(count, first + 8) where bits >> UInt8(row - first) & 1 == 1 {
                    chunk.set(0, row: row, column, layout)
                }
                guard first + 8 <= count || bits >> UInt8(count - first) == 0 else { throw CorruptBytes() }
            }
        }
        guard column.kind != .presence else { return }
        for row in 0..<count where chunk.isValid(row, column, layout) {
            switch column.kind {
            case .integer: chunk.set(try reader.readZigzag(), row: row, column, layout)
            case .double: chunk.set(try reader.read(Int64.self), row: row, column, layout)
            case .text:
                let length = try reader.readVarint()
                guard length <= UInt64(reader.remaining) else { throw CorruptBytes() }
                unsafe chunk.setText(try reader.read(length: Int(length)), row: row, column, layout)
            case .presence: break
            }
        }
    }
}
