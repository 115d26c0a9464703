internal import Records
import Synchronization

/// Lengths of time, counted in fixed buckets: 16 to each power of two, so that a quantile is at most 6.25 % too long.
public struct LatencyHistogram: Sendable {
    /// Up to 2^42 µs, which is 50 days; what is longer counts there.
    private static let bucketCount = 16 * 39
    private var counts = [UInt64](repeating: 0, count: bucketCount)
    public private(set) var count: UInt64 = 0

    public init() {}

    /// Counts `weight` records that took so long. Clocks of two machines may differ: what is negative counts as 0.
    public mutating func add(_ microseconds: Int64, weight: Int) {
        counts[Self.bucket(max(0, microseconds))] += UInt64(weight)
        count += UInt64(weight)
    }

    /// How long the fastest part `quantile` of the records took at most, in microseconds; nil without any.
    public func quantile(_ quantile: Double) -> Int64? {
        guard count > 0 else { return nil }
        let wanted = max(1, UInt64((Double(count) * quantile).rounded(.up)))
        var seen: UInt64 = 0
        for bucket in counts.indices {
            seen += counts[bucket]
            if seen >= wanted { return Self.longest(of: bucket) }
        }
        return Self.longest(of: Self.bucketCount - 1)
    }

    /// What was counted since `earlier`, which was a copy of this one.
    public func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
        var difference = self
        for bucket in counts.indices { difference.counts[bucket] -= earlier.counts[bucket] }
        difference.count -= earlier.count
        return difference
    }

    private static func bucket(_ microseconds: Int64) -> Int {
        guard microseconds >= 16 else { return Int(microseconds) }
        // The leading bit and the four behind it.
        let shift = 59 - microseconds.leadingZeroBitCount
        return min(16 * shift + Int(microseconds >> Int64(shift)), bucketCount - 1)
    }

    private static func longest(of bucket: Int) -> Int64 {
        guard bucket >= 32 else { return Int64(bucket) }
        let shift = bucket / 16 - 1
        return Int64(16 + bucket % 16 + 1) << Int64(shift) - 1
    }
}

/// How long a live run's records were on their way to being applied: in the log of every view, their rows evaluated.
public struct RunLatency: Sendable {
    /// Since the worker got them from librdkafka.
    public var fromReceipt = LatencyHistogram()
    /// Since the time stamp that their producer or broker gave them, by the wall clocks of both.
    public var fromStamp = LatencyHistogram()

    public init() {}

    func since(_ earlier: RunLatency) -> RunLatency {
        var difference = self
        difference.fromReceipt = fromReceipt.since(earlier.fromReceipt)
        difference.fromStamp = fromStamp.since(earlier.fromStamp)
        return difference
    }

    /// `received to applied p50 0.9, p99 4.1, p99.9 7.7 ms, stamped to applied …`; empty where nothing was counted.
    public var text: String {
        [("received", fromReceipt), ("stamped", fromStamp)]
            .compactMap { name, histogram in
                guard let p50 = histogram.quantile(0.5), let p99 = histogram.quantile(0.99),
                    let p999 = histogram.quantile(0.999)
                else { return nil }
                func milliseconds(_ microseconds: Int64) -> String { "\(microseconds / 1000).\(microseconds % 1000 / 100)" }
                return "\(name) to applied p50 \(milliseconds(p50)), p99 \(milliseconds(p99)), p99.9 \(milliseconds(p999)) ms"
            }
            .joined(separator: ", ")
    }
}

/// One turn's records on their way through the shard threads; the last thread to be done with them counts them.
final class TurnTiming: Sendable {
    /// Records in a row that have the same time stamp, in microseconds; 0 where they have none.
    typealias Stamps = [(stamp: Int64, count: Int)]

    private let receivedAt: Int64
    private let recordCount: Int
    private let stamps: Stamps
    private let threadsUnderWay: Atomic<Int>

    /// - Parameter receivedAt: monotonic microseconds.
    init(receivedAt: Int64, _ records: RecordBatch, threadCount: Int) {
        self.receivedAt = receivedAt
        recordCount = records.count
        threadsUnderWay = Atomic(threadCount)
        var stamps: Stamps = []
        for row in 0..<records.count {
            let stamp = records.timestamps[row]
            if stamps.last?.stamp == stamp {
                stamps[stamps.count - 1].count += 1
            } else {
                stamps.append((stamp, 1))
            }
        }
        self.stamps = stamps
    }

    /// A thread has applied its part.
    func threadIsDone(_ latencies: Latencies) {
        guard threadsUnderWay.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        let monotonic = Clock.monotonic()
        let wall = Clock.now().microseconds
        latencies.update { latency in
            latency.fromReceipt.add(monotonic - receivedAt, weight: recordCount)
            for (stamp, count) in stamps where stamp > 0 { latency.fromStamp.add(wall - stamp, weight: count) }
        }
    }
}

/// What the shard threads of a live run have counted.
final class Latencies: @unchecked Sendable {
    private let monitor = Monitor()
    private var latency = RunLatency()

    var current: RunLatency { monitor.locked { latency } }
    fileprivate func update(_ body: (inout RunLatency) -> Void) { monitor.locked { body(&latency) } }
}
