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
///     chunk body: events varint | first time i64 | of more than one: unit of the steps u8, see `TimeUnit` | steps to the next times
///                 where the order matters: offsets | partitions
///                 per column: 0 no value, 1 a value in every event, 2 | bits, 8 a byte
///                             the values there are: integers as numbers; doubles 8 bytes each; texts
///
/// Steps, offsets and partitions are numbers; for those and for texts see `LogCodec+Columns`.
/// Numbers are little endian. The newest time comes first because the store's expiry filter reads it there.
enum LogCodec {
    static let format: UInt8 = 4

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
        withNumbers { numbers in
            writer.append(chunk.time(0, layout))
            if count > 1 {
                let unit = chunk.copySteps(to: numbers, layout)
                writer.append(unit.rawValue)
                encode(numbers, count: count - 1, into: &writer)
            }
            if layout.isOrdered {
                chunk.copyOffsets(to: numbers, layout)
                encode(numbers, count: count, into: &writer)
                chunk.copyPartitions(to: numbers, layout)
                encode(numbers, count: count, into: &writer)
            }
            for index in 0..<layout.columnCount {
                encode(layout.column(index), of: chunk, numbers, layout, into: &writer)
            }
        }
    }

    private static func encode(
        _ column: LogLayout.Column, of chunk: Chunk, _ numbers: Lane<Int64>, _ layout: LogLayout, into writer: inout ByteWriter
    ) {
        let count = chunk.count
        if chunk.isWhole(column) {
            writer.append(UInt8(1))
            if column.kind == .integer {
                chunk.copyIntegers(column, to: numbers, layout)
                return encode(numbers, count: count, into: &writer)
            }
            for row in 0..<count { numbers[row] = Int64(row) }
            return encode(column, of: chunk, rows: numbers, count: count, layout, into: &writer)
        }
        var valid = 0
        for row in 0..<count where chunk.isValid(row, column, layout) {
            numbers[valid] = Int64(row)
            valid += 1
        }
        writer.append(UInt8(valid == 0 ? 0 : 2))
        if valid == 0 { return }
        var next = 0
        for first in stride(from: 0, to: count, by: 8) {
            var bits: UInt8 = 0
            while next < valid && numbers[next] < Int64(first + 8) {
                bits |= 1 << UInt8(numbers[next] - Int64(first))
                next += 1
            }
            writer.append(bits)
        }
        encode(column, of: chunk, rows: numbers, count: valid, layout, into: &writer)
    }

    /// The values of some of the events, whose rows are spent.
    private static func encode(
        _ column: LogLayout.Column, of chunk: Chunk, rows: Lane<Int64>, count: Int, _ layout: LogLayout,
        into writer: inout ByteWriter
    ) {
        switch column.kind {
        case .presence: break
        case .integer:
            let words = chunk.words(column, layout)
            for index in 0..<count { rows[index] = words[Int(rows[index])] }
            encode(rows, count: count, into: &writer)
        case .double:
            let words = chunk.words(column, layout)
            for index in 0..<count { writer.append(words[Int(rows[index])]) }
        case .text: encodeTexts(column, of: chunk, rows: rows, count: count, layout, into: &writer)
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
        try withNumbers { (numbers) throws(CorruptBytes) in
            var time = try reader.read(Int64.self)
            chunk.appendRow(time: time, layout)
            if count > 1 {
                guard let unit = TimeUnit(rawValue: try reader.read(UInt8.self)) else { throw CorruptBytes() }
                try decode(numbers, count: count - 1, from: &reader)
                for index in 0..<(count - 1) {
                    let next = time &+ numbers[index] &* unit.microseconds
                    guard next >= time else { throw CorruptBytes() }
                    chunk.appendRow(time: next, layout)
                    time = next
                }
            }
            if layout.isOrdered {
                try decode(numbers, count: count, from: &reader)
                for row in 0..<count { chunk.setOrder(partition: 0, offset: numbers[row], row: row, layout) }
                try decode(numbers, count: count, from: &reader)
                for row in 0..<count {
                    guard let partition = Int32(exactly: numbers[row]) else { throw CorruptBytes() }
                    chunk.setOrder(partition: partition, offset: chunk.offset(row, layout), row: row, layout)
                }
            }
            for index in 0..<layout.columnCount { try fill(layout.column(index), of: chunk, count, numbers, &reader, layout) }
        }
    }

    private static func fill(
        _ column: LogLayout.Column, of chunk: Chunk, _ count: Int, _ rows: Lane<Int64>, _ reader: inout ByteReader,
        _ layout: LogLayout
    ) throws(CorruptBytes) {
        let form = try reader.read(UInt8.self)
        guard form <= 2 else { throw CorruptBytes() }
        var valid = 0
        if form < 2 {
            for row in 0..<count {
                chunk.set(form == 1 ? 0 : nil, row: row, column, layout)
                rows[row] = Int64(row)
            }
            valid = form == 1 ? count : 0
        } else {
            for first in stride(from: 0, to: count, by: 8) {
                let bits = try reader.read(UInt8.self)
                for row in first..<min(count, first + 8) {
                    let isValid = bits >> UInt8(row - first) & 1 == 1
                    chunk.set(isValid ? 0 : nil, row: row, column, layout)
                    guard isValid else { continue }
                    rows[valid] = Int64(row)
                    valid += 1
                }
                guard first + 8 <= count || bits >> UInt8(count - first) == 0 else { throw CorruptBytes() }
            }
        }
        switch column.kind {
        case .presence: break
        case .integer:
            try withNumbers { (numbers) throws(CorruptBytes) in
                try decode(numbers, count: valid, from: &reader)
                for index in 0..<valid { chunk.set(numbers[index], row: Int(rows[index]), column, layout) }
            }
        case .double:
            for index in 0..<valid { chunk.set(try reader.read(Int64.self), row: Int(rows[index]), column, layout) }
        case .text: try decodeTexts(column, of: chunk, rows: rows, count: valid, layout, from: &reader)
        }
    }
}
