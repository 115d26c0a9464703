internal import Records

/// Where a bounded run begins to read a partition, so that every row from some instant on is exact.
///
/// An event is applied only if its time is at most its message's timestamp plus `max_ahead`. So all that lies before the first
/// message with a timestamp at or after `needed - max_ahead` is older than `needed`, however late it was produced and however
/// disordered timestamps are. To leave out such a prefix changes nothing for events from `needed` on, their lateness included: one of
/// them is late only by an event that is newer still.
struct PartitionStart: Equatable {
    /// The first offset to read.
    var offset: Int64
    /// What came before it may have been needed, and the partition does not hold it any more.
    var isTruncated = false
    /// The broker cannot look offsets up by time: all is read.
    var isUnsearched = false

    /// - Parameters:
    ///   - low: the first offset that the partition holds; `high`: the next to be written.
    ///   - needed: events before it are not needed.
    ///   - maxAhead: how far past its message's timestamp an event's time may lie.
    ///   - lookUp: the first offset whose timestamp, in milliseconds, is at or after the given one; nil if there is none, or no telling.
    static func find<Failure: Error>(
        low: Int64, high: Int64, needed: EventTime, maxAhead: TimeSpan, lookUp: (Int64) throws(Failure) -> Int64?
    ) throws(Failure) -> PartitionStart {
        let beginning = PartitionStart(offset: low, isTruncated: low > 0)
        guard low < high else { return beginning }
        let earliest = (needed - maxAhead).microseconds / 1_000 - 1
        guard earliest > 0 else { return beginning }
        // Every message with a timestamp is found from 0 on: a broker that finds none there looks nothing up.
        guard let first = try lookUp(0) else {
            return PartitionStart(offset: low, isTruncated: low > 0, isUnsearched: true)
        }
        let found = min(high, max(low, try lookUp(earliest) ?? high))
        // Where a message from before `earliest` is still there, those that are gone are older than it.
        return found <= first ? beginning : PartitionStart(offset: found)
    }
}
