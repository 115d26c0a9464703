import Glibc

/// The dead letters that a worker has written to a file, as far as the demo looks at them.
enum DeadLetterFile {
    struct Letter {
        var partition: Int
        var offset: Int
        var reason: String
    }

    /// None where there is no file.
    static func read(_ path: String) throws(CommandFailure) -> [Letter] {
        guard unsafe access(path, F_OK) == 0 else { return [] }
        guard let file = unsafe fopen(path, "re") else {
            throw .cannot("open", path)
        }
        defer { unsafe _ = fclose(file) }
        var letters: [Letter] = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { unsafe free(line) }
        while unsafe getline(&line, &capacity, file) > 0 {
            let text = unsafe String(cString: line!)
            guard let partition = number("partition", in: text), let offset = number("offset", in: text),
                let reason = after("reason", in: text)?.dropFirst().prefix(while: { $0 != "\"" })
            else {
                throw CommandFailure(
                    message: "freshet: \(path): a line that is no dead letter", status: CommandFailure.worldFailed)
            }
            letters.append(Letter(partition: partition, offset: offset, reason: String(reason)))
        }
        return letters
    }

    private static func number(_ name: String, in text: String) -> Int? {
        after(name, in: text).flatMap { Int($0.prefix { $0.isNumber }) }
    }

    /// What follows the first `"name":`. The worker writes these before anything that came with the record.
    private static func after(_ name: String, in text: String) -> Substring? {
        let pattern = Array("\"\(name)\":".utf8)
        let bytes = text.utf8
        var start = bytes.startIndex
        while start != bytes.endIndex {
            if bytes[start...].starts(with: pattern) { return text[bytes.index(start, offsetBy: pattern.count)...] }
            start = bytes.index(after: start)
        }
        return nil
    }
}
