internal import Records

/// The summary of a run of whole chunks, remembered: a window of a long log begins and ends in the same two chunks for many
/// events in a row, and what lies between them stays.
///
/// It covers the chunks after `start` through `last`, by their ids, as of an epoch of the tree. An event that comes into
/// what any memo covers begins a new epoch. Memos are derived from the log, never stored, and hold no event back.
struct MiddleMemo<Summary: ChunkSummary>: BitwiseCopyable {
    var epoch: UInt32 = 0
    var start: UInt32 = 0
    var last: UInt32 = 0
    /// Where the chunk after the last begins.
    var reached: Int64 = 0
    var summary = Summary()
}

extension ChunkTree {
    /// An event came in: memos that cover its place are void.
    @inline(__always)
    func noteTime(_ time: Int64) {
        let header = header
        if time > header[0].newest {
            header[0].newest = time
        } else if header[0].newest &- time > header[0].disorder {
            header[0].disorder = header[0].newest &- time
        }
        if time <= header[0].coveredThrough {
            header[0].epoch &+= 1
            header[0].coveredThrough = .min
        }
    }

    /// What came late once does not count for ever.
    func forgetDisorder() { header[0].disorder -= header[0].disorder >> 6 }
}

extension TimeLog {
    /// Up to so many chunks are added up as fast as a memo is looked up.
    private static let nearMax = 6
    /// Chunks that are walked behind a memo at most.
    private static let walkMax = 256

    /// Adds the summaries of the whole chunks between those of two places, by a memo where one helps.
    func addMiddle<S: ChunkSummary>(
        _ column: LogLayout.Column, from: LogPosition, to: LogPosition, memo slot: Int, to summary: inout S,
        _ layout: LogLayout
    ) {
        let near = from.group == to.group && to.chunk &- from.chunk <= TimeLog.nearMax
        if near || slot >= layout.memoCount { return addChunks(column, from: from, to: to, to: &summary, layout) }
        let tree = tree
        let memo = tree.memo(slot, of: S.self, layout)
        var before = S()
        guard memo[0].epoch == tree.header[0].epoch, tree.walk(from, to: memo[0].start, column, &before, layout) else {
            return remember(column, from: from, to: to, slot, to: &summary, layout)
        }
        // The memo may reach beyond the place: edges go back a little where events come out of order.
        let first = tree.group(to.group, layout).firstTimes[to.chunk]
        guard memo[0].reached <= first else { return addChunks(column, from: from, to: to, to: &summary, layout) }
        var place = to
        var behind = S()
        var walked = 0
        var newest: UInt32 = 0
        while true {
            guard tree.step(&place, backTo: from, layout), walked <= TimeLog.walkMax else {
                // The memo ends far before it.
                return addChunks(column, from: from, to: to, to: &summary, layout)
            }
            let group = tree.group(place.group, layout)
            let id = group[place.chunk].id
            if walked == 0 { newest = id }
            if id == memo[0].last { break }
            behind.merge(group.summaries(column, as: S.self, layout)[place.chunk])
            walked &+= 1
        }
        summary.merge(before)
        summary.merge(memo[0].summary)
        guard walked > 0 else { return }
        summary.merge(behind)
        // Once the edge will hardly come back before its chunk, the memo moves on.
        guard first <= settledTime(to, layout) else { return }
        unsafe memo.pointer.pointee.summary.merge(behind)
        unsafe memo.pointer.pointee.last = newest
        unsafe memo.pointer.pointee.reached = first
        if first > tree.header[0].coveredThrough { tree.header[0].coveredThrough = first }
    }

    /// Where an edge at a place may yet go back to, and events may yet come, by the disorder of late.
    private func settledTime(_ place: LogPosition, _ layout: LogLayout) -> Int64 {
        let group = tree.group(place.group, layout)
        let time = place.row > 0 ? group[place.chunk].time(place.row &- 1, layout) : group.firstTimes[place.chunk]
        return time &- tree.header[0].disorder
    }

    /// Makes the memo anew, over the chunks into which no event is likely to come.
    private func remember<S: ChunkSummary>(
        _ column: LogLayout.Column, from: LogPosition, to: LogPosition, _ slot: Int, to summary: inout S, _ layout: LogLayout
    ) {
        let tree = tree
        let header = tree.header
        let settled = position(after: settledTime(to, layout), layout)
        var end = to
        if (settled.group, settled.chunk) < (to.group, to.chunk) { end = settled }
        var last = end
        guard (from.group, from.chunk) < (end.group, end.chunk), tree.step(&last, backTo: from, layout) else {
            return addChunks(column, from: from, to: to, to: &summary, layout)
        }
        var memo = MiddleMemo<S>()
        memo.epoch = header[0].epoch
        memo.start = tree.group(from.group, layout)[from.chunk].id
        memo.last = tree.group(last.group, layout)[last.chunk].id
        memo.reached = tree.group(end.group, layout).firstTimes[end.chunk]
        addChunks(column, from: from, to: end, to: &memo.summary, layout)
        tree.memo(slot, of: S.self, layout)[0] = memo
        header[0].coveredThrough = max(header[0].coveredThrough, memo.reached)
        summary.merge(memo.summary)
        // The chunks from `end` on, which `addChunks` would leave out as its first.
        addChunks(column, from: last, to: to, to: &summary, layout)
    }
}

extension ChunkTree {
    /// Chunks before the start of a memo that are walked: edges go back a little where events come out of order.
    private static let backMax = 3

    /// Adds the summaries of the chunks after `from` through the one with an id; false where that is not near.
    @inline(__always)
    fileprivate func walk<S: ChunkSummary>(
        _ from: LogPosition, to id: UInt32, _ column: LogLayout.Column, _ summary: inout S, _ layout: LogLayout
    ) -> Bool {
        let group = group(from.group, layout)
        let last = min(group.count &- 1, from.chunk &+ ChunkTree.backMax)
        var chunk = from.chunk
        while group[chunk].id != id {
            if chunk == last { return false }
            chunk &+= 1
            summary.merge(group.summaries(column, as: S.self, layout)[chunk])
        }
        return true
    }

    /// Goes back one chunk; false where that is the chunk of `from`.
    @inline(__always)
    fileprivate func step(_ place: inout LogPosition, backTo from: LogPosition, _ layout: LogLayout) -> Bool {
        if place.chunk > 0 {
            place.chunk &-= 1
        } else {
            place.group &-= 1
            place.chunk = group(place.group, layout).count &- 1
        }
        return place.group > from.group || place.chunk > from.chunk
    }
}
