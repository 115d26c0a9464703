internal import HeapModule
internal import Records
internal import Windows

/// Events that cannot be seen yet, in the order in which they can be.
final class HeldEvents {
    private var heap = Heap<Held>()
    private var batches: [Int: (batch: EventBatch, left: Int)] = [:]
    private var held = 0

    private struct Held: Comparable {
        var visibleFrom: Int64
        /// The batch in the order of coming, in the upper 32 bits, and the row: what can be seen at one time keeps its order.
        var place: UInt64

        static func < (a: Held, b: Held) -> Bool { (a.visibleFrom, a.place) < (b.visibleFrom, b.place) }
    }

    /// Takes a batch over.
    func hold(_ batch: EventBatch) {
        for row in 0..<batch.count {
            heap.insert(Held(visibleFrom: batch.visibleFrom[row], place: UInt64(held) << 32 | UInt64(row)))
        }
        if batch.count > 0 { batches[held] = (batch, batch.count) }
        held += 1
    }

    /// When the next event can be seen.
    var first: Int64? { heap.min?.visibleFrom }

    /// Moves the first event to the end of a batch; gives the batch that it was in if that has no other. Requires: there is one.
    func removeFirst(to target: EventBatch, _ layout: LogLayout) -> EventBatch? {
        let place = heap.removeMin().place
        let key = Int(place >> 32)
        let (batch, left) = batches[key]!
        target.append(Int(place & 0xFFFF_FFFF), of: batch, layout)
        if left > 1 {
            batches[key]!.left = left - 1
            return nil
        }
        batches[key] = nil
        return batch
    }
}
