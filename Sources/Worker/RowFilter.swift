internal import Engine
public import Records
internal import Store

/// The event times whose rows come out: from `from` up to, not including, `to`.
public struct RowFilter: Equatable, Sendable {
    public var from: EventTime
    public var to: EventTime

    public init(from: EventTime, to: EventTime) {
        self.from = from
        self.to = to
    }

    static let all = RowFilter(from: .distantPast, to: .distantFuture)

    /// Keeps the rows inside, in their order.
    func apply(to rows: RowBuffer) {
        rows.keep { rows.times[$0] >= from.microseconds && rows.times[$0] < to.microseconds }
    }
}

/// A state that was made with `--from` or `--to` lacks the rows outside for good.
extension RowFilter {
    /// The rows of which a state knows.
    init(of checkpoint: Checkpoint) { self.init(from: checkpoint.rowsFrom, to: checkpoint.rowsTo) }

    /// What of this, a state's, is in the way of a run that ends with its input only; nil where nothing is.
    var obstacle: String? {
        guard to < .distantFuture else { return nil }
        return "the state is that of a replay --to \(to.rfc3339()): what it has read from there on is gone"
    }

    /// The rows of a run that goes on from a state of this; throws where it asks for rows that the state lacks.
    ///
    /// - Parameters:
    ///   - wanted: nil for all.
    ///   - directory: the state's, for messages.
    func continued(by wanted: RowFilter?, isBounded: Bool, directory: String) throws(WorkerError) -> RowFilter? {
        let asked = wanted ?? .all
        if asked.to != to, let obstacle {
            throw WorkerError(
                "cannot go on from \(directory): \(obstacle). A replay with that --to goes on from it; all else needs another state",
                isInput: true)
        }
        // A run that goes on for ever takes up what it is given.
        if isBounded && asked.from < from {
            throw WorkerError(
                "cannot go on from \(directory): the state is that of a replay --from \(from.rfc3339()): what rows before it need is"
                    + " gone. A replay --from that time or later goes on from it, and so does run", isInput: true)
        }
        let both = RowFilter(from: max(from, asked.from), to: asked.to)
        return both == .all ? nil : both
    }

    /// Throws for an instant at which a state of this knows no values.
    func check(read view: String, at time: EventTime) throws(WorkerError) {
        guard time < from else { return }
        throw WorkerError(
            "view \(view): values at \(time.rfc3339()) need events that the state does not have: it is that of a replay --from"
                + " \(from.rfc3339())", isInput: true)
    }
}
