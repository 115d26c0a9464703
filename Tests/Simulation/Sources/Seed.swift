internal import CWorld
internal import Foundation
internal import Pipelines
internal import TestSupport

/// Everything that a seed stands for: a scenario, a run without faults, and lives full of them.
struct Seed {
    let seed: UInt64
    let folder: String
    /// Prints every life.
    let isVerbose: Bool

    struct Failure: Error { let text: String }

    /// What a seed's lives were.
    struct Figures {
        var lives = 0
        var crashes = 0
        var stops = 0
        var digest: UInt64 = 0
    }

    func run() throws -> Figures {
        var random = SeededGenerator(seed: seed)
        let scenario = Scenario(&random)
        guard let report = unsafe world_report_create() else { throw Failure(text: "no memory for the journal") }
        if isVerbose { print("\(scenario.text)\(scenario.messages.count) messages of \(scenario.topics), \(scenario.input)") }

        // Without faults.
        let quiet = try fresh("quiet", scenario)
        var figures = Figures()
        let reference = Life(scenario: scenario, root: quiet, plan: calmPlan(&random))
        try unsafe end(reference, report, &figures)
        let wanted = try Findings.look(scenario, root: quiet, file: "\(folder)/findings")
        let counters = unsafe Seed.text(report)
        let emitted = unsafe Emitted(scenario.plan, report).counting
        let size = unsafe (operations: report.pointee.operations, points: report.pointee.points)
        let recount = Recount(scenario)
        if let difference = recount.difference(from: wanted, scenario) {
            throw Failure(text: "the run without faults differs from the recount in \(difference)")
        }

        // With them.
        unsafe report.initialize(to: world_report())
        unsafe world_emitted_clear(report)
        let root = try fresh("world", scenario)
        var disk = try Disk(root: root)
        var wall = Scenario.start + Scenario.hour
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            var life = Life(scenario: scenario, root: root, plan: stormyPlan(size, wall, &random))
            if random.isOneIn(4) && scenario.hasState { life.stopsAfter = Int64.random(in: 0...4_000_000, using: &random) }
            life.isChanged = random.isOneIn(2)
            life.reads = random.isOneIn(3) ? 5 : 0
            let outcome = unsafe life.live(report)
            unsafe note(outcome, report, &figures)
            if case .failed(let text) = outcome { throw Failure(text: text) }
            unsafe disk.follow(report)
            wall = unsafe max(
                Scenario.start,
                report.pointee.wall_microseconds + Int64.random(in: -Scenario.hour...Scenario.hour, using: &random))
            try lose(disk, scenario, &random)
            if let problem = unsafe Emitted(scenario.plan, report).problem(emitted) { throw Failure(text: "emitted \(problem)") }
            let rows = try Findings.rows(under: "\(root)/log")
            try compare(rows, of: scenario.plan, with: wanted.rows)
            try compareMore(rows, of: scenario.plan, with: recount)
            if !scenario.hasState {
                // What it left is removed, as it asks for.
                _ = try fresh("world", scenario)
                disk = try Disk(root: root)
            }
        }
        var plan = calmPlan(&random)
        plan.wall_microseconds = wall
        try unsafe end(Life(scenario: scenario, root: root, plan: plan), report, &figures)
        let found = unsafe Seed.text(report)
        unsafe disk.follow(report)
        try lose(disk, scenario, &random)
        guard found == counters else { throw Failure(text: "counters: \(found) in place of \(counters)") }
        let findings = try Findings.look(scenario, root: root, file: "\(folder)/findings")
        if let problem = unsafe Emitted(scenario.plan, report).problem(emitted) { throw Failure(text: "emitted \(problem)") }
        for (name, found, wanted) in [
            ("rows", findings.rows, wanted.rows), ("dead letters", findings.deadLetters, wanted.deadLetters),
            ("online values", findings.online, wanted.online), ("state", findings.state, wanted.state),
            ("emitted rows", unsafe Emitted(scenario.plan, report).counting, emitted),
        ] {
            if let difference = Difference(of: found, from: wanted) { throw Failure(text: "\(name): \(difference)") }
        }
        return figures
    }

    private static func text(_ report: UnsafeMutablePointer<world_report>) -> String {
        unsafe withUnsafePointer(to: &report.pointee.text) {
            unsafe $0.withMemoryRebound(to: CChar.self, capacity: 4096) { unsafe String(cString: $0) }
        }
    }

    private func fresh(_ name: String, _ scenario: Scenario) throws -> String {
        let path = "\(folder)/\(name)"
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: "\(path)/kept", withIntermediateDirectories: false)
        if scenario.input == .files { try scenario.writeFiles(to: path) }
        return path
    }

    // MARK: - Plans

    private func calmPlan(_ random: inout SeededGenerator) -> world_plan {
        var plan = world_plan()
        plan.seed = random.next()
        plan.switch_one_in = [2, 10, 50].randomElement(using: &random)!
        plan.has_priorities = random.isOneIn(3)
        plan.wall_microseconds = Scenario.start + Scenario.hour
        plan.fetch_max = [1, 10, 100].randomElement(using: &random)!
        return plan
    }

    private func stormyPlan(_ size: (operations: UInt64, points: UInt64), _ wall: Int64, _ random: inout SeededGenerator)
        -> world_plan
    {
        var plan = calmPlan(&random)
        plan.wall_microseconds = wall
        plan.wall_jump_one_in = [0, 20, 200].randomElement(using: &random)!
        plan.short_one_in = [0, 3, 20].randomElement(using: &random)!
        plan.slow_one_in = [0, 5, 50].randomElement(using: &random)!
        plan.rewind_one_in = [0, 4, 30].randomElement(using: &random)!
        plan.refuse_one_in = [0, 0, 3, 10].randomElement(using: &random)!
        plan.flush_one_in = [0, 2, 10].randomElement(using: &random)!
        plan.compact_one_in = [0, 0, 3, 10].randomElement(using: &random)!
        switch Int.random(in: 0..<8, using: &random) {
        case 0: break
        case 1: plan.crash_at_point = UInt64.random(in: 1...max(1, size.points), using: &random)
        case 2, 3:
            plan.fail_at_operation = UInt64.random(in: 1...max(1, size.operations), using: &random)
            plan.failures = [1, 3, 1 << 40].randomElement(using: &random)!
            plan.fail_with = [EIO, ENOSPC].randomElement(using: &random)!
        default: plan.crash_at_operation = UInt64.random(in: 1...max(1, size.operations), using: &random)
        }
        return plan
    }

    // MARK: - Lives

    private func end(_ life: Life, _ report: UnsafeMutablePointer<world_report>, _ figures: inout Figures) throws {
        let outcome = unsafe life.live(report)
        unsafe note(outcome, report, &figures)
        guard outcome == .ended else { throw Failure(text: "a life without faults: \(outcome)") }
    }

    private func note(_ outcome: Life.Outcome, _ report: UnsafeMutablePointer<world_report>, _ figures: inout Figures) {
        figures.lives += 1
        switch outcome {
        case .crashed: figures.crashes += 1
        case .stopped: figures.stops += 1
        default: break
        }
        figures.digest = unsafe (figures.digest &* 31) ^ report.pointee.digest
        guard isVerbose else { return }
        let life = unsafe report.pointee
        print(
            "\(outcome): \(life.points) points, \(life.switches) switches, \(life.operations) operations, digest \(String(life.digest, radix: 16)), \(unsafe Seed.text(report))"
        )
    }

    /// The machine goes down now and then, with whatever was not on disk: all that a worker without a state has written.
    private func lose(_ disk: Disk, _ scenario: Scenario, _ random: inout SeededGenerator) throws {
        guard scenario.hasState, random.isOneIn(2) else { return }
        let unsynced = disk.unsyncedChanges
        try disk.crash(&random)
        if isVerbose { print("the machine goes down: \(unsynced) changes were not synced") }
    }

    /// What a reader sees between two lives is never more than what is right, and never twice.
    private func compare(_ rows: [Findings.Row], of plan: Plan, with wanted: [String]) throws {
        for view in plan.views where view.isCorrected {
            try compare(versions: rows.filter { $0.view == view.name }, of: view, with: wanted)
        }
        var left = wanted.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        for row in rows.map(\.text) where !plan.views.contains(where: { $0.isCorrected && row.hasPrefix($0.name + " ") }) {
            left[row, default: 0] -= 1
            guard left[row]! < 0 else { continue }
            let (view, place) = (row.prefix { $0 != " " }, row.suffix(from: row.range(of: " partition=")!.lowerBound))
            let right = wanted.filter { $0.hasPrefix(view + " ") && $0.hasSuffix(place) }
            throw Failure(
                text: right.contains(row)
                    ? "a reader sees a row twice: \(row)"
                    : "a reader sees \(row)\n    in place of \(right.isEmpty ? ["nothing"] : right)")
        }
    }

    /// What only the changed pipeline has: rows that are not corrected any more have it right.
    private func compareMore(_ rows: [Findings.Row], of plan: Plan, with recount: Recount) throws {
        for row in rows {
            guard let more = row.more, !plan.views.contains(where: { $0.isCorrected && $0.name == row.view }) else { continue }
            let wanted = recount.most["\(row.view)\(row.place)"]
            guard more == wanted else {
                throw Failure(text: "\(row.text) has more_10s=\(more) in place of \(wanted ?? "nothing")")
            }
        }
    }

    /// Of a row that late events correct, each version counts more of them than the one before, and none more than there are.
    private func compare(versions: [Findings.Row], of view: ViewPlan, with wanted: [String]) throws {
        func counts(_ row: String) -> [Int64] {
            let values = view.values.filter { ["n", "s"].contains($0.feature) && !$0.isExtra }.map { " \($0.name)=" }
            return values.map { name in
                Int64(row[row.range(of: name)!.upperBound...].prefix { $0 != " " })!
            }
        }
        let places = Dictionary(grouping: wanted.filter { $0.hasPrefix(view.name + " ") }) {
            Findings.Row(text: $0, more: nil, created: 0).place
        }
        for (place, versions) in Dictionary(grouping: versions, by: \.place) {
            let ordered = versions.sorted { $0.created < $1.created }
            let all = ordered.map(\.text) + (places[place] ?? [])
            let isRight =
                places[place]?.count == 1 && Set(ordered.map(\.created)).count == ordered.count
                && zip(all, all.dropFirst()).allSatisfy { older, newer in
                    zip(counts(older), counts(newer)).allSatisfy { $0 <= $1 }
                }
            guard isRight else {
                throw Failure(text: "a reader sees of one event \(ordered), where \(places[place] ?? []) is right")
            }
        }
    }
}
