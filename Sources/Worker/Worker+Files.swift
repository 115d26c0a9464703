internal import Pipelines
internal import Records

/// Files: each is a topic of one partition, read from start to end, in turns with the others.
extension Worker {
    func readFiles(_ paths: [String: String]) throws {
        var open: [(task: SourceTask, file: FileSource)] = []
        let now = Clock.now()
        for task in tasks {
            guard let path = paths[task.plan.name] else { continue }
            task.addPartition(0, now: Clock.monotonic())
            open.append((task, try FileSource(path: path)))
        }
        let total = open.reduce(Int64?(0)) { sum, next in sum.flatMap { sum in next.file.bytesTotal.map { sum + $0 } } }
        while !open.isEmpty && !shouldStop {
            for (task, file) in open {
                let limit = now + task.plan.maxAhead
                var bytes = 0
                let monotonic = Clock.monotonic()
                let goesOn = try unsafe file.forEachLine { (line, number) throws(WorkerError) in
                    unsafe bytes += line.value?.count ?? 0
                    unsafe try task.accept(
                        line, partition: 0, offset: number, timestamp: nil, limit: limit, key: nil, now: monotonic)
                    return !task.isFull && bytes < Bounds.batchBytes
                }
                if !goesOn || file.isExhausted { task.reachedEnd(0, isFinished: options.stateDirectory == nil) }
                try dispatch(task)
                try endTurn()
            }
            if let total, total > 0 {
                status.publish(fraction: Double(open.reduce(0) { $0 + $1.file.bytesRead }) / Double(total), lag: nil)
            }
            open.removeAll { $0.file.isExhausted }
        }
        try finishReading()
    }
}
