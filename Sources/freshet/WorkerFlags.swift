import ArgumentParser
import Logging
import Records

/// Flags that all commands have which run a worker.
enum WorkerFlags {
    static func check(memory: String, commitInterval: String, threads: Int?, logLevel: String) throws {
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads is a count from 1 to 256") }
        guard parseBytes(memory) != nil else {
            throw ValidationError("--memory \(memory): expected a size such as 256MiB or 2GiB")
        }
        guard TimeSpan(parsing: commitInterval) != nil else {
            throw ValidationError("--commit-interval \(commitInterval): expected a duration such as 500ms or 10s")
        }
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("--log-level \(logLevel): expected debug, info, notice, warning or error")
        }
    }

    static func check(pairs words: [String]) throws {
        for pair in words where !pair.dropFirst().contains("=") { throw ValidationError("\(pair): expected name=value") }
    }

    /// Requires: `check` passed.
    static func pairs(_ words: [String]) -> [(name: String, value: String)] {
        words.map { word in
            let equals = word.firstIndex(of: "=")!
            return (String(word[..<equals]), String(word[word.index(after: equals)...]))
        }
    }

    /// Requires: `check` passed.
    static func logger(_ level: String) -> Logger {
        var logger = Logger(label: "freshet", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = Logger.Level(rawValue: level)!
        return logger
    }
}
