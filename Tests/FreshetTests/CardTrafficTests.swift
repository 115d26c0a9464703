import Records
import Testing

@testable import freshet

@Suite struct CardTrafficTests {
    /// The bytes of a seed are part of what benchmarks and documents rely on: a change of them is a change to be meant.
    @Test func goldenBytes() {
        let hash = CardTrafficTests.hash(seed: 1, events: 20_000)
        #expect(hash == 3_196_430_727_088_299_616)
        #expect(CardTrafficTests.hash(seed: 1, events: 20_000) == hash)
        #expect(CardTrafficTests.hash(seed: 2, events: 20_000) != hash)
    }

    /// FNV-1a.
    private static func hash(seed: UInt64, events: Int) -> UInt64 {
        var traffic = CardTraffic(settings(seed: seed))
        var bytes: [UInt8] = []
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for _ in 0..<events {
            bytes.removeAll(keepingCapacity: true)
            traffic.next().appendJSON(to: &bytes)
            for byte in bytes + [0x0A] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return hash
    }

    private static func settings(seed: UInt64) -> CardTraffic.Settings {
        var settings = CardTraffic.Settings()
        settings.seed = seed
        settings.eventsPerDay = 2_000
        return settings
    }

    @Test func looksLikeCardTraffic() {
        let seed = UInt64.random(in: 0...UInt64.max)
        let settings = CardTrafficTests.settings(seed: seed)
        var traffic = CardTraffic(settings)
        let watched = Set(traffic.watched)
        let end = settings.start + 45 * CardTraffic.day
        var events: [TrafficEvent] = []
        while true {
            let event = traffic.next()
            if event.arrival >= end { break }
            events.append(event)
        }
        #expect((1_800...2_600).contains(events.count / 45), "seed \(seed)")
        #expect(zip(events, events.dropFirst()).allSatisfy { $0.arrival <= $1.arrival }, "seed \(seed)")
        #expect(events.allSatisfy { $0.arrival >= $0.time && $0.amountCents != 0 }, "seed \(seed)")
        #expect(Set(events.map(\.transaction)).count == events.count, "seed \(seed)")

        let frauds = events.count { $0.isFraud }
        #expect((0.002...0.15).contains(Double(frauds) / Double(events.count)), "seed \(seed)")
        func hour(_ event: TrafficEvent) -> Int64 { event.time % CardTraffic.day / 3_600_000 }
        #expect(events.count { hour($0) == 14 } > 3 * events.count { hour($0) == 3 }, "seed \(seed)")
        let broken = events.count { $0.defect != .none }
        #expect((1...events.count / 200).contains(broken), "seed \(seed)")
        #expect(events.contains { $0.amountCents < 0 }, "seed \(seed)")

        // Stolen cards pay more, and far more often.
        let burst = traffic.burst
        let own = events.filter { watched.contains($0.customer) }
        let inBurst = own.filter { burst.contains($0.time) }
        #expect(inBurst.count > 3 * 4 * 40, "seed \(seed)")
        #expect(own.count - inBurst.count < 41 * 3 * 16, "seed \(seed)")
        func mean(_ events: [TrafficEvent]) -> Double {
            Double(events.reduce(0) { $0 + $1.amountCents }) / Double(max(1, events.count))
        }
        #expect(mean(inBurst) > 1.5 * mean(own.filter { !$0.isFraud }), "seed \(seed)")
    }

    @Test func someComeOutOfOrderAndAFewTooLate() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var traffic = CardTraffic(CardTrafficTests.settings(seed: seed))
        let ledger = TrafficLedger(partitions: 4, outOfOrderness: .seconds(5))
        var customers: [Int32: Int32] = [:]
        for _ in 0..<60_000 {
            let event = traffic.next()
            let partition = event.partition(of: 4)
            #expect(customers.updateValue(partition, forKey: event.customer) ?? partition == partition)
            ledger.append(event, partition: Int(partition))
        }
        let counts = ledger.counts
        let back = ledger.events.reduce(0) { sum, events in sum + zip(events, events.dropFirst()).count { $0.time > $1.time } }
        #expect(back > 100, "seed \(seed)")
        #expect((1...200).contains(counts.rejected[.late] ?? 0), "seed \(seed)")
        #expect(counts.applied + counts.rejected.values.reduce(0, +) == 60_000, "seed \(seed)")
        #expect(ledger.events.allSatisfy { $0.count > 10_000 }, "seed \(seed)")
    }

    @Test func brokenRecords() {
        var event = TrafficEvent(
            time: 1_000, arrival: 2_000, transaction: 7, amountCents: -5, customer: 3, terminal: 4, isFraud: true, defect: .none)
        func text(_ defect: TrafficEvent.Defect) -> String {
            event.defect = defect
            var bytes: [UInt8] = []
            event.appendJSON(to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
        let whole = #"{"transaction_id":7,"event_time":1000,"customer_id":"c-3","terminal_id":"t-4","amount":-0.05,"fraud":1}"#
        #expect(text(.none) == whole)
        #expect(whole.hasPrefix(text(.truncated)) && text(.truncated).count < whole.count)
        #expect(text(.wrongType) == whole.replacing("-0.05", with: #""unknown""#))
        #expect(text(.missingField) == whole.replacing(#""terminal_id":"t-4","#, with: ""))
        #expect(text(.outOfRange) == whole.replacing("-0.05", with: "1e30"))
        #expect(text(.ahead) == whole.replacing(":1000,", with: ":4070908800000,"))
    }
}
