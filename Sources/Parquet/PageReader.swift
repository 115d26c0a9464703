/// Reads the pages of column chunks, one after the other: a window of the file and one page are in memory, whatever the size
/// of the chunk.
struct PageReader: ~Copyable {
    private let file: InputFile
    private var codec = Codec.none
    /// What of the chunk is still to be taken into the window, in bytes of the file.
    private var unread = 0..<0
    private var window = ByteBuffer(capacity: Bounds.windowBytes + ByteBuffer.padding)
    /// Bytes of the window that have been read.
    private var passed = 0
    private var page = ByteBuffer()
    private var decompressor = Decompressor()

    init(_ file: InputFile) { self.file = file }

    mutating func open(_ chunk: StoredChunk) throws(CorruptBytes) {
        guard let codec = Codec(rawValue: chunk.codec) else {
            throw CorruptBytes("compression \(Codec.name(chunk.codec)) is not read")
        }
        let (end, overflow) = chunk.startOffset.addingReportingOverflow(chunk.compressedSize)
        guard !overflow, chunk.startOffset >= 4, chunk.compressedSize >= 0, end <= file.size else {
            throw CorruptBytes("its chunk lies outside the file")
        }
        self.codec = codec
        unread = chunk.startOffset..<end
        window.removeAll()
        passed = 0
    }

    /// The header of the next page that holds values, and its levels and values without compression; nil behind the last.
    ///
    /// The memory stays as it is until the next call, with `ByteBuffer.padding` readable bytes behind it.
    mutating func next() throws(PageError) -> (header: PageHeader, levels: ByteReader?, values: ByteReader)? {
        while passed < window.count || !unread.isEmpty {
            let header = try nextHeader()
            guard 0...Bounds.bytesOfPageRead ~= header.compressedSize, 0...Bounds.bytesOfPageRead ~= header.uncompressedSize
            else {
                throw .corrupt(CorruptBytes("a page of \(header.compressedSize) bytes, \(header.uncompressedSize) decompressed"))
            }
            guard header.compressedSize <= window.count - passed + unread.count else {
                throw .corrupt(CorruptBytes("a page goes beyond its chunk"))
            }
            try fill(header.compressedSize)
            let stored = unsafe UnsafeRawBufferPointer(start: window.base + passed, count: header.compressedSize)
            passed += header.compressedSize
            if header.kind == .other { continue }
            do throws(CorruptBytes) {
                if let expected = header.checksum, unsafe checksum(stored) != expected {
                    throw CorruptBytes("a page's checksum is not what its header says")
                }
                return unsafe try content(header, stored)
            } catch {
                throw .corrupt(error)
            }
        }
        return nil
    }

    private mutating func nextHeader() throws(PageError) -> PageHeader {
        var looked = min(Bounds.windowBytes / 16, window.count - passed + unread.count)
        while true {
            try fill(looked)
            var thrift = unsafe ThriftReader(
                ByteReader(UnsafeRawBufferPointer(start: window.base + passed, count: window.count - passed)))
            do throws(CorruptBytes) {
                let header = try thrift.pageHeader()
                passed += thrift.bytes.position
                return header
            } catch {
                // Long statistics may reach beyond what was looked at.
                guard error.isCutOff, !unread.isEmpty, looked < Bounds.bytesOfHeaderRead else {
                    throw .corrupt(CorruptBytes("a page's header: \(error.reason)"))
                }
                looked = min(max(looked, window.count - passed) * 4, window.count - passed + unread.count)
            }
        }
    }

    /// Sees to it that the window has `count` bytes that have not been read. Requires: the chunk has as many.
    private mutating func fill(_ count: Int) throws(PageError) {
        guard window.count - passed < count else { return }
        window.removeFirst(passed)
        passed = 0
        let length = min(max(count, Bounds.windowBytes) - window.count, unread.count)
        unsafe _ = window.reserve(length + ByteBuffer.padding)
        do throws(ParquetError) {
            try file.read(unread.lowerBound..<unread.lowerBound + length, into: &window)
        } catch {
            throw .file(error)
        }
        unread = unread.lowerBound + length..<unread.upperBound
    }

    private mutating func content(
        _ header: PageHeader, _ stored: UnsafeRawBufferPointer
    ) throws(CorruptBytes) -> (PageHeader, ByteReader?, ByteReader) {
        var stored = unsafe ByteReader(stored)
        var size = header.uncompressedSize
        var levels: ByteReader?
        if header.kind == .dataV2 {
            guard header.repetitionBytes >= 0, header.definitionBytes >= 0 else {
                throw CorruptBytes("levels of negative length")
            }
            try stored.skip(header.repetitionBytes)
            levels = try stored.take(header.definitionBytes)
            size -= header.repetitionBytes + header.definitionBytes
        }
        guard codec != .none, header.isCompressed else {
            guard size == stored.left else { throw CorruptBytes("a page's size is not what its header says") }
            return (header, levels, stored)
        }
        page.removeAll()
        try unsafe decompressor.decompress(stored.rest, codec, size: size, into: &page)
        return unsafe (header, levels, ByteReader(page.bytes))
    }
}

/// The file could not be read, or what was read contradicts the format.
enum PageError: Error {
    case file(ParquetError)
    case corrupt(CorruptBytes)
}
