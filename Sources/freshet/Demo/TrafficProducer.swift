import Kafka
import Records
import Synchronization
import Worker

/// Produces traffic to a topic at a steady rate, on a thread of its own, and never so far ahead of the worker that the
/// embedded broker, which keeps little, would drop what is still to be read.
final class TrafficProducer: Sendable {
    /// Records of all partitions that may wait for the worker: the broker keeps about 25,000 of each.
    private static let waitingMax = 20_000

    private struct State {
        var thread: WorkThread?
        var failure: KafkaError?
    }

    let ledger: TrafficLedger
    private let state = Mutex(State())
    private let isStopping = Atomic<Bool>(false)

    init(ledger: TrafficLedger) { self.ledger = ledger }

    /// - Parameters:
    ///   - rate: records a second.
    ///   - status: how far the worker is.
    func start(_ traffic: CardTraffic, brokers: String, topic: String, partitions: Int, rate: Int, status: RunStatus) throws {
        let producer = try KafkaProducer(KafkaConfiguration(brokers: brokers)) { _, _ in }
        let thread = WorkThread { [self] in
            do throws(KafkaError) {
                try produce(traffic, producer, topic, partitions: partitions, rate: rate, status)
                try producer.flush(timeout: .seconds(30))
            } catch {
                state.withLock { $0.failure = error }
            }
        }
        state.withLock { $0.thread = thread }
    }

    /// Waits until all that was produced is with the broker.
    func stop() throws {
        isStopping.store(true, ordering: .relaxed)
        state.withLock { state in
            defer { state.thread = nil }
            return state.thread
        }?.join()
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    var hasFailed: Bool { state.withLock { $0.failure != nil } }

    private func produce(
        _ traffic: CardTraffic, _ producer: KafkaProducer, _ topic: String, partitions: Int, rate: Int, _ status: RunStatus
    ) throws(KafkaError) {
        var traffic = traffic
        var value: [UInt8] = []
        var due = 0.0
        var last = Clock.monotonic()
        while !isStopping.load(ordering: .relaxed) {
            let now = Clock.monotonic()
            // A pause is made up for by a second's worth at the most, so that the rate stays steady.
            due = min(due + Double(now - last) / 1e6 * Double(rate), Double(rate))
            last = now
            while due >= 1 && ledger.produced - Int(status.figures.records) < TrafficProducer.waitingMax {
                // The worker's figures are behind a lock: look at them once for many records.
                for _ in 0..<min(Int(due), 500) {
                    due -= 1
                    let event = traffic.next()
                    let partition = event.partition(of: partitions)
                    value.removeAll(keepingCapacity: true)
                    event.appendJSON(to: &value)
                    ledger.append(event, partition: Int(partition))
                    try send(event, value, partition, topic, producer)
                }
            }
            Pause.milliseconds(2)
        }
    }

    private func send(
        _ event: TrafficEvent, _ value: [UInt8], _ partition: Int32, _ topic: String, _ producer: KafkaProducer
    ) throws(KafkaError) {
        var key = event.customerID
        var failure: KafkaError?
        key.withUTF8 { key in
            unsafe value.withUnsafeBytes { value in
                do throws(KafkaError) {
                    unsafe try producer.send(
                        to: topic, partition: partition, key: UnsafeRawBufferPointer(key), value: value,
                        timestampMilliseconds: event.arrival)
                } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }
}
