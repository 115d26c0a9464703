internal import Engine
internal import History
internal import Pipelines
internal import Records
internal import Store

/// A committed state, taken over by a plan that it fits.
struct Adoption {
    /// The plan that goes on, with the state's columns and numbers.
    let kept: KeptPlan
    /// The plan that wrote the state last.
    let before: Plan
    /// As it was committed, but with the sources in the order of the plan that goes on, and views that it does not have left behind.
    let checkpoint: Checkpoint
    /// What the change means for what is out already.
    let warnings: [String]
    /// Whether views are left behind now.
    let leavesViews: Bool

    /// - Parameter directory: the state's, for messages.
    init(_ committed: Checkpoint, by plan: Plan, directory: String) throws(WorkerError) {
        let written = try Adoption.kept(committed, directory: directory)
        let change = PlanChange(from: written, to: plan)
        guard change.fits else {
            throw WorkerError("the pipeline does not fit the state in \(directory)\n\n\(change.report)", isInput: true)
        }
        warnings = change.warnings
        var checkpoint = committed
        let names = written.plan.sources.map(\.name)
        checkpoint.sources = plan.sources.map { source in
            names.firstIndex(of: source.name).map { committed.sources[$0] } ?? Checkpoint.Source()
        }
        before = written.plan
        kept = written.adopted(by: plan)
        for (view, number) in zip(written.plan.views, written.numbers)
        where !plan.views.contains(where: { $0.name == view.name }) {
            checkpoint.leave(view: number)
        }
        self.checkpoint = checkpoint
        leavesViews = checkpoint.left.count > committed.left.count
    }

    /// What a state keeps.
    static func kept(_ committed: Checkpoint, directory: String) throws(WorkerError) -> KeptPlan {
        guard let kept = KeptPlan(decoding: committed.plan), kept.plan.sources.count == committed.sources.count else {
            throw WorkerError("\(directory): the state's pipeline is corrupt, or this version cannot read it")
        }
        return kept
    }

    /// Logs of the views and archives whose rows the plan before wrote with other columns than this one does, or that this one has no rows of:
    /// what waits in their segments becomes parts with the columns that it has.
    func earlierLogs(directory: String, run: String) -> [ViewLog] {
        func logs(_ plan: Plan) -> [ViewLog] {
            let archives = plan.sources.filter(\.archive).map { source in
                ViewLog(
                    directory: directory, eventsOf: source, pipeline: plan.pipeline, version: plan.version,
                    unique: "\(run)-earlier", keepsSegments: true)
            }
            return archives
                + plan.views.filter { $0.snapshots != .none }.map { view in
                    let source = plan.sources[view.source]
                    return ViewLog(
                        directory: directory, ViewProgram(view, source: source), source: source, pipeline: plan.pipeline,
                        version: plan.version, unique: "\(run)-earlier", keepsSegments: true)
                }
        }
        let own = logs(kept.plan)
        return logs(before).filter { earlier in !own.contains { $0.writesLike(earlier) } }
    }
}
