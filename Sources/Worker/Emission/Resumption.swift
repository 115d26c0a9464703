internal import Records
internal import Store

/// How emission goes on, by what the state says (S) and by what the group has committed (C).
///
/// A commit first commits its transaction and then writes the state, so S is never ahead of C. Where it is behind, the rows from
/// S to C are with the readers already: that part of the input is done again, without emitting. What cannot come about in this way
/// is an error: to guess would lose rows or give some twice.
enum Resumption: Equatable {
    /// Nothing was emitted yet, or all of it before a clean stop: rows come out from the state's position on.
    case begins(number: UInt64)
    /// S is C.
    case goesOn(number: UInt64)
    /// S is behind C.
    case catchesUp(EmitPoint)

    /// - Parameters:
    ///   - state: positions and watermarks of the state, one for each source of the plan; the number does not count.
    ///   - mark: what the state says of emission.
    init(state: EmitPoint, mark: Checkpoint.Emission?, committed: EmitPoint?, topic: String, group: String) throws(WorkerError) {
        let mark = mark?.topic == topic ? mark : nil
        guard let committed else {
            if let mark, !mark.isClosed {
                throw WorkerError(
                    "group \(group) has no offsets, but the state has emitted to topic \(topic): up to where is not known, since the run"
                        + " before did not stop cleanly. Run once without --emit, and then with it, to go on from where that run ends"
                )
            }
            self = .begins(number: mark?.number ?? 0)
            return
        }
        for source in state.sources {
            let emitted = committed.source(source.name)
            for (partition, next) in source.positions.sorted(by: { $0.key < $1.key }) {
                let end = emitted?.positions[partition] ?? 0
                guard next > end else { continue }
                throw Resumption.gap(
                    "\(source.topic)[\(partition)] up to offset \(end), and the state goes on at offset \(next)", group)
            }
            guard let emitted else { continue }
            if source.watermark > emitted.watermark {
                throw Resumption.gap(
                    "source \(source.name) up to event time \(emitted.watermark.rfc3339()), and the state goes on at"
                        + " \(source.watermark.rfc3339())", group)
            }
        }
        if let mark {
            let isSame = state.sources.allSatisfy { source in
                guard let emitted = committed.source(source.name) else { return source.positions.allSatisfy { $0.value == 0 } }
                // The state has watermarks with its shards, and no shard of a source of which no view has had an event.
                let hasNone = source.watermark == .distantPast && committed.number == mark.number
                return (hasNone || emitted.watermark == source.watermark)
                    && emitted.positions.allSatisfy { $0.value == source.positions[$0.key] ?? 0 }
            }
            guard committed.number >= mark.number, committed.number > mark.number || isSame else {
                throw WorkerError(
                    "the offsets of group \(group) are not those that the state was committed with (commit \(committed.number), the"
                        + " state has \(mark.number)): someone has changed them", isInput: true)
            }
            if isSame {
                self = .goesOn(number: committed.number)
                return
            }
        }
        for source in state.sources {
            guard let emitted = committed.source(source.name), emitted.views != source.views else { continue }
            throw WorkerError(
                "rows of source \(source.name) were emitted further than the state has come, by a pipeline with other views or other"
                    + " `snapshots`: what is still missing cannot be told. Let that pipeline go on and stop cleanly, emit to another"
                    + " topic, or delete the offsets of group \(group) to emit all rows from the state's position on",
                isInput: true)
        }
        self = .catchesUp(committed)
    }

    private static func gap(_ place: String, _ group: String) -> WorkerError {
        WorkerError(
            "rows were emitted of \(place): those between would never be emitted. Start with a state that is not further, an empty one"
                + " for instance, or delete the offsets of group \(group) to go on and leave them out", isInput: true)
    }
}
