import Testing

/// What may not stand in the engine and below: the same input has to give the same rows, whenever and wherever it runs.
@Suite struct PurityTests {
    private static let functions = [
        // clocks
        "time", "gettimeofday", "clock", "clock_gettime", "localtime", "gmtime", "mktime",
        // files and sockets
        "open", "openat", "fopen", "read", "pread", "write", "pwrite", "fsync", "unlink", "rename", "mkdir", "mmap", "stat", "socket",
        // the environment
        "getenv", "setenv", "sysconf", "gethostname",
        // randomness
        "rand", "random", "arc4random", "drand48", "getrandom",
        // threads
        "pthread_create", "sleep", "usleep", "nanosleep",
        // output
        "print", "debugPrint", "dump", "printf", "puts",
    ]

    private static let names = [
        "ContinuousClock", "SuspendingClock", "DispatchTime", "Date", "ProcessInfo", "FileManager", "FileHandle", "CommandLine",
        "SystemRandomNumberGenerator", "Hasher", "hashValue", "Thread", "Task", "DispatchQueue", "Mutex", "Atomic",
    ]

    /// Words of Swift that the engine does without. Typed throws that only pass a caller's error on are allowed.
    private static let keywords = ["throw", "await", "async", "actor"]

    private static func matches(_ words: [String], in code: String, _ prefix: String, _ suffix: String) throws -> [String] {
        let pattern = try Regex("\(prefix)\\b(\(words.joined(separator: "|")))\\b\(suffix)")
        return code.matches(of: pattern).map { String(code[$0.range]) }
    }

    private static func files(_ modules: [String]) -> [SourceFile] {
        SourceTree.files.filter { modules.contains($0.module) && $0.isSwift }
    }

    @Test(arguments: files(Layers.pure))
    func noClockFileEnvironmentOrChance(_ file: SourceFile) throws {
        let code = file.code
        // A function of that name on a value, or one declared there, is another thing.
        var found = try Self.matches(Self.functions, in: code, "(?<![.\\w`])(?<!func )", "\\(")
        found += try Self.matches(Self.functions, in: code, "\\bGlibc\\.", "\\(")
        found += try Self.matches(Self.names, in: code, "(?<![.\\w`])", "")
        found += code.matches(of: /\.(random|randomElement|shuffled|shuffle)\(/).map { String($0.0) }
        #expect(found.isEmpty)
    }

    @Test(arguments: files(["Engine"]))
    func theEngineNeitherThrowsNorWaits(_ file: SourceFile) throws {
        let found = try Self.matches(Self.keywords, in: file.code, "(?<![.\\w`])", "")
        #expect(found.isEmpty)
    }
}
