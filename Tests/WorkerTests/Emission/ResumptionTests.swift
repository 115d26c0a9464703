import Foundation
import Kafka
import Records
import Store
import TestSupport
import Testing

@testable import Worker

/// What a restart makes of the state's position (S) and the group's offsets (C).
struct ResumptionTests {
    private static func point(_ number: UInt64, _ positions: [Int32: Int64], watermark: Int64 = 100, views: UInt64 = 1)
        -> EmitPoint
    {
        EmitPoint(
            number: number,
            sources: [
                EmitPoint.Source(
                    name: "s", topic: "t", positions: positions, watermark: EventTime(microseconds: watermark), views: views)
            ])
    }

    private func resumption(
        _ state: EmitPoint, _ committed: EmitPoint?, number: UInt64? = nil, isClosed: Bool = false, topic: String = "rows"
    ) throws(WorkerError) -> Resumption {
        let mark = number.map { Checkpoint.Emission(topic: topic, number: $0, isClosed: isClosed) }
        return try Resumption(state: state, mark: mark, committed: committed, topic: "rows", group: "g")
    }

    @Test func withoutOffsets() throws {
        let state = Self.point(0, [0: 5])
        #expect(try resumption(state, nil) == .begins(number: 0))
        #expect(try resumption(state, nil, number: 7, isClosed: true) == .begins(number: 7))
        #expect(try resumption(state, nil, number: 7, topic: "another") == .begins(number: 0))
        #expect(throws: WorkerError.self) { try resumption(state, nil, number: 7) }
    }

    @Test func inStep() throws {
        let state = Self.point(0, [0: 5, 1: 0])
        #expect(try resumption(state, Self.point(7, [0: 5, 1: 0]), number: 7) == .goesOn(number: 7))
        #expect(try resumption(state, Self.point(7, [0: 5]), number: 7) == .goesOn(number: 7), "a new partition")
        let without = Self.point(0, [0: 5], watermark: EventTime.distantPast.microseconds)
        #expect(try resumption(without, Self.point(7, [0: 5]), number: 7) == .goesOn(number: 7), "no view has had an event")
        #expect(
            try resumption(without, Self.point(8, [0: 5]), number: 7) == .catchesUp(Self.point(8, [0: 5])), "rows came by silence"
        )
        #expect(
            try resumption(Self.point(0, [0: 5, 1: 0], views: 2), Self.point(7, [0: 5, 1: 0]), number: 7) == .goesOn(number: 7))
    }

    @Test func behind() throws {
        let committed = Self.point(8, [0: 9, 1: 3])
        #expect(try resumption(Self.point(0, [0: 5, 1: 3]), committed, number: 7) == .catchesUp(committed))
        #expect(try resumption(Self.point(0, [:], watermark: .min), committed) == .catchesUp(committed), "an empty state")
        #expect(try resumption(Self.point(0, [0: 9, 1: 3], watermark: 99), committed, number: 7) == .catchesUp(committed))
        #expect(try resumption(Self.point(0, [0: 9, 1: 3]), committed) == .catchesUp(committed), "who got there is not known")
        #expect(throws: WorkerError.self) { try resumption(Self.point(0, [0: 5, 1: 3], views: 2), committed, number: 7) }
    }

    @Test func aheadOrChanged() throws {
        let committed = Self.point(8, [0: 9, 1: 3])
        #expect(throws: WorkerError.self) { try resumption(Self.point(0, [0: 9, 1: 4]), committed) }
        #expect(throws: WorkerError.self) { try resumption(Self.point(0, [0: 9, 2: 1]), committed) }
        #expect(throws: WorkerError.self) { try resumption(Self.point(0, [0: 9, 1: 3], watermark: 101), committed) }
        #expect(throws: WorkerError.self) { try resumption(Self.point(0, [0: 9, 1: 2]), committed, number: 8) }
        #expect(throws: WorkerError.self) { try resumption(Self.point(0, [0: 9, 1: 3]), committed, number: 9) }
    }

    // MARK: - As offsets

    private static func random(_ seed: UInt64) -> EmitPoint {
        var random = SeededGenerator(seed: seed)
        let number = UInt64.random(in: 1...(.max), using: &random)
        let topics = Int.random(in: 1...3, using: &random)
        let sources = (0..<topics * 2).map { index in
            let topic = "topic-\(index % topics)"
            let positions = (0..<Int32(3 + index % topics)).map { ($0, Int64.random(in: 0...(1 << 40), using: &random)) }
            return EmitPoint.Source(
                name: "source: \(index)", topic: topic, positions: Dictionary(uniqueKeysWithValues: positions),
                watermark: random.isOneIn(3) ? .distantPast : EventTime(microseconds: .random(in: 0...(1 << 60), using: &random)),
                views: .random(in: 0...(.max), using: &random))
        }
        var point = EmitPoint(number: number, sources: sources.sorted { ($0.topic, $0.name) < ($1.topic, $1.name) })
        point.time = EventTime(microseconds: .random(in: 0...(1 << 60), using: &random))
        return point
    }

    @Test(arguments: 1...50) func roundTrip(seed: UInt64) throws {
        let point = Self.random(seed)
        var offsets = point.committed
        var random = SeededGenerator(seed: seed)
        offsets.shuffle(using: &random)
        let read = try #require(try EmitPoint(offsets, group: "g"))
        #expect(
            read.number == point.number && read.time == point.time
                && read.sources.sorted { ($0.topic, $0.name) < ($1.topic, $1.name) } == point.sources)
        #expect(offsets.allSatisfy { $0.metadata.utf8.count < 4_096 })

        let index = Int.random(in: offsets.indices, using: &random)
        var fewer = offsets
        fewer.remove(at: index)
        #expect(throws: WorkerError.self, "seed \(seed)") { try EmitPoint(fewer, group: "g") }
        for change in [
            { (position: inout CommittedPosition) in position.metadata = "" }, { $0.nextOffset += 1 },
            { $0.metadata.removeLast(9) },
            { $0.metadata = $0.metadata.replacing("freshet/1", with: "freshet/2") },
        ] {
            var changed = offsets
            change(&changed[index])
            #expect(throws: WorkerError.self, "seed \(seed)") { try EmitPoint(changed, group: "g") }
        }
    }

    @Test func theFormStays() throws {
        let text = Self.random(5).committed.map { "\($0.partition) \($0.nextOffset)\n\($0.metadata)" }.joined(separator: "\n")
        #expect(try Golden.matches(Array(text.utf8), "emit-point"))
        #expect(try EmitPoint([], group: "g") == nil)
    }
}
