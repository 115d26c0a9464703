import Glibc

/// Traffic as a file of JSON lines.
enum TrafficFile {
    private static let writeBytes = 1 << 20

    static func write(_ traffic: CardTraffic, events: Int, to path: String) throws(CommandFailure) {
        let descriptor = path == "-" ? 1 : unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .cannot("open", path) }
        defer { if descriptor != 1 { _ = close(descriptor) } }
        var traffic = traffic
        var bytes: [UInt8] = []
        for number in 1...events {
            traffic.next().appendJSON(to: &bytes)
            bytes.append(UInt8(ascii: "\n"))
            guard bytes.count >= writeBytes || number == events else { continue }
            var done = 0
            while done < bytes.count {
                let result = unsafe bytes.withUnsafeBytes {
                    unsafe Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done)
                }
                if result < 0 {
                    if errno == EINTR { continue }
                    throw .cannot("write", path)
                }
                done += result
            }
            bytes.removeAll(keepingCapacity: true)
        }
    }
}
