internal import Engine
internal import Store

/// Rows that are out and have to be made again.
extension ShardThread {
    /// What the rows in a view's buffer are.
    enum RowKind {
        case new
        /// Made again: they take the place of those that were made before.
        case corrected
        /// As they were before: where nothing is written, they are taken back in place of being written again.
        case retracted
    }

    /// Where nothing is written, rows that are about to be made again are taken back first.
    func retract(_ seat: ShardSeat, _ view: Int) throws {
        guard views[view].log == nil else { return }
        try flushRows(view)
        while seat.shard.retractRows(views[view].rows) { try flushRows(view, .retracted) }
        try flushRows(view, .retracted)
    }

    /// Makes the rows of events that came behind rows which are out, and those again that count them.
    func correct(_ corrected: [ShardID]) throws {
        for view in views.indices {
            let shards = corrected.filter { $0.view == view }
            guard !shards.isEmpty else { continue }
            let rows = views[view].rows
            for id in shards { while self.shards[id]!.shard.makeLateRows(rows) { try flushRows(view) } }
            // What was made before has to be older by `created`.
            try flushRows(view)
            for id in shards { while self.shards[id]!.shard.correctRows(rows) { try flushRows(view, .corrected) } }
            try flushRows(view, .corrected)
        }
    }
}
