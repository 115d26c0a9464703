internal import Engine
internal import Records

/// The values of asked rows of one view, as one thread finds them, kept by blocks of row numbers: in memory as far as it goes, then
/// in a file without a name.
///
///     row: number in the block u32 | a bit per value: whether it is one | words 8 bytes each | the texts; their words are lengths
final class AnswerStore {
    /// Rows of a block: the row group of a Parquet file, and what the end of a join has in memory.
    static let blockRows = 1 << 17

    private let folder: String
    private let bytesMax: Int
    private let valueCount: Int
    /// Positions of values that are texts.
    private let texts: [Int]
    private var blocks: [Block] = []
    private var bytes = 0
    private var file: TemporaryFile?

    private struct Block {
        var bytes = RawBytes()
        /// Pieces in the file.
        var pieces: [Range<Int>] = []
    }

    init(types: [FieldType], folder: String, bytesMax: Int) {
        self.folder = folder
        self.bytesMax = bytesMax
        valueCount = types.count
        texts = types.indices.filter { types[$0] == .string }
    }

    private var maskBytes: Int { (valueCount + 7) / 8 }

    func take(_ rows: RowBuffer) throws(WorkerError) {
        let headBytes = 4 + maskBytes
        let rowBytes = headBytes + 8 * valueCount
        for row in 0..<rows.count {
            let number = Int(rows.offsets[row])
            let index = number / AnswerStore.blockRows
            while blocks.count <= index { blocks.append(Block()) }
            let before = blocks[index].bytes.count
            unsafe blocks[index].bytes.append(rowBytes) { target in
                unsafe target.storeBytes(of: UInt32(number % AnswerStore.blockRows), as: UInt32.self)
                for byte in 0..<maskBytes {
                    var bits: UInt8 = 0
                    for value in byte * 8..<min(valueCount, byte * 8 + 8) {
                        bits |= rows.values[value].valid[row] << UInt8(value - byte * 8)
                    }
                    unsafe target.storeBytes(of: bits, toByteOffset: 4 + byte, as: UInt8.self)
                }
                for value in 0..<valueCount {
                    unsafe target.storeBytes(
                        of: rows.values[value].words[row], toByteOffset: headBytes + 8 * value, as: Int64.self)
                }
                for value in texts {
                    let length =
                        rows.values[value].valid[row] == 0 ? 0 : TextReference(word: rows.values[value].words[row]).length
                    unsafe target.storeBytes(of: Int64(length), toByteOffset: headBytes + 8 * value, as: Int64.self)
                }
            }
            for value in texts where rows.values[value].valid[row] != 0 {
                let text = unsafe rows.text.bytes(TextReference(word: rows.values[value].words[row]))
                unsafe blocks[index].bytes.append(text.count) {
                    unsafe $0.copyMemory(from: text.baseAddress!, byteCount: text.count)
                }
            }
            bytes += blocks[index].bytes.count - before
        }
        if bytes > bytesMax { try setAside() }
    }

    private func setAside() throws(WorkerError) {
        if file == nil { file = try TemporaryFile(in: folder) }
        let file = file!
        for index in blocks.indices where blocks[index].bytes.count > 0 {
            let start = unsafe try file.append(blocks[index].bytes.all)
            blocks[index].pieces.append(start..<file.length)
            blocks[index].bytes.removeAll()
        }
        bytes = 0
    }

    /// Writes a block's rows into columns, each at its number, and lets go of them. Gives how many there are.
    func give(block index: Int, to columns: [Column], _ text: inout TextArena) throws(WorkerError) -> Int {
        guard index < blocks.count else { return 0 }
        let block = blocks[index]
        blocks[index] = Block()
        var count = unsafe decode(block.bytes.all, columns, &text)
        for piece in block.pieces {
            let bytes = RawBytes()
            var failure: WorkerError?
            unsafe bytes.append(piece.count) { target in
                let target = unsafe UnsafeMutableRawBufferPointer(start: target, count: piece.count)
                do throws(WorkerError) { unsafe try file!.read(at: piece.lowerBound, into: target) } catch { failure = error }
            }
            if let failure { throw failure }
            count += unsafe decode(bytes.all, columns, &text)
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

/// Bytes that grow at the end.
@safe
private final class RawBytes {
    private var base: UnsafeMutableRawPointer?
    private(set) var count = 0
    private var capacity = 0

    deinit { unsafe base?.deallocate() }

    var all: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

    /// Adds so many bytes, which `body` writes.
    @inline(__always)
    func append(_ length: Int, _ body: (UnsafeMutableRawPointer) -> Void) {
        if count + length > capacity || capacity == 0 { grow(to: count + length) }
        unsafe body(base! + count)
        count += length
    }

    private func grow(to needed: Int) {
        capacity = max(1 << 12, capacity * 2, needed)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        if let base = unsafe base {
            unsafe larger.copyMemory(from: base, byteCount: count)
            unsafe base.deallocate()
        }
        unsafe base = larger
    }

    /// Gives the memory back.
    func removeAll() {
        unsafe base?.deallocate()
        unsafe base = nil
        count = 0
        capacity = 0
    }
}
