import Glibc

/// CPU time of the whole process, threads of libraries included.
func cpuNanoseconds() -> Int {
    var time = timespec()
    unsafe _ = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// CPU time by the name of what was done, in the order in which the names first came.
struct Stopwatch {
    private(set) var stages: [(name: String, nanoseconds: Int)] = []
    private var last = 0

    mutating func start() { last = cpuNanoseconds() }

    /// What was done since `start` or the last lap belongs to `name`.
    mutating func lap(_ name: String) {
        let now = cpuNanoseconds()
        if let index = stages.firstIndex(where: { $0.name == name }) {
            stages[index].nanoseconds += now - last
        } else {
            stages.append((name, now - last))
        }
        last = cpuNanoseconds()
    }
}

struct Measurement {
    var name: String
    /// CPU nanoseconds per event.
    var nanoseconds: Double
}

/// The least of several rounds, stage by stage: whatever disturbs a round only makes it longer.
func leastOf(rounds: Int, events: Int, _ round: () throws -> Stopwatch) rethrows -> [Measurement] {
    var least: [Measurement] = []
    for _ in 0..<rounds {
        for stage in try round().stages {
            let nanoseconds = Double(stage.nanoseconds) / Double(events)
            if let index = least.firstIndex(where: { $0.name == stage.name }) {
                least[index].nanoseconds = min(least[index].nanoseconds, nanoseconds)
            } else {
                least.append(Measurement(name: stage.name, nanoseconds: nanoseconds))
            }
        }
    }
    return least
}

func printTable(_ title: String, _ measurements: [Measurement]) {
    print("\n\(title)\n")
    print("| stage | CPU ns per event |\n|---|---:|")
    for measurement in measurements {
        let tenths = Int((measurement.nanoseconds * 10).rounded())
        print("| \(measurement.name) | \(tenths / 10).\(tenths % 10) |")
    }
}
