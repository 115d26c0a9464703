internal import Aggregates
internal import Records
internal import Windows

/// The stored form of a block of tiles.
///
///     tiles | first number zigzag | step to the next varint …
///     per tile: events varint | per column: values varint
///               per column of integers with summaries: sum i128 | squares u128, u64 | count varint | min zigzag | max zigzag
///               per column of doubles with summaries: its words, 15 of u64
extension LogCodec {
    static let tilesFormat: UInt8 = 0x81

    static func encodeTiles(_ block: TileBlock, _ layout: LogLayout, into writer: inout ByteWriter) {
        writer.append(block.newest)
        writer.append(tilesFormat)
        writer.append(varint: UInt64(block.numbers.count))
        var last = block.numbers[0]
        writer.append(zigzag: last)
        for number in block.numbers.dropFirst() {
            writer.append(varint: UInt64(number - last))
            last = number
        }
        for row in block.numbers.indices {
            writer.append(varint: UInt64(block.rows.eventCount(row)))
            for column in 0..<layout.columnCount { writer.append(varint: UInt64(block.rows.valueCount(row, column, layout))) }
            for column in 0..<layout.columnCount where layout.column(column).hasSummary(.integer) {
                let moments = block.rows.moments(row, column, layout)
                writer.append(moments.sum)
                writer.append(moments.squares.low)
                writer.append(moments.squares.high)
                writer.append(varint: UInt64(moments.count))
                writer.append(zigzag: moments.min)
                writer.append(zigzag: moments.max)
            }
            for column in 0..<layout.columnCount where layout.column(column).hasSummary(.double) {
                for word in block.rows.doubleMoments(row, column, layout).words { writer.append(word) }
            }
        }
    }

    static func decodeTiles(
        _ reader: inout ByteReader, id: UInt32, newest: Int64, _ layout: LogLayout
    ) throws(CorruptBytes) -> TileBlock {
        let count = try reader.readVarint()
        guard 1...UInt64(TileBlock.tilesMax) ~= count else { throw CorruptBytes() }
        var numbers = [try reader.readZigzag()]
        for _ in 1..<Int(count) {
            let step = try reader.readVarint()
            guard 1..<UInt64(TileBlock.tilesMax) ~= step else { throw CorruptBytes() }
            numbers.append(numbers[numbers.count - 1] &+ Int64(step))
        }
        guard TileBlock.number(ofTile: numbers[0]) == TileBlock.number(ofTile: numbers[numbers.count - 1]) else {
            throw CorruptBytes()
        }
        var rows = TileRows()
        for _ in numbers { try appendRow(&reader, to: &rows, layout) }
        return TileBlock(id: id, newest: newest, numbers: numbers, rows: rows, layout)
    }

    private static func appendRow(
        _ reader: inout ByteReader, to rows: inout TileRows, _ layout: LogLayout
    ) throws(CorruptBytes) {
        func count(_ reader: inout ByteReader) throws(CorruptBytes) -> Int64 {
            guard let count = Int64(exactly: try reader.readVarint()) else { throw CorruptBytes() }
            return count
        }
        let events = try count(&reader)
        var values: [Int64] = []
        for _ in 0..<layout.columnCount { values.append(try count(&reader)) }
        var moments: [Moments] = []
        for _ in 0..<layout.integerSummaries {
            var state = Moments()
            state.sum = try reader.read(Int128.self)
            state.squares = SquareSum(low: try reader.read(UInt128.self), high: try reader.read(UInt64.self))
            state.count = try count(&reader)
            state.min = try reader.readZigzag()
            state.max = try reader.readZigzag()
            moments.append(state)
        }
        var doubles: [DoubleMoments] = []
        for _ in 0..<layout.doubleSummaries {
            var words: [UInt64] = []
            for _ in 0..<DoubleMoments.wordCount { words.append(try reader.read(UInt64.self)) }
            doubles.append(DoubleMoments(words: words))
        }
        rows.append(events: events, values: values, moments: moments, doubles: doubles)
    }
}
