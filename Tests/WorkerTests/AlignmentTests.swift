import Records
import TestSupport
import Testing

@testable import Worker

/// Who waits, against partitions that are read in turns of chance.
struct AlignmentTests {
    private struct Source {
        var times: [Int64]
        var read = 0
        var newest: Int64 { read == 0 ? .min : times[read - 1] }
        var isOver: Bool { read == times.count }
    }

    /// Whatever the partitions hold: reading never stands still, and what waits stays near the bound.
    @Test(arguments: 1...20) func neverStandsStill(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let waitingMax = 1000
        var sources = (0..<Int.random(in: 1...9, using: &random)).map { _ in
            var time = Int64.random(in: 0...100_000, using: &random)
            let step = Int64.random(in: 1...200, using: &random)
            return Source(
                times: (0..<Int.random(in: 0...5_000, using: &random)).map { _ in
                    time += Int64.random(in: 0...step, using: &random)
                    return time
                })
        }
        var alignment = Alignment(waitingMax: waitingMax)
        var waitingMost = 0
        while sources.contains(where: { !$0.isOver }) {
            let open = sources.indices.filter { !sources[$0].isOver && !alignment.held.contains(Int32($0)) }
            guard let next = open.randomElement(using: &random) else {
                Issue.record("all wait, seed \(seed)")
                return
            }
            let records = min(Int.random(in: 1...100, using: &random), sources[next].times.count - sources[next].read)
            sources[next].read += records
            alignment.didRead(records, of: Int32(next), newest: EventTime(microseconds: sources[next].newest))
            let least = sources.filter { !$0.isOver }.map(\.newest).min() ?? .max
            if alignment.isDue {
                _ = alignment.update(least: EventTime(microseconds: least)) { !sources[Int($0)].isOver }
            }
            // A count of our own: records beyond the one that is behind, of the sources that go on.
            let waiting = sources.reduce(0) { $0 + $1.times[..<$1.read].count { $0 > least } }
            waitingMost = max(waitingMost, waiting)
            #expect(waiting <= alignment.waiting + 100, "seed \(seed)")
            for held in alignment.held { #expect(sources[Int(held)].newest > least, "seed \(seed): the one behind is held") }
        }
        // Those below their share may go on up to the bound once more.
        #expect(waitingMost <= 2 * waitingMax + 100 * sources.count, "seed \(seed)")
    }

    @Test func theOneAheadWaitsUntilHalfIsLetGo() {
        var alignment = Alignment(waitingMax: 1000)
        func time(_ number: Int64) -> EventTime { EventTime(microseconds: number) }
        alignment.didRead(10, of: 0, newest: time(10))
        for number in 1...4 { alignment.didRead(300, of: 1, newest: time(Int64(number) * 100)) }
        #expect(alignment.isDue)
        let holds = alignment.update(least: time(10)) { _ in true }
        #expect(holds && alignment.held == [1] && alignment.waiting == 1200)
        let stillHolds = !alignment.update(least: time(200)) { _ in true }
        #expect(stillHolds && alignment.held == [1] && alignment.waiting == 600)
        let lets = alignment.update(least: time(300)) { _ in true }
        #expect(lets && alignment.held.isEmpty && alignment.waiting == 300)
    }

    /// A partition that has no more for now is not held, and a held one goes on when it becomes the one that is behind.
    @Test func whoHasNothingIsNotHeld() {
        var alignment = Alignment(waitingMax: 100)
        let time = EventTime(microseconds: 50)
        for partition in [Int32(0), 1] { alignment.didRead(300, of: partition, newest: time) }
        let changed = alignment.update(least: .distantPast) { $0 == 1 }
        #expect(changed && alignment.held == [1])
        let resumed = alignment.update(least: time) { _ in true }
        #expect(resumed && alignment.held.isEmpty)
    }
}
