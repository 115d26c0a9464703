internal import CWorld
internal import Foundation
internal import Logging
internal import Pipelines
internal import Records
internal import TestSupport
internal import Worker

/// One life of a worker, in a process of its own and a world of its own.
struct Life {
    let scenario: Scenario
    let root: String
    var plan: world_plan
    /// Microseconds of the world's clock after which somebody stops it cleanly.
    var stopsAfter: Int64?
    /// Whether the pipeline is the changed one.
    var isChanged = false
    private var pipeline: Plan { isChanged ? scenario.changed ?? scenario.plan : scenario.plan }
    /// How many online reads somebody makes meanwhile.
    var reads = 0

    enum Outcome: Equatable {
        /// The input is over, or it was stopped.
        case ended
        /// An error of the world.
        case stopped(String)
        case crashed(String)
        /// What must not happen.
        case failed(String)
    }

    /// Lives it, and reports what became of it.
    func live(_ report: UnsafeMutablePointer<world_report>) -> Outcome {
        let process = world_fork()
        precondition(process >= 0, "the system gives no more processes")
        if process == 0 { unsafe run(report) }
        let status = world_wait(process, 60)
        let text = unsafe withUnsafePointer(to: &report.pointee.text) {
            unsafe $0.withMemoryRebound(to: CChar.self, capacity: 4096) { unsafe String(cString: $0) }
        }
        guard status == 0 else {
            return .failed(status == -1000 ? "it takes no end: \(text)" : "the process ended with \(status): \(text)")
        }
        switch world_outcome(unsafe report.pointee.outcome) {
        case world_ended: return .ended
        case world_stopped: return .stopped(text)
        case world_crashed: return .crashed(text)
        default: return .failed(text)
        }
    }

    private func run(_ report: UnsafeMutablePointer<world_report>) -> Never {
        scenario.publish()
        unsafe withUnsafePointer(to: plan) { unsafe world_begin($0, root, report) }
        do {
            let worker = try Worker(pipeline, scenario.options(root: root), log: Life.log)
            let handle = unsafe Unmanaged.passRetained(worker).toOpaque()
            if scenario.input == .live {
                unsafe world_when_quiet(
                    Scenario.idleMicroseconds * 2,
                    { argument in unsafe Unmanaged<Worker>.fromOpaque(argument!).takeUnretainedValue().stop() }, handle)
            }
            let reader = look(in: worker)
            let summary = Result { try worker.run() }
            // Whoever has asked is answered, however the run ends.
            reader?.join()
            unsafe world_end(world_ended, Life.text(try summary.get()))
        } catch {
            // An error that nothing in the world gave cause for is one of ours.
            unsafe world_end(report.pointee.faults > 0 ? world_stopped : world_failed, "\(error)")
        }
    }

    /// Somebody who reads values, and may stop the worker.
    private func look(in worker: Worker) -> WorkThread? {
        guard reads > 0 || stopsAfter != nil else { return nil }
        let (scenario, reads, stopsAfter, seed) = (scenario, reads, stopsAfter, plan.seed)
        return WorkThread {
            var random = SeededGenerator(seed: seed ^ 0x5EAD)
            for _ in 0..<reads {
                world_sleep(Int64.random(in: 0...2_000_000, using: &random))
                let view = scenario.plan.views.randomElement(using: &random)!
                let key = scenario.keys(of: view).randomElement(using: &random)!
                // What an instant needs may have left the state; what is answered is compared once all is over.
                _ = try? worker.read(view: view.name, key: key, at: nil)
            }
            guard let stopsAfter else { return }
            world_sleep(stopsAfter)
            worker.stop()
        }
    }

    static var log: Logger {
        if ProcessInfo.processInfo.environment["FRESHET_SIMULATE_LOG"] != nil {
            var log = Logger(label: "worker", factory: { StreamLogHandler.standardError(label: $0) })
            log.logLevel = .debug
            return log
        }
        return Logger(label: "worker", factory: { _ in SwiftLogNoOpLogHandler() })
    }

    static func text(_ summary: RunSummary) -> String {
        summary.sources.map { "\($0.name) \($0.counters) late \($0.lateApplied)" }.joined(separator: " ")
            + " overflows \(summary.overflows) behind \(summary.behind)"
    }
}
