internal import Glibc
internal import History
internal import Kafka
internal import Records

/// Where records go that never enter state, each as one JSON object with its original bytes.
final class DeadLetters {
    enum Target {
        case file(path: String)
        case topic(KafkaProducer, String)
        /// Counted only.
        case nowhere
    }

    private let target: Target
    private var descriptor: Int32 = -1
    private var line: [UInt8] = []
    private var buffer: [UInt8] = []
    /// Bytes written to the file.
    private(set) var length: UInt64 = 0

    init(_ target: Target) { self.target = target }

    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    /// Cuts the file back to what the last commit fixed. Call before the first `add`.
    func recover(length: UInt64) throws(WorkerError) {
        guard case .file(let path) = target else { return }
        self.length = length
        guard unsafe access(path, F_OK) == 0 else { return }
        if unsafe truncate(path, Int(length)) != 0 { throw WorkerError(cannot: "truncate", path) }
    }

    func add(
        _ rejection: Rejection, source: String, topic: String, partition: Int32, offset: Int64, timestamp: EventTime?,
        key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?
    ) throws(WorkerError) {
        if case .nowhere = target { return }
        line.removeAll(keepingCapacity: true)
        line += #"{"source":"#.utf8
        JSONText.append(source, to: &line)
        line += #","topic":"#.utf8
        JSONText.append(topic, to: &line)
        line += #","partition":\#(partition),"offset":\#(offset),"timestamp":"#.utf8
        if let timestamp { JSONText.append(timestamp.rfc3339(), to: &line) } else { line += "null".utf8 }
        line += #","reason":"#.utf8
        JSONText.append(rejection.reason.rawValue, to: &line)
        line += #","error":"#.utf8
        JSONText.append(rejection.error, to: &line)
        line += #","key":"#.utf8
        unsafe JSONText.append(base64: key, to: &line)
        line += #","value":"#.utf8
        unsafe JSONText.append(base64: value, to: &line)
        line += "}".utf8
        if case .topic(let producer, let topic) = target {
            do {
                unsafe try line.withUnsafeBytes { unsafe try producer.send(to: topic, partition: nil, key: key, value: $0) }
            } catch { throw WorkerError("\(error)") }
            return
        }
        buffer += line
        buffer.append(UInt8(ascii: "\n"))
        if buffer.count >= Bounds.deadLetterBytes { try writeBuffer() }
    }

    private func writeBuffer() throws(WorkerError) {
        guard case .file(let path) = target, !buffer.isEmpty else { return }
        if descriptor < 0 {
            do throws(HistoryError) {
                try Folder.make(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
            } catch { throw WorkerError(error.description) }
            descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw WorkerError(cannot: "open", path) }
        }
        var done = 0
        while done < buffer.count {
            let result = unsafe buffer.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if result < 0 {
                if errno == EINTR { continue }
                throw WorkerError(cannot: "write", path)
            }
            done += result
        }
        length += UInt64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    /// All that was added is with the file or the brokers.
    func flush() throws(WorkerError) {
        try writeBuffer()
        if case .topic(let producer, _) = target {
            do throws(KafkaError) { try producer.flush(timeout: .seconds(60)) } catch { throw WorkerError(error.description) }
        }
    }
}
