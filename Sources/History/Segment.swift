internal import CZstd
internal import Engine
internal import Glibc
internal import Records

/// An append-only file of rows that are committed but not Parquet yet.
///
///     "FRSHSEG1" | block …
///     block:    length u32 | zstd frame with checksum of:
///     content:  rows u32 | created i64 | times i64 … | partitions i64 … | offsets i64 … |
///               per entity field: words i64 … | per value: words i64 …, validity u8 … | text length u32 | text
///
/// Numbers are little endian. What lies behind the length that the last commit fixed is not there for anybody.
enum Segment {
    static let magic = Array("FRSHSEG1".utf8)

    static func encode(_ rows: RowBuffer, created: Int64, into writer: inout ByteWriter) {
        writer.append(UInt32(rows.count))
        writer.append(created)
        append(rows.times, rows.count, to: &writer)
        append(rows.partitions, rows.count, to: &writer)
        append(rows.offsets, rows.count, to: &writer)
        for column in rows.entity { append(column.words, rows.count, to: &writer) }
        for column in rows.values {
            append(column.words, rows.count, to: &writer)
            unsafe writer.append(UnsafeRawBufferPointer(start: column.valid.pointer, count: rows.count))
        }
        writer.append(UInt32(rows.text.count))
        unsafe writer.append(rows.text.bytes(TextReference(offset: 0, length: rows.text.count)))
    }

    private static func append(_ lane: Lane<Int64>, _ count: Int, to writer: inout ByteWriter) {
        unsafe writer.append(UnsafeRawBufferPointer(start: lane.pointer, count: count * 8))
    }

    /// Fills an empty buffer with a block's rows; gives when they were made.
    static func decode(_ reader: inout ByteReader, into rows: RowBuffer) throws(CorruptBytes) -> Int64 {
        let count = Int(try reader.read(UInt32.self))
        guard count <= rows.capacity else { throw CorruptBytes() }
        let created = try reader.read(Int64.self)
        try read(&reader, count, into: rows.times)
        try read(&reader, count, into: rows.partitions)
        try read(&reader, count, into: rows.offsets)
        for column in rows.entity { try read(&reader, count, into: column.words) }
        for column in rows.values {
            try read(&reader, count, into: column.words)
            let bytes = unsafe try reader.read(length: count)
            for row in 0..<count { unsafe column.valid[row] = bytes[row] }
        }
        let length = Int(try reader.read(UInt32.self))
        _ = unsafe rows.text.append(try reader.read(length: length))
        for column in rows.entity + rows.values where column.type == .string {
            for row in 0..<count {
                let text = TextReference(word: column.words[row])
                guard text.offset + text.length <= length || column.valid[row] == 0 else { throw CorruptBytes() }
            }
        }
        rows.count = count
        return created
    }

    private static func read(_ reader: inout ByteReader, _ count: Int, into lane: Lane<Int64>) throws(CorruptBytes) {
        for row in 0..<count { lane[row] = try reader.read(Int64.self) }
    }
}

/// The open segment of one view and thread.
@safe
final class SegmentWriter {
    let name: String
    private let folder: String
    /// The folder of all logs.
    private let top: String
    private let path: String
    private let descriptor: Int32
    private(set) var length: UInt64
    private var isNameSynced = false
    private var content = ByteWriter(capacity: 1 << 20)
    private var frame: [UInt8] = []
    private let context: OpaquePointer

    /// - Parameter top: `folder`, or one above it, whose own name is known to last.
    init(folder: String, top: String, name: String) throws(HistoryError) {
        self.name = name
        self.folder = folder
        self.top = top
        path = "\(folder)/\(name)"
        try Folder.make(folder)
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw HistoryError(cannot: "create", path) }
        self.descriptor = descriptor
        length = 0
        unsafe context = ZSTD_createCCtx()
        // Segments do not last, and are written on the loop: half the work of level 1, a third more bytes.
        unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, -5)
        unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        try write(Segment.magic, count: Segment.magic.count)
    }

    deinit {
        _ = close(descriptor)
        unsafe _ = ZSTD_freeCCtx(context)
    }

    func append(_ rows: RowBuffer, created: Int64) throws(HistoryError) {
        content.removeAll()
        Segment.encode(rows, created: created, into: &content)
        let bound = ZSTD_compressBound(content.count)
        if frame.count < bound + 4 { frame = Array(repeating: 0, count: bound + 4) }
        let written = unsafe content.withBytes { source in
            unsafe frame.withUnsafeMutableBytes { target in
                let size = unsafe ZSTD_compress2(context, target.baseAddress! + 4, bound, source.baseAddress, source.count)
                precondition(ZSTD_isError(size) == 0, "zstd refuses a buffer of its own bound")
                unsafe target.storeBytes(of: UInt32(size).littleEndian, as: UInt32.self)
                return size + 4
            }
        }
        try write(frame, count: written)
    }

    private func write(_ bytes: [UInt8], count: Int) throws(HistoryError) {
        var done = 0
        while done < count {
            let result = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress! + done, count - done) }
            if result < 0 {
                if errno == EINTR { continue }
                throw HistoryError(cannot: "write", path)
            }
            done += result
        }
        length += UInt64(count)
    }

    /// Waits until what was appended is on disk, and the file's name and those of its folders with it.
    func sync() throws(HistoryError) {
        if fdatasync(descriptor) != 0 { throw HistoryError(cannot: "sync", path) }
        if !isNameSynced { try Folder.sync(folder, upTo: top) }
        isNameSynced = true
    }
}

/// Segments whose rows may not be on disk yet.
public struct UnsyncedSegments: @unchecked Sendable {
    // What is appended meanwhile, on the thread that owns them, is not what has to be on disk; only `sync` changes what it reads.
    let segments: [SegmentWriter]

    /// Waits until they are. One thread at a time.
    public func sync() throws(HistoryError) {
        for segment in segments { try segment.sync() }
    }
}

/// Reads back the committed blocks of a segment.
final class SegmentReader {
    private let path: String
    private let descriptor: Int32
    private var left: UInt64

    init(path: String, committed: UInt64) throws(HistoryError) {
        self.path = path
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HistoryError(cannot: "open", path) }
        left = committed
        let head = try read(Segment.magic.count)
        guard head == Segment.magic else { throw corrupt() }
    }

    deinit { _ = close(descriptor) }

    private func corrupt() -> HistoryError { HistoryError("\(path): the segment is corrupt") }

    private func read(_ count: Int) throws(HistoryError) -> [UInt8] {
        guard left >= UInt64(count) else { throw corrupt() }
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let result = unsafe bytes.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress! + done, count - done)
            }
            if result < 0 {
                if errno == EINTR { continue }
                throw HistoryError(cannot: "read", path)
            }
            // Committed bytes that are not there were lost by the disk, not by a crash of ours.
            if result == 0 { throw corrupt() }
            done += result
        }
        left -= UInt64(count)
        return bytes
    }

    /// The content of the next block, whose checksum is right; nil at the end.
    func nextBlock() throws(HistoryError) -> [UInt8]? {
        guard left > 0 else { return nil }
        let length = unsafe try read(4).withUnsafeBytes { unsafe Int(UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self))) }
        return try decompress(read(length))
    }

    /// Fills the buffer with the next block; gives when its rows were made, or nil at the end.
    func next(into rows: RowBuffer) throws(HistoryError) -> Int64? {
        guard let content = try nextBlock() else { return nil }
        rows.removeAll()
        var created: Int64?
        unsafe content.withUnsafeBytes { bytes in
            var reader = unsafe ByteReader(bytes)
            created = try? Segment.decode(&reader, into: rows)
        }
        guard let created else { throw corrupt() }
        return created
    }

    /// The size that a frame's head claims is not believed: no checksum covers it.
    private func decompress(_ frame: [UInt8]) throws(HistoryError) -> [UInt8] {
        let stream = unsafe ZSTD_createDStream()
        defer { unsafe _ = ZSTD_freeDStream(stream) }
        var content: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: ZSTD_DStreamOutSize())
        var position = 0
        while true {
            let (left, read, written) = unsafe frame.withUnsafeBytes { source in
                unsafe piece.withUnsafeMutableBytes { target in
                    var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: position)
                    var output = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                    let left = unsafe ZSTD_decompressStream(stream, &output, &input)
                    return unsafe (left, input.pos, output.pos)
                }
            }
            guard ZSTD_isError(left) == 0, read > position || written > 0 else { throw corrupt() }
            position = read
            content += piece[..<written]
            guard left > 0 else { break }
        }
        guard position == frame.count else { throw corrupt() }
        return content
    }
}
