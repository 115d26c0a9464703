internal import Engine
internal import Logging
internal import Pipelines
internal import Records

/// What rows from an instant on need, and a warning where topics do not hold it any more.
final class RetentionCheck {
    private let tasks: [SourceTask]
    private let views: [ViewProgram]
    private let log: Logger
    /// Per task, the partitions whose beginning is gone and whose first record has not come yet.
    private var awaited: [Set<Int32>]
    /// Per task, the newest first record of such partitions.
    private var newest: [EventTime?]

    init(tasks: [SourceTask], views: [ViewProgram], log: Logger) {
        self.tasks = tasks
        self.views = views
        self.log = log
        awaited = Array(repeating: [], count: tasks.count)
        newest = Array(repeating: nil, count: tasks.count)
    }

    /// The instant before which no event shows in a row from `from` on.
    func needed(by task: Int, from: EventTime) -> EventTime {
        views.reduce(from) { $1.plan.source == task ? min($0, $1.reach(at: from)) : $0 }
    }

    func add(_ task: Int, _ partition: Int32) { awaited[task].insert(partition) }

    func awaits(_ task: Int, _ partition: Int32) -> Bool { awaited[task].contains(partition) }

    /// The first record of a partition whose beginning is gone.
    func take(_ task: Int, _ partition: Int32, _ time: EventTime) {
        awaited[task].remove(partition)
        newest[task] = max(newest[task] ?? .distantPast, time)
        if awaited[task].isEmpty { warn(task) }
    }

    /// Says what is known, once nothing more is read.
    func finish() {
        for task in tasks.indices where !awaited[task].isEmpty { warn(task) }
    }

    /// What came before a first record that is not late is older than it by its watermark's slack at least.
    private func warn(_ task: Int) {
        let plan = tasks[task].plan
        let views = views.filter { $0.plan.source == task }
        awaited[task].removeAll()
        guard let newest = newest[task] else { return }
        for view in views {
            let first = view.firstExact(after: newest + plan.outOfOrderness)
            let exact = first.map { "its rows are exact from \($0.rfc3339()) on" } ?? "none of its rows is sure to be exact"
            log.warning(
                "topic \(plan.topic) does not hold all that view \(view.plan.name) needs, most likely by its retention: \(exact)")
        }
    }
}
