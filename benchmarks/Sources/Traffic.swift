import Glibc

/// Seeded card transactions, a function of the shape alone: the same bytes on every run and every machine.
struct TrafficShape {
    var events = 400_000
    var customers = 5_000
    var terminals = 10_000
    /// What all events together span. With 5,000 customers and 1,750,000 events over 183 days, a window of 30 days holds 57
    /// events of a customer, as in the card data that the engine was first measured with.
    var days = 183.0
    /// How unevenly events spread over customers: the k-th has a share like 1 / k to this power; 0 is evenly.
    var zipf = 0.0
    /// Each event arrives up to so many milliseconds after its time.
    var disorder: Int64 = 0
    var seed: UInt64 = 1
}

/// One transaction. Times are milliseconds since 1970, all different.
struct Transaction {
    var number: Int
    var time: Int64
    var customer: Int
    var terminal: Int
    var cents: Int
    var isFraud: Bool

    /// One JSON object and a line feed.
    func append(to bytes: inout [UInt8]) {
        bytes += #"{"transaction_id":"#.utf8
        bytes.append(number: number)
        bytes += #","event_time":"#.utf8
        bytes.append(number: Int(time))
        bytes += #","customer_id":"c-"#.utf8
        bytes.append(number: customer)
        bytes += #"","terminal_id":"t-"#.utf8
        bytes.append(number: terminal)
        bytes += #"","amount":"#.utf8
        bytes.append(number: cents / 100)
        bytes += [0x2E, UInt8(0x30 + cents % 100 / 10), UInt8(0x30 + cents % 10)]
        bytes += isFraud ? #","fraud":1}"#.utf8 : #","fraud":0}"#.utf8
        bytes.append(0x0A)
    }
}

extension [UInt8] {
    /// Appends the decimal digits of a number that is not negative.
    fileprivate mutating func append(number: Int) {
        let first = count
        var rest = number
        repeat {
            append(UInt8(0x30 + rest % 10))
            rest /= 10
        } while rest > 0
        self[first...].reverse()
    }
}

/// The transactions of a shape in the order of their arrival.
struct Traffic: Sequence, IteratorProtocol {
    /// 2018-04-01, midnight.
    private static let start: Int64 = 1_522_540_800_000

    private let shape: TrafficShape
    private let spacing: Double
    private let zipf: Zipf?
    private var random: SplitMix
    private var made = 0
    /// Made and not arrived yet, the next to arrive last.
    private var travelling: [(arrival: Int64, transaction: Transaction)] = []
    /// Made, and not on its way yet.
    private var ahead: Transaction?

    init(_ shape: TrafficShape) {
        self.shape = shape
        spacing = shape.days * 86_400_000 / Double(shape.events)
        precondition(spacing >= 1, "times are different only if there is a millisecond for each")
        zipf = shape.zipf > 0 ? Zipf(count: shape.customers, exponent: shape.zipf) : nil
        random = SplitMix(state: shape.seed)
    }

    mutating func next() -> Transaction? {
        guard shape.disorder > 0 else { return make() }
        while true {
            if ahead == nil { ahead = make() }
            // Whatever arrives by the time of the next event to be made can no longer be overtaken by it.
            if let last = travelling.last, ahead.map({ last.arrival <= $0.time }) ?? true {
                travelling.removeLast()
                return last.transaction
            }
            guard let transaction = ahead else { return nil }
            ahead = nil
            let arrival = transaction.time + Int64(random.next(below: Int(shape.disorder) + 1))
            let place = travelling.firstIndex { $0.arrival <= arrival } ?? travelling.count
            travelling.insert((arrival, transaction), at: place)
        }
    }

    private mutating func make() -> Transaction? {
        guard made < shape.events else { return nil }
        defer { made += 1 }
        let begin = Int64(Double(made) * spacing)
        let end = Int64(Double(made + 1) * spacing)
        let time = Traffic.start + begin + Int64(random.next(below: Int(end - begin)))
        let customer = zipf?.next(&random) ?? random.next(below: shape.customers)
        // Around a mean of the customer's own, up to twice it.
        let mean = 500 + customer &* 7919 % 9_500
        return Transaction(
            number: made, time: time, customer: customer, terminal: random.next(below: shape.terminals),
            cents: 1 + random.next(below: 2 * mean), isFraud: random.next(below: 100) == 0)
    }
}

/// Numbers from 0 with probabilities like 1 / (k + 1)^exponent, by inverting the integral of the hull and rejecting what lies
/// above the bars (Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions").
struct Zipf {
    private let count: Double
    private let exponent: Double
    private let low: Double
    private let high: Double

    init(count: Int, exponent: Double) {
        self.count = Double(count)
        self.exponent = exponent
        low = Zipf.integral(0.5, exponent)
        high = Zipf.integral(Double(count) + 0.5, exponent)
    }

    func next(_ random: inout SplitMix) -> Int {
        while true {
            let area = low + random.nextUnit() * (high - low)
            let place = Zipf.inverse(area, exponent)
            let rank = min(max(1, place.rounded()), count)
            // The bar of `rank` ends at its middle's integral plus half a width; a point in the upper corner is drawn again.
            if area >= Zipf.integral(rank + 0.5, exponent) - pow(rank, -exponent) { return Int(rank) - 1 }
        }
    }

    private static func integral(_ x: Double, _ exponent: Double) -> Double {
        exponent == 1 ? log(x) : (pow(x, 1 - exponent) - 1) / (1 - exponent)
    }

    private static func inverse(_ area: Double, _ exponent: Double) -> Double {
        exponent == 1 ? exp(area) : pow(1 + area * (1 - exponent), 1 / (1 - exponent))
    }
}

/// Steele, Lea and Flood's generator.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    mutating func next(below bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

    /// From 0 to just below 1.
    mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
