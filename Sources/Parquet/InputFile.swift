internal import Glibc

/// A file that is read by position, from any thread.
final class InputFile: Sendable {
    let path: String
    let size: Int
    private let descriptor: Int32

    init(opening path: String) throws(ParquetError) {
        self.path = path
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ParquetError(.open, path) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let failure = ParquetError(.open, path)
            _ = close(descriptor)
            throw failure
        }
        self.descriptor = descriptor
        size = Int(status.st_size)
    }

    deinit { _ = close(descriptor) }

    /// Appends a range's bytes to `target`. Requires: the range lies within `size`.
    func read(_ range: Range<Int>, into target: inout ByteBuffer) throws(ParquetError) {
        var done = 0
        let start = unsafe target.reserve(range.count)
        while done < range.count {
            let result = unsafe pread(descriptor, start + done, range.count - done, range.lowerBound + done)
            if result < 0 {
                if errno == EINTR { continue }
                throw ParquetError(.read, path)
            }
            if result == 0 { throw ParquetError(.read, path, reason: "the file became shorter") }
            done += result
        }
        target.advance(by: range.count)
    }
}
