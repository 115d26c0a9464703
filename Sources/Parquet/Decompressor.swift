internal import CLZ4
internal import CSnappy
internal import CZlib
internal import CZstd

/// `CompressionCodec` of parquet.thrift.
enum Codec: Int32 {
    case none = 0
    case snappy = 1
    case gzip = 2
    case zstd = 6
    case lz4 = 7

    /// The others' names, for errors.
    static func name(_ number: Int32) -> String {
        let others: [Int32: String] = [3: "LZO", 4: "Brotli", 5: "Hadoop's framing of LZ4"]
        return others[number] ?? "of number \(number)"
    }

    /// More than a byte of a compressed page can stand for, so that a page's header alone cannot ask for much memory.
    var expansionMax: Int {
        switch self {
        case .none: 1
        case .snappy: 64
        case .gzip: 1040
        case .zstd: 1 << 17
        case .lz4: 256
        }
    }
}

/// Decompresses pages; has one context of each library that needs one.
@safe
struct Decompressor: ~Copyable, @unchecked Sendable {
    private let zstd: OpaquePointer
    private var inflater: UnsafeMutablePointer<z_stream>?

    init() {
        guard let context = unsafe ZSTD_createDCtx() else { fatalError("no memory for a zstd context") }
        unsafe zstd = context
    }

    deinit {
        unsafe _ = ZSTD_freeDCtx(zstd)
        if let inflater = unsafe inflater {
            unsafe _ = inflateEnd(inflater)
            unsafe inflater.deallocate()
        }
    }

    /// Appends `size` bytes to `target`, which is what `source` must have in plain.
    mutating func decompress(
        _ source: UnsafeRawBufferPointer, _ codec: Codec, size: Int, into target: inout ByteBuffer
    ) throws(CorruptBytes) {
        guard 0...Bounds.bytesOfPageRead ~= size, size <= (source.count + 64) * codec.expansionMax else {
            throw CorruptBytes("a page of \(source.count) bytes is said to have \(size) when decompressed")
        }
        guard size > 0 else { return }
        guard let start = source.baseAddress else { throw CorruptBytes("a page without bytes") }
        // Unpacking of bits looks at whole words.
        let room = unsafe target.reserve(size + ByteBuffer.padding)
        let length: Int?
        switch codec {
        case .none:
            length = source.count == size ? size : nil
            if length != nil { unsafe room.copyMemory(from: start, byteCount: size) }
        case .snappy: length = unsafe snappy(start, source.count, room, size)
        case .gzip: length = unsafe inflate(start, source.count, room, size)
        case .zstd:
            let result = unsafe ZSTD_decompressDCtx(zstd, room, size, start, source.count)
            length = ZSTD_isError(result) == 0 ? result : nil
        case .lz4:
            let result = unsafe LZ4_decompress_safe(
                start.assumingMemoryBound(to: CChar.self), room.assumingMemoryBound(to: CChar.self), Int32(source.count),
                Int32(size))
            length = result < 0 ? nil : Int(result)
        }
        guard length == size else {
            throw CorruptBytes("a page cannot be decompressed (\(codec)) into the \(size) bytes that its header states")
        }
        target.advance(by: size)
    }

    private func snappy(_ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutableRawPointer, _ size: Int) -> Int? {
        let bytes = unsafe source.assumingMemoryBound(to: CChar.self)
        var length = 0
        guard unsafe snappy_uncompressed_length(bytes, count, &length) == SNAPPY_OK, length == size,
            unsafe snappy_uncompress(bytes, count, target.assumingMemoryBound(to: CChar.self), &length) == SNAPPY_OK
        else { return nil }
        return length
    }

    /// gzip's or zlib's form; some writers put several members one after the other.
    private mutating func inflate(
        _ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutableRawPointer, _ size: Int
    ) -> Int? {
        if unsafe inflater == nil {
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            unsafe stream.initialize(to: z_stream())
            // 15 bits of window, and 32 for either form's header.
            guard unsafe inflateInit2_(stream, 47, zlibVersion(), Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
                fatalError("no memory for a zlib stream")
            }
            unsafe inflater = stream
        }
        guard let stream = unsafe inflater else { return nil }
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.assumingMemoryBound(to: UInt8.self))
        unsafe stream.pointee.avail_in = UInt32(count)
        unsafe stream.pointee.next_out = target.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(size)
        repeat {
            guard unsafe inflateReset(stream) == Z_OK, unsafe CZlib.inflate(stream, Z_FINISH) == Z_STREAM_END else { return nil }
        } while unsafe stream.pointee.avail_in > 0
        return unsafe size - Int(stream.pointee.avail_out)
    }
}

/// The checksum that a page's header may hold.
func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    unsafe UInt32(truncatingIfNeeded: crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
}
