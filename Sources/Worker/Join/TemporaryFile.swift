internal import Glibc

/// A file without a name: its room comes back when the process ends, however that is.
final class TemporaryFile {
    private let descriptor: Int32
    private let folder: String
    private(set) var length = 0

    init(in folder: String) throws(WorkerError) {
        self.folder = folder
        let path = "\(folder)/.freshet-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw WorkerError(cannot: "make a file in", folder) }
        unsafe _ = unlink(path)
    }

    deinit { _ = close(descriptor) }

    /// Appends bytes and gives where they begin.
    @discardableResult
    func append(_ bytes: UnsafeRawBufferPointer) throws(WorkerError) -> Int {
        let start = length
        var done = 0
        while done < bytes.count {
            let written = unsafe pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(start + done))
            if written < 0 {
                if errno == EINTR { continue }
                throw WorkerError(cannot: "write to a file in", folder)
            }
            done += written
        }
        length += bytes.count
        return start
    }

    /// Reads as many bytes as `target` has. Requires: they lie within `length`.
    func read(at start: Int, into target: UnsafeMutableRawBufferPointer) throws(WorkerError) {
        var done = 0
        while done < target.count {
            let result = unsafe pread(descriptor, target.baseAddress! + done, target.count - done, off_t(start + done))
            if result < 0 && errno == EINTR { continue }
            guard result > 0 else { throw WorkerError(cannot: "read back a file in", folder) }
            done += result
        }
    }
}
