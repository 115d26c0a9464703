import Testing

/// What may not stand in the engine and below: the same input has to give the same rows, whenever and wherever it runs.
@Suite struct PurityTests {
    private static let functions = [
        // clocks
        "time", "gettimeofday", "clock", "clock_gettime", "localtime", "gmtime", "mktime",
        // files and sockets
        "open", "openat", "fopen", "read", "pread", "write", "pwrite", "fsync", "unlink", "rename", "mkdir", "mmap", "stat",
        "socket",
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

    /// Members of collections and number types that draw lots.
    private static let chances = ["random", "randomElement", "shuffle", "shuffled"]

    /// Words of Swift that the engine does without. Typed throws that only pass a caller's error on are allowed.
    private static let keywords = ["throw", "await", "async", "actor"]

    private static func files(_ modules: [String]) -> [SourceFile] {
        SourceTree.files.filter { modules.contains($0.module) && $0.isSwift }
    }

    @Test(arguments: files(Layers.pure))
    func noClockFileEnvironmentOrChance(_ file: SourceFile) {
        let words = file.words
        let declared = Set(words.filter { $0.before == "func" }.map(\.text))
        let found = words.filter { word in
            if Self.names.contains(word.text) { return !word.isMember }
            if Self.chances.contains(word.text) { return word.isMember }
            guard Self.functions.contains(word.text), word.isCalled else { return false }
            // A method of that name, or the file's own function, is another thing.
            return word.before == "Glibc" || !word.isMember && !declared.contains(word.text)
        }
        #expect(found.map(\.text) == [])
    }

    @Test(arguments: files(["Engine"]))
    func theEngineNeitherThrowsNorWaits(_ file: SourceFile) {
        let found = file.words.filter { Self.keywords.contains($0.text) && !$0.isMember }
        #expect(found.map(\.text) == [])
    }
}
