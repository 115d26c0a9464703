import ArgumentParser
import Glibc

/// Every flag has an environment variable: `--log DIR` is `FRESHET_LOG=DIR`. A flag on the command line wins.
///
/// Argument parsing knows nothing of the environment, so what is set there is put in front of the words of the command line
/// that do not name the flag themselves.
enum Environment {
    /// Flags by subcommand; those of the second list take no value.
    private static let flags: [String: (values: [String], switches: [String])] = [
        "run": (
            [
                "brokers", "input", "state", "log", "memory", "commit-interval", "dead-letters", "threads", "on-lost-offsets",
                "property", "log-level", "emit",
            ],
            []
        ),
        "replay": (
            [
                "brokers", "input", "state", "log", "memory", "commit-interval", "dead-letters", "threads", "from", "to",
                "on-lost-offsets", "property", "log-level",
            ],
            ["discard"]
        ),
        "join": (
            [
                "brokers", "input", "spine", "out", "features", "visible", "memory", "threads", "from", "to", "dead-letters",
                "commit-interval", "on-lost-offsets", "property", "log-level",
            ],
            ["full-names"]
        ),
        "plan": (["state"], []),
        "get": (["state", "at"], []),
        "verify": (["state", "log"], []),
        "dead-letters": (
            [
                "log", "state", "brokers", "dead-letters", "property", "source", "reason", "limit", "memory", "commit-interval",
                "threads", "log-level",
            ],
            ["json", "retry"]
        ),
        "demo": (["pipeline", "seconds", "seed", "rate", "keep", "write", "events"], []),
    ]

    /// The words of the command line with what the environment adds.
    static func arguments(_ words: [String], _ environment: (String) -> String?) -> [String] {
        guard let command = words.first, let known = flags[command] else { return words }
        var added: [String] = []
        for flag in known.values where !names(words, flag) {
            guard let value = environment(variable(flag)), !value.isEmpty else { continue }
            // Some flags may be repeated: one a line.
            for line in value.split(separator: "\n") { added += ["--\(flag)", String(line)] }
        }
        for flag in known.switches where !names(words, flag) {
            if let value = environment(variable(flag)), ["1", "true", "yes"].contains(value) { added.append("--\(flag)") }
        }
        return [command] + added + words.dropFirst()
    }

    private static func variable(_ flag: String) -> String {
        "FRESHET_" + flag.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }

    private static func names(_ words: [String], _ flag: String) -> Bool {
        words.contains { $0 == "--\(flag)" || $0.hasPrefix("--\(flag)=") || (flag == "property" && $0.hasPrefix("-X")) }
    }

    static func value(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }
}
