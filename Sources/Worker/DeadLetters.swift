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
    private var isSynced = true
    private var isNameSynced = true

    init(_ target: Target) { self.target = target }

    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    /// Cuts the file back to what the last commit fixed; one that was taken away since then begins anew. Where letters
    /// go elsewhere now, the length goes on from commit to commit. Call before the first `add`.
    func recover(length: UInt64) throws(WorkerError) {
        guard case .file(let path) = target else {
            self.length = length
            return
        }
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw WorkerError(cannot: "open", path) }
            return
        }
        self.length = length
        guard UInt64(status.st_size) >= length else {
            throw WorkerError(
                "\(path) has \(status.st_size) bytes, and had \(length) at the last commit: its end was cut. Take the file away, to keep"
                    + " what is left of it, and start again")
        }
        if unsafe truncate(path, Int(length)) != 0 { throw WorkerError(cannot: "truncate", path) }
    }

    func add(
        _ letter: DeadLetter, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?, headers: LentHeaders?
    ) throws(WorkerError) {
        if case .nowhere = target { return }
        line.removeAll(keepingCapacity: true)
        unsafe letter.append(key: key, value: value, headers: headers?.all ?? [], to: &line)
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
            do throws(HistoryError) { try Folder.make(folder(of: path)) } catch { throw WorkerError(error.description) }
            descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw WorkerError(cannot: "open", path) }
            isNameSynced = false
        }
        isSynced = false
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

    /// All that was added is with the file or the brokers. These are waited for, however long they are away, unless the run is to stop.
    func flush(shouldStop: () -> Bool) throws(WorkerError) {
        try writeBuffer()
        guard case .topic(let producer, let topic) = target else { return }
        var waitsSince: Int64?
        while true {
            do throws(KafkaError) {
                return try producer.flush(timeout: .seconds(1))
            } catch {
                guard error.isTimeout else { throw WorkerError(error.description) }
                guard shouldStop() else { continue }
                let since = waitsSince ?? Clock.monotonic()
                waitsSince = since
                guard Clock.monotonic() - since < Bounds.lettersMicrosecondsAtStop else {
                    throw WorkerError(
                        "\(error): dead letters do not reach topic \(topic), so what was read since the last commit is not committed;"
                            + " the next start reads it again")
                }
            }
        }
    }

    /// What was flushed to the file and may not be on disk yet; nil where all is.
    func takeUnsynced() -> UnsyncedLetters? {
        guard case .file(let path) = target, !isSynced else { return nil }
        defer { (isSynced, isNameSynced) = (true, true) }
        return UnsyncedLetters(descriptor: descriptor, path: path, syncsName: !isNameSynced)
    }
}

private func folder(of path: String) -> String { String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }

/// Dead letters in a file whose owner outlives this, and which may not be on disk yet.
struct UnsyncedLetters: Sendable {
    fileprivate let descriptor: Int32
    fileprivate let path: String
    fileprivate let syncsName: Bool

    /// Waits until they are. Any thread may do it, while others are added.
    func sync() throws(WorkerError) {
        if fdatasync(descriptor) != 0 { throw WorkerError(cannot: "sync", path) }
        guard syncsName else { return }
        // The file's, its folder's, and that of the folder of all logs.
        let folder = folder(of: path)
        do throws(HistoryError) {
            try Folder.sync(folder, upTo: String(folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)]))
        } catch { throw WorkerError(error.description) }
    }
}
