internal import Glibc

/// A file that exists in the end only if it was closed: dropped before, it is removed.
struct OutputFile: ~Copyable, Sendable {
    let path: String
    private(set) var size = 0
    private var descriptor: Int32

    init(creating path: String) throws(ParquetError) {
        self.path = path
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw ParquetError(.create, path) }
    }

    deinit {
        guard descriptor >= 0 else { return }
        // Nobody is promised these bytes any more, so a failure to close them means nothing.
        _ = Glibc.close(descriptor)
        _ = unsafe unlink(path)
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) throws(ParquetError) {
        var written = 0
        while written < bytes.count {
            let result = unsafe Glibc.write(descriptor, bytes.baseAddress.unsafelyUnwrapped + written, bytes.count - written)
            if result < 0 {
                if errno == EINTR { continue }
                throw ParquetError(.write, path)
            }
            written += result
        }
        size += written
    }

    func sync() throws(ParquetError) {
        guard fsync(descriptor) == 0 else { throw ParquetError(.sync, path) }
    }

    mutating func close() throws(ParquetError) {
        let closing = descriptor
        // Linux frees the descriptor even when close fails; a second close could hit another thread's file.
        descriptor = -1
        guard Glibc.close(closing) == 0 else {
            let failure = ParquetError(.close, path)
            _ = unsafe unlink(path)
            throw failure
        }
    }
}
