import Glibc
import Records
import Synchronization
import Worker

/// How far a long run is, on a terminal: one line on standard error, rewritten.
final class Progress: Sendable {
    private let flag = Flag()
    private let thread: WorkThread?

    private final class Flag: Sendable { let isStopping = Atomic<Bool>(false) }

    init(_ status: RunStatus) {
        guard isatty(2) == 1 else {
            thread = nil
            return
        }
        thread = WorkThread { [flag] in
            let started = Clock.monotonic()
            while !flag.isStopping.load(ordering: .relaxed) {
                usleep(200_000)
                Progress.show(status.figures, elapsed: Double(Clock.monotonic() - started) / 1e6)
            }
            Progress.rewrite("")
        }
    }

    func stop() {
        flag.isStopping.store(true, ordering: .relaxed)
        thread?.join()
    }

    private static func show(_ figures: RunStatus.Figures, elapsed: Double) {
        var line = "\(figures.records) records, \(Int(Double(figures.records) / elapsed)) records/s"
        if let fraction = figures.fraction, fraction > 0 {
            line += ", \(Int(fraction * 100)) %, \(Int(elapsed / fraction * (1 - fraction))) s left"
        }
        if figures.watermark > .distantPast && figures.watermark < .distantFuture {
            line += ", watermark \(figures.watermark.rfc3339())"
        }
        rewrite(line)
    }

    /// Puts another text in place of the line.
    static func rewrite(_ line: String) {
        var text = "\r\u{1B}[K" + line
        text.withUTF8 { unsafe _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }
}

/// Runs a long command, its progress on the terminal, and says what it took: microseconds of the clock, and of the processor.
func timed<Result>(_ status: RunStatus, _ run: () throws -> Result) rethrows -> (result: Result, wall: Int64, cpu: Int64) {
    let progress = Progress(status)
    let (wall, cpu) = (Clock.monotonic(), Clock.processCPU())
    let result = try run()
    progress.stop()
    return (result, Clock.monotonic() - wall, Clock.processCPU() - cpu)
}
