import Glibc

/// Where a demo keeps its state and its log: a folder of its own that goes in the end, or one that the user named and keeps.
struct DemoFolder {
    let path: String
    let isKept: Bool

    var state: String { "\(path)/state" }
    var log: String { "\(path)/log" }
    var deadLetters: String { "\(log)/_dead_letters/dead_letters.jsonl" }

    init(keep: String?) throws(CommandFailure) {
        if let keep {
            path = keep
            isKept = true
            if unsafe mkdir(keep, 0o777) != 0 && errno != EEXIST { throw .cannot("make", keep) }
            for folder in ["state", "log"] where unsafe access("\(keep)/\(folder)", F_OK) == 0 {
                throw .wrong("freshet: \(keep) has a folder \(folder) already; give --keep a new folder")
            }
            return
        }
        isKept = false
        var template = Array("\(Environment.value("TMPDIR") ?? "/tmp")/freshet-demo-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw .cannot("make", "a temporary folder")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes a folder of our own with all that is in it.
    func remove() {
        guard !isKept else { return }
        DemoFolder.remove(path)
    }

    /// What cannot be removed stays in the temporary folder; nothing depends on it.
    private static func remove(_ path: String) {
        var status = stat()
        if unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR {
            for name in names(path) { remove("\(path)/\(name)") }
        }
        _ = unsafe Glibc.remove(path)
    }

    /// Parts of a view that readers see.
    func parts(of view: String) -> [String] {
        DemoFolder.names("\(log)/\(view)").filter { $0.hasPrefix("dt=") }.sorted().flatMap { day in
            DemoFolder.names("\(log)/\(view)/\(day)").filter { $0.hasSuffix(".parquet") && !$0.hasPrefix(".") }.sorted()
                .map { "\(log)/\(view)/\(day)/\($0)" }
        }
    }

    private static func names(_ path: String) -> [String] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe _ = closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}

enum Pause {
    static func milliseconds(_ count: Int) { _ = usleep(UInt32(count) * 1000) }
}

extension CommandFailure {
    /// The system's reason for the call that just failed.
    static func cannot(_ operation: String, _ path: String) -> CommandFailure {
        CommandFailure(
            message: "freshet: cannot \(operation) \(path): \(unsafe String(cString: strerror(errno)))", status: worldFailed)
    }
}
