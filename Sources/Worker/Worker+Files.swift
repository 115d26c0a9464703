internal import Pipelines
internal import Records

/// Files: each is a topic of one partition, read from start to end, the one that is furthest behind in
/// event time first.
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
        var done: Int64 = 0
        let to = options.isBounded ? options.filter?.to ?? .distantFuture : .distantFuture
        while !open.isEmpty && !shouldStop {
            let behind = open.indices.min { open[$0].task.newest < open[$1].task.newest }!
            let (task, file) = open[behind]
            let limit = now + task.plan.maxAhead
            var bytes = 0
            let monotonic = Clock.monotonic()
            var isOver = task.watermark(of: 0) >= to
            if !isOver {
                let goesOn = try unsafe file.forEachLine { (line, number) throws(WorkerError) in
                    unsafe bytes += line.value?.count ?? 0
                    unsafe try task.accept(
                        line, partition: 0, offset: number, timestamp: nil, limit: limit, key: nil, now: monotonic)
                    // What is not late after this comes at or after `to`, whatever the file still holds.
                    isOver = task.currentWatermark >= to
                    return !task.isFull && bytes < Bounds.batchBytes && !isOver
                }
                isOver = isOver || !goesOn || file.isExhausted
            }
            if isOver { task.reachedEnd(0, isFinished: options.stateDirectory == nil) }
            try dispatch(task)
            try endTurn()
            if let total, total > 0 {
                status.publish(fraction: Double(open.reduce(done) { $0 + $1.file.bytesRead }) / Double(total), lag: nil)
            }
            if isOver {
                done += file.bytesRead
                open.remove(at: behind)
            }
        }
        try finishReading()
    }
}
