internal import Engine
internal import Records

/// The values of asked rows of one view, as one thread finds them, kept by blocks of row numbers: in memory as far as it goes, then
/// in a file without a name.
///
///     row: number in the block u32 | a bit per value: whether it is one | words 8 bytes each | the texts; their words are lengths
///
/// One thread takes, another gives, block by block once a block is whole.
final class AnswerStore: @unchecked Sendable {
    /// Rows of a block: the row group of a Parquet file, and what the end of a join has in memory.
    static let blockRows = 1 << 17
    /// Memory is taken, and given again to other blocks, by pieces of this size.
    private static let pieceBytes = 1 << 18

    private let folder: String
    private let bytesMax: Int
    private let valueCount: Int
    private let maskBytes: Int
    /// Positions of values that are texts.
    private let texts: [Int]
    private var blocks: [Block] = []
    private var bytes = 0
    private var spare: [Piece] = []
    private var file: TemporaryFile?
    private let monitor = Monitor()

    private struct Block {
        var pieces: [Piece] = []
        /// Pieces in the file.
        var stored: [Range<Int>] = []
    }

    init(types: [FieldType], folder: String, bytesMax: Int) {
        self.folder = folder
        self.bytesMax = bytesMax
        valueCount = types.count
        maskBytes = (types.count + 7) / 8
        texts = types.indices.filter { types[$0] == .string }
    }

    /// Gives how many of the rows belong to which block.
    func take(_ rows: RowBuffer) throws(WorkerError) -> [Int: Int] {
        monitor.lock()
        defer { monitor.unlock() }
        var counts: [Int: Int] = [:]
        var run = (block: -1, count: 0)
        let headBytes = 4 + maskBytes
        let rowBytes = headBytes + 8 * valueCount
        for row in 0..<rows.count {
            let number = Int(rows.offsets[row])
            let index = number / AnswerStore.blockRows
            while blocks.count <= index { blocks.append(Block()) }
            if index != run.block {
                if run.count > 0 { counts[run.block, default: 0] += run.count }
                run = (index, 0)
            }
            run.count += 1
            var textBytes = 0
            for value in texts { textBytes += length(rows, value, row) }
            let piece = piece(of: index, room: rowBytes + textBytes)
            let target = unsafe piece.end
            unsafe target.storeBytes(of: UInt32(number % AnswerStore.blockRows), as: UInt32.self)
            for byte in 0..<maskBytes {
                var bits: UInt8 = 0
                for value in byte * 8..<min(valueCount, byte * 8 + 8) {
                    bits |= rows.valueValid[value][row] << UInt8(value - byte * 8)
                }
                unsafe target.storeBytes(of: bits, toByteOffset: 4 + byte, as: UInt8.self)
            }
            for value in 0..<valueCount {
                unsafe target.storeBytes(of: rows.valueWords[value][row], toByteOffset: headBytes + 8 * value, as: Int64.self)
            }
            piece.count += rowBytes
            for value in texts {
                let length = length(rows, value, row)
                unsafe target.storeBytes(of: Int64(length), toByteOffset: headBytes + 8 * value, as: Int64.self)
                guard length > 0 else { continue }
                let text = unsafe rows.text.bytes(TextReference(word: rows.valueWords[value][row]))
                unsafe piece.end.copyMemory(from: text.baseAddress!, byteCount: length)
                piece.count += length
            }
        }
        if run.count > 0 { counts[run.block, default: 0] += run.count }
        if bytes > bytesMax { try setAside() }
        return counts
    }

    private func length(_ rows: RowBuffer, _ value: Int, _ row: Int) -> Int {
        rows.valueValid[value][row] == 0 ? 0 : TextReference(word: rows.valueWords[value][row]).length
    }

    @inline(__always)
    private func piece(of block: Int, room: Int) -> Piece {
        if let last = blocks[block].pieces.last, last.capacity - last.count >= room { return last }
        let piece: Piece
        if room <= AnswerStore.pieceBytes, let free = spare.popLast() {
            piece = free
        } else {
            piece = Piece(capacity: max(room, AnswerStore.pieceBytes))
        }
        bytes += piece.capacity
        blocks[block].pieces.append(piece)
        return piece
    }

    private func release(_ pieces: [Piece]) {
        for piece in pieces {
            bytes -= piece.capacity
            piece.count = 0
            if piece.capacity == AnswerStore.pieceBytes { spare.append(piece) }
        }
    }

    private func setAside() throws(WorkerError) {
        if file == nil { file = try TemporaryFile(in: folder) }
        for index in blocks.indices {
            for piece in blocks[index].pieces {
                let start = unsafe try file!.append(piece.all)
                blocks[index].stored.append(start..<start + piece.count)
            }
            release(blocks[index].pieces)
            blocks[index].pieces = []
        }
    }

    /// Writes a block's rows into columns, each at its number, and lets go of them. Gives how many there are.
    func give(block index: Int, to columns: [Column], _ text: inout TextArena) throws(WorkerError) -> Int {
        let block = monitor.locked { () -> Block in
            guard index < blocks.count else { return Block() }
            defer { blocks[index] = Block() }
            return blocks[index]
        }
        var count = 0
        for piece in block.pieces { count += unsafe decode(piece.all, columns, &text) }
        monitor.locked { release(block.pieces) }
        for range in block.stored {
            let piece = Piece(capacity: range.count)
            unsafe try file!.read(at: range.lowerBound, into: UnsafeMutableRawBufferPointer(start: piece.end, count: range.count))
            piece.count = range.count
            count += unsafe decode(piece.all, columns, &text)
        }
        return count
    }

    private func decode(_ bytes: UnsafeRawBufferPointer, _ columns: [Column], _ text: inout TextArena) -> Int {
        let headBytes = 4 + maskBytes
        var position = 0
        var count = 0
        while position < bytes.count {
            let row = unsafe Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
            for value in 0..<valueCount {
                let bits = unsafe bytes[position + 4 + value / 8]
                columns[value].valid[row] = bits >> UInt8(value & 7) & 1
                columns[value].words[row] = unsafe bytes.loadUnaligned(
                    fromByteOffset: position + headBytes + 8 * value, as: Int64.self)
            }
            position += headBytes + 8 * valueCount
            for value in texts {
                let length = Int(columns[value].words[row])
                columns[value].words[row] =
                    unsafe text.append(UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])).word
                position += length
            }
            count += 1
        }
        return count
    }
}

/// Memory for some rows.
@safe
private final class Piece {
    private let base: UnsafeMutableRawPointer
    let capacity: Int
    var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        unsafe base = .allocate(byteCount: max(capacity, 1), alignment: 16)
    }

    deinit { unsafe base.deallocate() }

    var all: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }
    /// Where the next row goes.
    var end: UnsafeMutableRawPointer { unsafe base + count }
}
