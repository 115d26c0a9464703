internal import Records
public import Windows

/// What a turn has to correct: the events that came behind rows which are out, and a walk over the rows that count them.
///
/// A turn's are bounded by its batch; of the rows, which may be many, there is only where the walk is.
struct Corrections {
    /// An event that came behind, by the entity's record. In this order the rows of an entity are walked, too.
    struct Event: Comparable {
        var entity: UInt32
        var time: Int64
        var partition: Int32
        var offset: Int64

        static func < (a: Event, b: Event) -> Bool {
            (a.entity, a.time, a.partition, a.offset) < (b.entity, b.time, b.partition, b.offset)
        }
    }

    /// Instants of an entity whose rows are walked.
    struct Span {
        var entity: UInt32
        var range: ClosedRange<Int64>
    }

    /// Sorted.
    var events: [Event] = []
    /// Disjoint, by entity and time.
    var spans: [Span] = []
    /// What a row needs may leave up to here while the batch is applied.
    var leaving = Int64.min
    /// How many of the events have got their rows.
    var made = 0

    // Where the walk is.
    var span = 0
    var position: LogPosition?
    /// The first event that is not before the row at hand.
    var event = 0

    mutating func restart() { (span, position, event) = (0, nil, 0) }
}

/// Rows that are out and count an event that came behind them are made again; the event gets its own.
///
/// Every row is a function of the set of events, so it does not matter in which turn an event came: the row that is made last is
/// the one that would have been made had the event been there at once. All rows of a turn are made once, whatever the number of
/// events that they now count.
extension Shard {
    /// The events of the batch that was last located which its entities have already. Requires: logs know which record an event is of.
    public func known(_ batch: EventBatch) -> [Int] {
        let layout = program.layout
        precondition(layout.isOrdered && located.count == batch.count, "events are known by their order")
        return (0..<batch.count).filter { row in
            table.entities[Int(located[row])].log.contains(
                time: batch.times[row], partition: batch.partitions[row], offset: batch.offsets[row], layout)
        }
    }

    /// Notes which events of the batch that was last located come behind rows that are out. False: none does.
    ///
    /// - Parameter retracts: whether `retractRows` follows: it then gives just those that `correctRows` will.
    public mutating func noteLate(_ batch: EventBatch, retracts: Bool) -> Bool {
        precondition(corrections.events.isEmpty && located.count == batch.count, "corrections of one batch at a time")
        guard program.corrects, program.rowsOfEvents == .waiting else { return false }
        let finished = finishedThrough.microseconds
        for row in 0..<batch.count where batch.times[row] <= finished {
            corrections.events.append(
                Corrections.Event(
                    entity: located[row], time: batch.times[row], partition: batch.partitions[row], offset: batch.offsets[row]))
        }
        guard !corrections.events.isEmpty else { return false }
        if retracts { corrections.leaving = program.kept(at: finishedThrough).microseconds }
        corrections.events.sort()
        corrections.spans = spans(of: corrections.events, through: finished)
        return true
    }

    /// Where the rows lie that count some of the events and are out.
    private func spans(of events: [Corrections.Event], through finished: Int64) -> [Corrections.Span] {
        var all: [Corrections.Span] = []
        for event in events {
            for counted in program.counted {
                let first = saturatingSubtract(event.time, 0 - counted.lowerBound)
                guard first <= finished else { break }
                let last = counted.upperBound == .max ? .max : saturatingSubtract(event.time, 0 - counted.upperBound)
                all.append(Corrections.Span(entity: event.entity, range: first...max(first, min(last, finished))))
            }
        }
        all.sort { ($0.entity, $0.range.lowerBound) < ($1.entity, $1.range.lowerBound) }
        var spans: [Corrections.Span] = []
        for span in all {
            if let last = spans.last, last.entity == span.entity, span.range.lowerBound <= last.range.upperBound {
                spans[spans.count - 1].range = last.range.lowerBound...max(last.range.upperBound, span.range.upperBound)
            } else {
                spans.append(span)
            }
        }
        return spans
    }

    /// Appends the rows that the noted events are about to change, as they are without them: as many as there is room for. False when
    /// those were all.
    ///
    /// Requires: the batch was not applied yet.
    public mutating func retractRows(_ rows: RowBuffer) -> Bool { walk(rows) }

    /// Appends the rows of the noted events themselves, as many as there is room for. False when all are made, but for those that
    /// need events which have left.
    ///
    /// Requires: the batch was applied.
    public mutating func makeLateRows(_ rows: RowBuffer) -> Bool {
        defer { evaluator.lower(into: rows) }
        while corrections.made < corrections.events.count {
            if rows.room == 0 { return true }
            let event = corrections.events[corrections.made]
            corrections.made += 1
            if lacksEvents(Int(event.entity), at: event.time) {
                missed += 1
                continue
            }
            appendRow(Int(event.entity), time: event.time, partition: event.partition, offset: event.offset, rows)
        }
        return false
    }

    /// Appends the rows that were out and now count one of the noted events more, as many as there is room for. False when all are
    /// made; nothing is left to correct then.
    ///
    /// Requires: the batch was applied, and its late rows are made.
    public mutating func correctRows(_ rows: RowBuffer) -> Bool {
        precondition(corrections.made == corrections.events.count, "makeLateRows comes before correctRows")
        guard !walk(rows) else { return true }
        corrections = Corrections()
        return false
    }

    /// Rows that need events which have left stay as they are: an event that they count has no row of its own either, and is
    /// counted for that.
    private mutating func walk(_ rows: RowBuffer) -> Bool {
        defer { evaluator.lower(into: rows) }
        let layout = program.layout
        while corrections.span < corrections.spans.count {
            let span = corrections.spans[corrections.span]
            let index = Int(span.entity)
            let log = table.entities[index].log
            var place = corrections.position ?? log.position(after: saturatingSubtract(span.range.lowerBound, 1), layout)
            while let event = log.event(at: &place, layout) {
                let time = event.chunk.time(event.row, layout)
                guard time <= span.range.upperBound else { break }
                if rows.room == 0 {
                    corrections.position = place
                    return true
                }
                place.step()
                let (partition, offset) = (event.chunk.partition(event.row, layout), event.chunk.offset(event.row, layout))
                if isNoted(Corrections.Event(entity: span.entity, time: time, partition: partition, offset: offset)) { continue }
                if lacksEvents(index, at: time) { continue }
                appendRow(index, time: time, partition: partition, offset: offset, rows)
            }
            corrections.position = nil
            corrections.span += 1
        }
        corrections.restart()
        return false
    }

    /// Whether a row is that of a noted event. Requires: rows are asked for in their order.
    private mutating func isNoted(_ event: Corrections.Event) -> Bool {
        while corrections.event < corrections.events.count && corrections.events[corrections.event] < event {
            corrections.event += 1
        }
        return corrections.event < corrections.events.count && corrections.events[corrections.event] == event
    }

    /// Whether a row needs events that have left.
    func lacksEvents(_ index: Int, at time: Int64) -> Bool {
        max(table.entities[index].log.trimmedThrough, corrections.leaving)
            > program.reach(at: EventTime(microseconds: time)).microseconds
    }
}
