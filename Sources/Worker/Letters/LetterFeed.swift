internal import Engine
internal import Pipelines
public import Records
internal import Store
internal import Windows

/// Which dead letters are meant.
public struct LetterFilter: Sendable {
    /// nil: of all.
    public var source: String?
    public var reason: RejectionReason?

    public init(source: String? = nil, reason: RejectionReason? = nil) {
        self.source = source
        self.reason = reason
    }

    func takes(_ letter: DeadLetter) -> Bool {
        (source == nil || letter.source == source) && (reason == nil || letter.reason == reason?.rawValue)
    }
}

/// Dead letters that a worker is to feed through again, in place of its input, and what came of it.
public final class LetterFeed: @unchecked Sendable {
    public let letters: LetterSource
    public let filter: LetterFilter
    /// When it began, by the wall clock: what it marks has this instant.
    let startedAt = Clock.now()
    let probe = LetterProbe()
    /// Letters whose records are at hand and not sent on yet, in the order in which they came.
    fileprivate var taken: [Taken] = []
    /// Those of the letters that changed something since the last commit, and those of that commit, which may be on its way still.
    private var marks: [LetterID: LetterMark] = [:]
    private var committing: [LetterID: LetterMark] = [:]

    public struct Outcome: Sendable {
        /// Applied now.
        public var fed = 0
        /// Of records that were read again and applied after the letter was sent.
        public var known = 0
        /// Applied by an earlier feed.
        public var fedBefore = 0
        /// Dead letters still, by the reason of now.
        public var kept: [RejectionReason: Int] = [:]
        /// Those that the worker will read by itself: the state is not at their offset yet.
        public var ahead = 0
        /// Of a source that the pipeline does not have.
        public var unknown = 0
        /// What is no dead letter.
        public var unreadable = 0
    }

    struct Taken {
        let letter: DeadLetter
        let source: Int
        let limit: EventTime
        let reached: EventTime

        var id: LetterID { LetterID(source: letter.source, partition: letter.partition, offset: letter.offset) }
    }

    public internal(set) var outcome = Outcome()

    public init(_ letters: LetterSource, filter: LetterFilter) {
        self.letters = letters
        self.filter = filter
    }

    var markCount: Int { marks.count }

    /// What this feed made of a letter before; nil: nothing that is not in the store yet.
    func mark(of id: LetterID) -> LetterMark? { marks[id] ?? committing[id] }

    func add(_ id: LetterID, kept: Rejection?) {
        marks[id] = LetterMark(at: startedAt, kept: kept)
        if let kept { outcome.kept[kept.reason, default: 0] += 1 }
    }

    /// The marks for the commit that begins now. Requires: the one before is durable.
    func takeMarks() -> CommitRows? {
        committing = marks
        marks = [:]
        guard !committing.isEmpty else { return nil }
        let rows = CommitRows()
        rows.append(committing)
        return rows
    }
}

extension Worker {
    /// Feeds dead letters through in place of reading: each at the place where its record was, each at most once.
    ///
    /// What a letter changes, and the mark that it was fed, are in the same commit; so a crash at any time neither loses nor
    /// doubles one.
    func feedLetters(_ feed: LetterFeed) throws {
        guard context.hasStateAtStart, let store = context.store else {
            throw WorkerError("\(options.stateDirectory ?? "the state") holds no committed state", isInput: true)
        }
        if let topic = try store.checkpoint()?.emission?.topic {
            // What is to be emitted yet is a function of the records; letters would come between.
            throw WorkerError(
                "the state's rows go to topic \(topic) too (--emit), and those that letters make or correct would not",
                isInput: true)
        }
        for (program, view) in zip(programs, plan.views) where !program.layout.isOrdered {
            let source = plan.sources[view.source].name
            guard feed.filter.source == nil || feed.filter.source == source else { continue }
            if feed.letters.mayRepeat {
                // A letter that was sent since a crash's last commit may be of a record that was read again, and taken.
                throw WorkerError(
                    "view \(view.name): the state does not know which records its events are of, and a topic may have letters of records"
                        + " that were taken since; letters in a log folder have none of those", isInput: true)
            }
            guard view.snapshots == .final else { continue }
            throw WorkerError(
                "view \(view.name): the state does not know which rows its events have, so rows that are out could not be corrected;"
                    + " a state that is made with 'late: apply' of source \(source) does", isInput: true)
        }
        try feed.letters.read { letter in
            if shouldStop { return false }
            guard let letter else {
                feed.outcome.unreadable += 1
                return true
            }
            if feed.filter.takes(letter) { try take(letter, feed, store) }
            return true
        }
        try sendLetters(feed)
        try finishReading()
    }

    private func take(_ letter: DeadLetter, _ feed: LetterFeed, _ store: StateStore) throws {
        guard let task = tasks.first(where: { $0.plan.name == letter.source }) else {
            feed.outcome.unknown += 1
            return
        }
        let id = LetterID(source: letter.source, partition: letter.partition, offset: letter.offset)
        if let mark = try feed.mark(of: id) ?? store.mark(of: id) {
            // The same letter once more.
            if mark.at == feed.startedAt { return }
            if mark.isFed {
                feed.outcome.fedBefore += 1
                return
            }
        }
        guard letter.offset < task.nextOffset(of: letter.partition) ?? 0 else {
            feed.outcome.ahead += 1
            return
        }
        if task.isFull || task.records.text.count >= Bounds.batchBytes { try sendLetters(feed) }
        let reached = max(reachedAtStart[task.index], task.lastWatermark)
        let wall = context.wall.now()
        let taken = LetterFeed.Taken(
            letter: letter, source: task.index, limit: min(letter.timestamp ?? wall, wall) + task.plan.maxAhead, reached: reached)
        let rejection = task.feed(letter, limit: taken.limit, reached: reached)
        feed.add(id, kept: rejection)
        if rejection == nil { feed.taken.append(taken) }
        hasChanges = true
        guard feed.markCount >= Bounds.lettersMarked else { return }
        try sendLetters(feed)
        try commit?.waitUntilDurable(failure)
        commit = nil
        if feed.markCount >= Bounds.lettersMarked { try beginCommit(isLast: false) }
    }

    private func sendLetters(_ feed: LetterFeed) throws {
        for task in tasks where task.records.count > 0 {
            var taken = feed.taken.filter { $0.source == task.index }
            if feed.letters.mayRepeat {
                let known = try dispatcher.known(task, feed.probe)
                let count = taken.count
                taken.removeAll { known.contains(LetterProbe.Origin(partition: $0.letter.partition, offset: $0.letter.offset)) }
                feed.outcome.known += count - taken.count
                for taken in taken {
                    let rejection = task.feed(taken.letter, limit: taken.limit, reached: taken.reached)
                    precondition(rejection == nil, "a letter is decoded alike each time")
                }
            }
            for (row, taken) in taken.enumerated() { task.count(taken.letter, row) }
            feed.outcome.fed += taken.count
            if task.records.count > 0 { try dispatch(task) }
        }
        feed.taken.removeAll(keepingCapacity: true)
        try endTurn()
    }
}
