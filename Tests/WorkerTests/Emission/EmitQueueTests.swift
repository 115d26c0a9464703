import Records
import Store
import TestSupport
import Testing

@testable import Worker

/// What comes out of the queue: every lane's rows in their order, and between two commits those of every lane that lie between them.
struct EmitQueueTests {
    @Test(arguments: 1...20) func commitsPartTheRows(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let (lanes, rounds) = (Int.random(in: 1...4, using: &random), 12)
        let queue = EmitQueue(threads: lanes, laneBytesMax: 64)
        let commits = (0..<rounds).map { _ in
            Commit(
                Checkpoint(plan: [], sliceCount: 1, sourceCount: 0), positions: [], contributions: lanes, isLast: false,
                raisesHorizon: false, idleShare: nil, emission: EmitPoint(number: 1, sources: []))
        }
        let counts = (0..<lanes).map { _ in (0..<rounds).map { _ in Int.random(in: 0...9, using: &random) } }
        let senders = (0..<lanes).map { lane in
            WorkThread {
                for round in 0..<rounds {
                    for number in 0..<counts[lane][round] {
                        let batch = queue.take()
                        let text = batch.bytes.append("\(lane) \(round) \(number)")
                        batch.bytes.removeAll()
                        batch.add(keyLength: 0, valueLength: text.length, timestampMilliseconds: 1)
                        queue.send(batch, thread: lane)
                    }
                    queue.mark(commits[round], thread: lane)
                }
            }
        }
        for round in 0..<rounds {
            var texts: [String] = []
            loop: while true {
                switch queue.receive()! {
                case .commit(let commit):
                    #expect(commit === commits[round], "seed \(seed)")
                    break loop
                case .rows(let batch):
                    for message in batch.messages {
                        texts.append(
                            unsafe batch.withMessage(message) { unsafe String(decoding: $1, as: UTF8.self) })
                    }
                    queue.put(batch)
                }
            }
            for lane in 0..<lanes {
                #expect(
                    texts.filter { $0.hasPrefix("\(lane) ") } == (0..<counts[lane][round]).map { "\(lane) \(round) \($0)" },
                    "seed \(seed)")
            }
            #expect(texts.count == counts.reduce(0) { $0 + $1[round] }, "seed \(seed)")
        }
        for sender in senders { sender.join() }
        queue.close()
        #expect(queue.receive() == nil)
    }

    @Test func whoWaitsForRoomIsLetGo() {
        let queue = EmitQueue(threads: 1, laneBytesMax: 1)
        @Sendable func batch() -> EmitBatch {
            let batch = queue.take()
            batch.bytes.reserve(8)
            batch.add(keyLength: 4, valueLength: 4, timestampMilliseconds: 1)
            return batch
        }
        queue.send(batch(), thread: 0)
        let sender = WorkThread { queue.send(batch(), thread: 0) }
        queue.close()
        sender.join()
    }
}
