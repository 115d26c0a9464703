public import Engine
internal import Pipelines
public import Records

/// Online reads while the worker runs.
extension Worker {
    /// The values of one entity over all that was applied so far; any thread may ask while the worker runs.
    ///
    /// - Parameters:
    ///   - key: the entity's fields, as text.
    ///   - time: nil for the instant that the view's `serve_at` says.
    public func read(view name: String, key: [String], at time: EventTime?) throws -> FeatureValues {
        guard let view = plan.views.firstIndex(where: { $0.name == name }) else {
            throw WorkerError("there is no view \(name)", isInput: true)
        }
        let source = plan.views[view].source
        let latest = status.figures.newestBySource.indices.contains(source) ? status.figures.newestBySource[source] : .distantPast
        let at = time ?? (plan.views[view].serveAt == .now ? Clock.now() : latest)
        try options.filter?.check(read: name, at: at)
        let request = try ReadRequest(
            programs[view], view: view, key: key, at: at, sliceCount: sliceCount, answersExpected: threads.count)
        for thread in threads {
            guard thread.inbox.send(.read(request)) else { throw WorkerError("the worker has ended") }
        }
        return try request.wait(programs[view])
    }
}
