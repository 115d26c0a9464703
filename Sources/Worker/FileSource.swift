internal import CZstd
internal import Glibc
internal import Records

/// The lines of a file, of a `.zst` file or of standard input: a topic of one partition whose offset is the line's number
/// from 0.
@safe
final class FileSource {
    let path: String
    private let descriptor: Int32
    private let isCompressed: Bool
    private var stream: OpaquePointer?
    /// Compressed bytes read and not yet decompressed.
    private var input: UnsafeMutableRawPointer?
    private var inputCount = 0
    private var inputPosition = 0
    /// Plain bytes: those before `start` are used up, those from `end` on are free.
    private var buffer: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var start = 0
    private var end = 0
    private var isAtEnd = false
    private(set) var line: Int64 = 0
    /// Bytes of the file read so far, and its size if it has one: how far the run is.
    private(set) var bytesRead: Int64 = 0
    let bytesTotal: Int64?
    private var frameIsWhole = true
    /// All lines were lent.
    var isExhausted: Bool { isAtEnd && start == end }

    init(path: String) throws(WorkerError) {
        self.path = path
        let descriptor = path == "-" ? 0 : unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw WorkerError(cannot: "open", path) }
        self.descriptor = descriptor
        var status = stat()
        let isFile = unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        bytesTotal = isFile ? Int64(status.st_size) : nil
        isCompressed = path.hasSuffix(".zst")
        _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        capacity = 2 * Bounds.readBytes
        unsafe buffer = .allocate(capacity: capacity + FileSource.padding)
        if unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR {
            throw WorkerError("cannot read \(path): it is a folder")
        }
        if isCompressed {
            unsafe stream = ZSTD_createDStream()
            // Files made with --long need a large window.
            unsafe _ = ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 31)
            unsafe input = .allocate(byteCount: Bounds.readBytes, alignment: 64)
        }
    }

    deinit {
        if descriptor > 0 { _ = close(descriptor) }
        unsafe buffer.deallocate()
        unsafe input?.deallocate()
        if let stream = unsafe stream { unsafe _ = ZSTD_freeDStream(stream) }
    }

    /// Bytes behind every line that may be read though they mean nothing.
    static let padding = 64

    /// Lends `body` the next lines, without their ends, until it says false or the bytes at hand are used up.
    /// Gives false once there are no more.
    func forEachLine(
        _ body: (_ line: RawRecord, _ number: Int64) throws(WorkerError) -> Bool
    ) throws(WorkerError) -> Bool {
        while true {
            let unread = unsafe UnsafeRawPointer(buffer + start)
            if let newline = unsafe memchr(unread, 0x0A, end - start) {
                let length = unsafe UnsafeRawPointer(newline) - unread
                let goesOn = try unsafe lend(start, length, body)
                start += length + 1
                if !goesOn { return true }
                continue
            }
            if isAtEnd {
                guard start < end else { return false }
                let length = end - start
                start = end
                _ = try unsafe lend(end - length, length, body)
                return true
            }
            if end - start >= Bounds.lineBytesMax { unsafe try skipOverlongLine(body) }
            try fill()
        }
    }

    private func lend(
        _ from: Int, _ length: Int, _ body: (_ line: RawRecord, _ number: Int64) throws(WorkerError) -> Bool
    ) throws(WorkerError) -> Bool {
        var length = length
        if length > 0, unsafe buffer[from + length - 1] == 0x0D { length -= 1 }
        let number = line
        line += 1
        let bytes = unsafe UnsafeRawBufferPointer(start: buffer + from, count: length)
        return try unsafe body(RawRecord(value: bytes, readableBytes: FileSource.padding), number)
    }

    /// A line beyond the bound becomes one record of its head, which no decoder takes.
    private func skipOverlongLine(
        _ body: (_ line: RawRecord, _ number: Int64) throws(WorkerError) -> Bool
    ) throws(WorkerError) {
        _ = unsafe try lend(start, Bounds.lineBytesMax, body)
        while true {
            start = end
            try fill()
            let unread = unsafe UnsafeRawPointer(buffer + start)
            if let newline = unsafe memchr(unread, 0x0A, end - start) {
                start += unsafe UnsafeRawPointer(newline) - unread + 1
                return
            }
            if isAtEnd {
                start = end
                return
            }
        }
    }

    /// Makes room behind the unused bytes and reads more.
    private func fill() throws(WorkerError) {
        if start > 0 {
            unsafe buffer.update(from: buffer + start, count: end - start)
            end -= start
            start = 0
        }
        if capacity - end < Bounds.readBytes {
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity * 2 + FileSource.padding)
            unsafe larger.update(from: buffer, count: end)
            unsafe buffer.deallocate()
            unsafe buffer = larger
            capacity *= 2
        }
        if isCompressed {
            try decompress()
        } else {
            unsafe end += try read(UnsafeMutableRawPointer(buffer + end), min(capacity - end, Bounds.readBytes))
        }
    }

    /// Gives 0, and notes the end, where the file is over.
    private func read(_ target: UnsafeMutableRawPointer, _ count: Int) throws(WorkerError) -> Int {
        while true {
            let result = unsafe Glibc.read(descriptor, target, count)
            if result < 0 {
                if errno == EINTR { continue }
                throw WorkerError(cannot: "read", path)
            }
            bytesRead += Int64(result)
            if result == 0 && !isCompressed { isAtEnd = true }
            return result
        }
    }

    private func decompress() throws(WorkerError) {
        if inputPosition == inputCount {
            inputCount = unsafe try read(input!, Bounds.readBytes)
            inputPosition = 0
            if inputCount == 0 {
                if !frameIsWhole { throw WorkerError("cannot read \(path): the zstd data is cut off", isInput: true) }
                isAtEnd = true
                return
            }
        }
        var source = unsafe ZSTD_inBuffer(src: input, size: inputCount, pos: inputPosition)
        var target = unsafe ZSTD_outBuffer(dst: buffer + end, size: capacity - end, pos: 0)
        let result = unsafe ZSTD_decompressStream(stream, &target, &source)
        if ZSTD_isError(result) != 0 {
            throw WorkerError("cannot read \(path): \(unsafe String(cString: ZSTD_getErrorName(result)))", isInput: true)
        }
        frameIsWhole = result == 0
        inputPosition = unsafe source.pos
        end += unsafe target.pos
    }
}
