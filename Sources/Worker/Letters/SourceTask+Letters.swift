internal import Engine
internal import Pipelines
internal import Records

/// Dead letters in place of records.
extension SourceTask {
    /// Takes the record of a dead letter at the place where it was, as if it came late now; gives what keeps it out still. It is not
    /// counted yet.
    ///
    /// - Parameters:
    ///   - limit: as of `accept`.
    ///   - reached: rows up to it are out, and what their windows do not reach has left the state.
    func feed(_ letter: DeadLetter, limit: EventTime, reached: EventTime) -> Rejection? {
        if currentPartition != letter.partition { turn(to: letter.partition, now: 0) }
        let row = records.count
        let rejection =
            unsafe letter.withValue { value in unsafe decoder.decode(RawRecord(value: value, readableBytes: 0), into: records) }
            ?? check(letter, row, limit: limit, reached: reached)
        if let rejection {
            records.count = row
            return rejection
        }
        let time = EventTime(microseconds: records.times[row])
        late.append(LateRecord(row: row, watermark: reached))
        place(row, time, letter.partition, letter.offset, letter.timestamp)
        return nil
    }

    /// Counts a letter whose record is among those at hand, at this row, and is going to be applied.
    func count(_ letter: DeadLetter, _ row: Int) {
        applied += 1
        if let reason = RejectionReason(rawValue: letter.reason) {
            let counter = SourceTask.counter(reason)
            if rejected[counter] > 0 { rejected[counter] -= 1 }
        }
        if letter.isLate(EventTime(microseconds: records.times[row])) { lateApplied += 1 }
    }

    /// What a full replay would set aside is set aside here: the lateness of a record is that of the place where it was.
    private func check(_ letter: DeadLetter, _ row: Int, limit: EventTime, reached: EventTime) -> Rejection? {
        let time = EventTime(microseconds: records.times[row])
        if time > limit { return ahead(time, limit) }
        if !appliesLate && letter.isLate(time) {
            let watermark = letter.watermark.map { " \($0.rfc3339())" } ?? ""
            return Rejection(.late, "field \(eventTimeName): \(time.rfc3339()) was not after the watermark\(watermark)")
        }
        guard closings.contains(where: { time > $0.closed(at: reached) }) else {
            return Rejection(
                .late,
                "field \(eventTimeName): \(time.rfc3339()): from \(reached.rfc3339()) no view's windows reach back to it any more"
            )
        }
        return entityDecimals.isEmpty ? nil : checkDecimals(row)
    }
}
