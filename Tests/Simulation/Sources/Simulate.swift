internal import ArgumentParser
internal import CWorld
internal import Foundation

/// Runs the worker in worlds made of seeds, and compares what it leaves with what it leaves in peace.
@main struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Runs the whole worker in a simulated world: a seed is a run, again and again the same.")

    @Option(help: "One seed, with all that happens.") var seed: UInt64?
    @Option(help: "How many seeds.") var seeds: UInt64 = 2_000
    @Option(help: "The first of them.") var from: UInt64 = 1
    @Option(help: "Processes at a time.") var jobs = ProcessInfo.processInfo.activeProcessorCount
    @Option(help: "Failing seeds after which it ends.") var failures = 5

    static func main() {
        unsafe world_settle(CommandLine.unsafeArgv)
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch { exit(withError: error) }
    }

    func validate() throws {
        guard jobs > 0, jobs < 1000, failures > 0 else { throw ValidationError("--jobs and --failures are at least 1") }
    }

    func run() throws {
        let parent = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
        // Names of one length: paths are among what a disk is asked to write.
        var template = Array("\(parent)/freshet-simulation-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        if let seed {
            let outcome = Simulate.outcome(of: seed, "\(folder)/000", isVerbose: true)
            print(outcome.text)
            if outcome.failed { throw ExitCode(1) }
            return
        }
        var schedule = Schedule(seeds: from..<(from + seeds), folder: folder, jobs: jobs, failuresMax: failures)
        if try schedule.run() > 0 { throw ExitCode(1) }
    }

    /// Runs a seed in this process.
    static func outcome(of seed: UInt64, _ folder: String, isVerbose: Bool) -> (text: String, failed: Bool, figures: Seed.Figures)
    {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do {
            let figures = try Seed(seed: seed, folder: folder, isVerbose: isVerbose).run()
            return ("seed \(seed): passed, \(figures.lives) lives, digest \(String(figures.digest, radix: 16))", false, figures)
        } catch let failure as Seed.Failure {
            return ("seed \(seed): \(failure.text)\n    again: make simulate SEED=\(seed)", true, Seed.Figures())
        } catch {
            return ("seed \(seed): \(error)\n    again: make simulate SEED=\(seed)", true, Seed.Figures())
        }
    }
}

/// Seeds on some processes at a time, each seed in one of its own that has done nothing before: what it does depends on nothing else.
struct Schedule {
    let seeds: Range<UInt64>
    let folder: String
    let jobs: Int
    let failuresMax: Int

    private struct Totals {
        var lives: Int32 = 0
        var crashes: Int32 = 0
        var stops: Int32 = 0
        var failed = false
    }

    /// The number of seeds that failed.
    mutating func run() throws -> Int {
        let started = Date()
        var next = seeds.lowerBound
        var (running, lives, crashes, stops, failed): ([Int32: (slot: Int, output: Int32)], Int, Int, Int, Int) = (
            [:], 0, 0, 0, 0
        )
        var free = Array((0..<jobs).reversed())
        while !running.isEmpty || (next < seeds.upperBound && failed < failuresMax) {
            while let slot = free.last, next < seeds.upperBound, failed < failuresMax {
                free.removeLast()
                var ends: [Int32] = [0, 0]
                guard unsafe pipe(&ends) == 0 else { throw CocoaError(.fileReadUnknown) }
                // What is buffered must not be written twice.
                fflush(nil)
                let process = world_fork()
                if process == 0 {
                    close(ends[0])
                    report(next, slot: slot, to: ends[1])
                }
                close(ends[1])
                running[process] = (slot, ends[0])
                next += 1
            }
            var status: Int32 = 0
            let ended = unsafe waitpid(-1, &status, 0)
            guard let job = running.removeValue(forKey: ended) else { continue }
            free.append(job.slot)
            var totals = Totals()
            let size = MemoryLayout<Totals>.size
            let got = unsafe withUnsafeMutableBytes(of: &totals) { unsafe read(job.output, $0.baseAddress, size) }
            close(job.output)
            lives += Int(totals.lives)
            crashes += Int(totals.crashes)
            stops += Int(totals.stops)
            if got != size || totals.failed || status != 0 { failed += 1 }
        }
        let seconds = Date().timeIntervalSince(started)
        print(
            "\(next - seeds.lowerBound) seeds from \(seeds.lowerBound), \(lives) lives, \(crashes) crashes, \(stops) stopped by an error, "
                + "\(failed) seeds failed, \(Int(seconds)) s")
        return failed
    }

    private func report(_ seed: UInt64, slot: Int, to output: Int32) -> Never {
        world_settle_on_processor(Int32(slot))
        let name = "00\(slot)".suffix(3)
        let outcome = Simulate.outcome(of: seed, "\(folder)/\(name)", isVerbose: false)
        if outcome.failed { print(outcome.text) }
        fflush(nil)
        var totals = Totals(
            lives: Int32(outcome.figures.lives), crashes: Int32(outcome.figures.crashes), stops: Int32(outcome.figures.stops),
            failed: outcome.failed)
        _ = unsafe withUnsafeBytes(of: &totals) { unsafe write(output, $0.baseAddress, $0.count) }
        world_exit(0)
    }
}
