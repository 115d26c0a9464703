import CMeasure
import Glibc

/// CPU time of the whole process, threads of libraries included.
func cpuNanoseconds() -> Int {
    var time = timespec()
    unsafe _ = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Resident memory of the process.
func residentBytes() -> Int {
    let file = unsafe fopen("/proc/self/statm", "r")
    guard let file = unsafe file else { return 0 }
    defer { unsafe _ = fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard unsafe fgets(&line, 256, file) != nil else { return 0 }
    let fields = line.prefix { $0 != 0 }.split(separator: 0x20)
    guard fields.count > 1, let pages = Int(String(decoding: fields[1].map(UInt8.init), as: UTF8.self)) else { return 0 }
    return pages * Int(getpagesize())
}

/// Whether valgrind runs us: times mean nothing then, and callgrind writes what each stage cost.
let isSimulated = measure_is_simulated() != 0

/// CPU time and allocations by the name of what was done, in the order in which the names first came.
struct Stopwatch {
    struct Stage {
        var name: String
        /// Over how many events; those of one entity, one chunk and so on count as the caller says.
        var events = 0
        var nanoseconds = 0
        var allocations = 0
    }

    private(set) var stages: [Stage] = []
    private var lastNanoseconds = 0
    private var lastAllocations: UInt64 = 0

    mutating func start() {
        if isSimulated { dump("untimed") }
        lastAllocations = measure_allocations()
        lastNanoseconds = cpuNanoseconds()
    }

    /// What was done since `start` or the last lap belongs to `name`.
    mutating func lap(_ name: String, events: Int) {
        let nanoseconds = cpuNanoseconds() - lastNanoseconds
        let allocations = Int(measure_allocations() - lastAllocations)
        if isSimulated { dump(name) }
        let index = stages.firstIndex { $0.name == name } ?? stages.count
        if index == stages.count { stages.append(Stage(name: name)) }
        stages[index].events += events
        stages[index].nanoseconds += nanoseconds
        stages[index].allocations += allocations
        lastAllocations = measure_allocations()
        lastNanoseconds = cpuNanoseconds()
    }

    private func dump(_ name: String) { unsafe name.withCString { unsafe measure_dump($0) } }
}

/// The least of several rounds, stage by stage: whatever disturbs a round only makes it longer.
func leastOf(rounds: Int, _ round: () throws -> Stopwatch) rethrows -> [Stopwatch.Stage] {
    var least: [Stopwatch.Stage] = []
    for _ in 0..<rounds {
        for stage in try round().stages {
            if let index = least.firstIndex(where: { $0.name == stage.name }) {
                least[index].nanoseconds = min(least[index].nanoseconds, stage.nanoseconds)
                least[index].allocations = min(least[index].allocations, stage.allocations)
            } else {
                least.append(stage)
            }
        }
    }
    return least
}

/// One JSON object a line, for `benchmarks/micro.py`.
func report(_ stages: [Stopwatch.Stage]) {
    for stage in stages {
        let events = Double(max(1, stage.events))
        report([
            ("stage", .text(stage.name)), ("events", .number(Double(stage.events))),
            ("nanoseconds", .number(Double(stage.nanoseconds) / events)),
            ("allocations", .number(Double(stage.allocations) / events)),
        ])
    }
}

enum JSONValue {
    case text(String)
    case number(Double)
}

/// Requires: no quotes or control characters in texts.
func report(_ fields: [(name: String, value: JSONValue)]) {
    let members = fields.map { field in
        switch field.value {
        case .text(let text): "\"\(field.name)\":\"\(text)\""
        case .number(let number): "\"\(field.name)\":\(number)"
        }
    }
    print("{\(members.joined(separator: ","))}")
}
