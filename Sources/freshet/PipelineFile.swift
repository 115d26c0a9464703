import Glibc
import Pipelines

/// Reads and checks a pipeline file.
func loadPlan(_ path: String) throws -> Plan {
    let text = try readText(path)
    do throws(PipelineErrors) { return try Plan(parsing: text, file: path) } catch { throw CommandFailure(error) }
}

private func readText(_ path: String) throws -> String {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path) }
    defer { _ = close(descriptor) }
    // The loader refuses larger files; one byte more is enough for it to see that.
    let bytesMax = 2 << 20
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count < bytesMax {
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { throw unreadable(path) }
        if count == 0 { break }
        bytes += buffer[0..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
}

private func unreadable(_ path: String) -> CommandFailure {
    CommandFailure.wrong("freshet: cannot read \(path): \(unsafe String(cString: strerror(errno)))")
}
