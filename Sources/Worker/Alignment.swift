internal import DequeModule
internal import Records

/// Which partitions of a source wait, so that those behind in event time are read first.
///
/// The partition that is furthest behind holds the watermark, and what others give beyond it has to be kept: rows that wait,
/// events that may not expire. So the records read beyond it are counted, and once they are too many the partitions they
/// came from are held until half of them are let go. A bound on records and not on event time: a fetch brings a megabyte of a
/// partition, whatever time that spans, and what was fetched of one that is held has to be fetched again.
struct Alignment {
    /// Records beyond the partition that is furthest behind, over all partitions: more than this hold some back.
    let waitingMax: Int
    /// At most: records that are not beyond it any more count until they are looked at.
    private(set) var waiting = 0
    /// The partitions that are to wait.
    private(set) var held: Set<Int32> = []
    private var partitions: [Int32: Beyond] = [:]

    /// What was read of one partition, in order: how many records, and its newest event time after them.
    fileprivate struct Beyond {
        var steps: Deque<(newest: EventTime, records: Int)> = []
        var waiting = 0
    }

    /// Records are counted in steps of at least so many, lest the count outgrow what it counts.
    private static let stepRecords = 256

    /// Requires: 0 < waitingMax.
    init(waitingMax: Int) { self.waitingMax = waitingMax }

    /// `newest` is the partition's newest event time once `records` more were read.
    mutating func didRead(_ records: Int, of partition: Int32, newest: EventTime) {
        waiting += records
        partitions[partition, default: Beyond()].take(records, newest: newest, stepMin: Alignment.stepRecords)
    }

    /// Whether `update` has anything to decide.
    var isDue: Bool { waiting > waitingMax || !held.isEmpty }

    /// Decides anew who waits; gives whether that has changed.
    ///
    /// - Parameters:
    ///   - least: the least of the newest event times of the partitions that may give records now; none: the distant future.
    ///   - mayWait: whether a partition may be held: it has more to give, so that holding it is of use.
    mutating func update(least: EventTime, mayWait: (Int32) -> Bool) -> Bool {
        let before = held
        waiting = 0
        for partition in partitions.keys {
            partitions[partition]!.letGo(through: least)
            waiting += partitions[partition]!.waiting
        }
        if waiting <= waitingMax / 2 {
            held = []
        } else {
            // The one that is furthest behind is never held: nothing of it is beyond itself.
            held = held.filter { partitions[$0]!.waiting > 0 && mayWait($0) }
        }
        if waiting > waitingMax {
            let share = waitingMax / 2 / partitions.count
            for (partition, beyond) in partitions where beyond.waiting > share && mayWait(partition) { held.insert(partition) }
        }
        return held != before
    }
}

extension Alignment.Beyond {
    fileprivate mutating func take(_ records: Int, newest: EventTime, stepMin: Int) {
        waiting += records
        if let last = steps.last, last.records < stepMin {
            steps[steps.count - 1] = (max(last.newest, newest), last.records + records)
        } else {
            steps.append((newest, records))
        }
    }

    fileprivate mutating func letGo(through least: EventTime) {
        while let first = steps.first, first.newest <= least {
            waiting -= first.records
            steps.removeFirst()
        }
    }
}
