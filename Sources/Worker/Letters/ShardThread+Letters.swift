internal import Engine
internal import Records
internal import Store
internal import Windows

extension ShardThread {
    /// Says which of the events are there already; none is applied.
    func answer(_ probe: LetterProbe, _ batches: [ShardEvents]) throws {
        var known: [LetterProbe.Origin] = []
        for batch in batches {
            let events = batch.events
            let seat = shards[batch.shard] ?? makeSeat(batch.shard, Checkpoint.ShardState())
            seat.shard.locate(events)
            try bring(seat, batch.shard)
            for row in seat.shard.known(events) {
                known.append(LetterProbe.Origin(partition: events.partitions[row], offset: events.offsets[row]))
            }
            context.batches[batch.shard.view].put(events)
        }
        probe.answer(known)
    }
}
