internal import History
internal import Pipelines
internal import Records

/// Files and archives: a file is a topic of one partition, read from start to end, an archive is the topic that it was; the one
/// that is furthest behind in event time first.
extension Worker {
    func readFiles(_ paths: [String: String]) throws {
        var open: [(task: SourceTask, input: any InputSource)] = []
        let now = Clock.now()
        for task in tasks {
            guard let path = paths[task.plan.name] else { continue }
            if ArchiveReader.reads(path) {
                open.append((task, try ArchiveSource(path: path, task, needsTimestamps: needsTimestamps)))
            } else {
                task.addPartition(0, now: Clock.monotonic())
                open.append((task, try FileSource(path: path)))
            }
        }
        // Of each input, since lines and events have no measure in common.
        let inputs = open.map(\.input)
        while !open.isEmpty && !shouldStop {
            let behind = open.indices.min { open[$0].task.newest < open[$1].task.newest }!
            let (task, input) = open[behind]
            let givesMore = try input.feed(task, limit: now + task.plan.maxAhead, to: options.end, isFinal: !task.goesOn)
            try dispatch(task)
            try endTurn()
            publishFraction(inputs)
            if !givesMore { open.remove(at: behind) }
        }
        try finishReading()
    }

    /// The least of what was read of each; nothing where one has no end that is known.
    private func publishFraction(_ inputs: [any InputSource]) {
        var least = 1.0
        for input in inputs {
            let (done, total) = input.progress
            guard let total, total > 0 else { return }
            least = min(least, Double(done) / Double(total))
        }
        status.publish(fraction: least, lag: nil)
    }
}
