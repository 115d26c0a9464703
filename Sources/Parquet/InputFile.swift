internal import Glibc

/// A file that is read by position.
struct InputFile: ~Copyable, Sendable {
    let path: String
    let size: Int
    private let descriptor: Int32

    init(opening path: String) throws(ParquetError) {
        self.path = path
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ParquetError(.open, path) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let failure = ParquetError(.open, path)
            _ = close(descriptor)
            throw failure
        }
        size = Int(status.st_size)
    }

    deinit { _ = close(descriptor) }

    /// Requires: the range lies within `size`.
    func read(_ range: Range<Int>) throws(ParquetError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        var done = 0
        while done < range.count {
            let result = unsafe bytes.withUnsafeMutableBytes { target in
                unsafe pread(descriptor, target.baseAddress! + done, range.count - done, range.lowerBound + done)
            }
            if result < 0 {
                if errno == EINTR { continue }
                throw ParquetError(.read, path)
            }
            if result == 0 { throw ParquetError(.read, path, reason: "the file became shorter") }
            done += result
        }
        return bytes
    }
}
