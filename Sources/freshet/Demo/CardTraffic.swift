/// Card payments as they look in life, endless, in the order of their arrival; a function of the settings alone.
///
/// Customers live at a place and pay at the terminals near it: each with an amount, a spread, a number of payments a day and a
/// time of day of their own. Some cards are stolen: for some days their amounts jump and their payments come in bursts. Some
/// terminals are tampered with: for some weeks every payment there is fraud. (After the simulator of "Reproducible Machine
/// Learning for Credit Card Fraud Detection", chapter 3, by Le Borgne and others.) Records arrive a little after their event
/// time, a few far too late, and a few are broken.
struct CardTraffic {
    struct Settings {
        var seed: UInt64 = 1
        /// Events of a day, on average: the number of customers follows from it.
        var eventsPerDay = 10_000
        /// How late a record may come without being set aside, in milliseconds.
        var outOfOrderness: Int64 = 5_000
        /// The midnight at which it begins, in milliseconds since 1970: 2025-01-01.
        var start: Int64 = 1_735_689_600_000
        /// Cards that are stolen on `burstDay` for everyone to watch.
        var watchedCards = 3
        var burstDay = 20
        var burstDays = 4
    }

    static let day: Int64 = 86_400_000
    private static let paymentsPerDay = 2.0

    let settings: Settings
    private var random: TrafficRandom
    private var customers: [Customer]
    private let terminals: [Terminal]
    private var tamperedUntil: [Int]
    /// The next day to be made up.
    private var nextDay = 0
    private var nextTransaction: Int64 = 0
    /// Events by arrival; those before `position` have left.
    private var arriving: [TrafficEvent] = []
    private var position = 0

    private struct Terminal {
        var x: Double
        var y: Double
    }

    private struct Customer {
        var meanAmount: Double
        var paymentsPerDay: Double
        /// Of the day, in milliseconds.
        var usualTime: Double
        var timeSpread: Double
        var terminals: [Int32]
        var stolenUntil = 0
        var isWatched = false
    }

    init(_ settings: Settings) {
        self.settings = settings
        var random = TrafficRandom(seed: settings.seed)
        let customerCount = max(settings.watchedCards + 5, Int(Double(settings.eventsPerDay) / CardTraffic.paymentsPerDay))
        let terminalCount = max(10, customerCount / 4)
        terminals = (0..<terminalCount).map { _ in Terminal(x: random.uniform(0, 100), y: random.uniform(0, 100)) }
        let grid = Neighbourhood(terminals.map { ($0.x, $0.y) })
        var customers = (0..<customerCount).map { _ in
            Customer(
                meanAmount: random.uniform(5, 100), paymentsPerDay: random.uniform(0, 2 * CardTraffic.paymentsPerDay),
                usualTime: random.uniform(8, 20) * 3_600_000, timeSpread: random.uniform(1, 5) * 3_600_000,
                terminals: grid.near(random.uniform(0, 100), random.uniform(0, 100), atMost: 40))
        }
        tamperedUntil = Array(repeating: 0, count: terminalCount)
        // Watched cards are those of people who pay about twice a day, so that a burst stands out.
        let ordinary = customers.indices.sorted {
            abs(customers[$0].paymentsPerDay - 2) < abs(customers[$1].paymentsPerDay - 2)
        }
        for index in ordinary.prefix(settings.watchedCards) { customers[index].isWatched = true }
        self.customers = customers
        self.random = random
    }

    var customerCount: Int { customers.count }
    var terminalCount: Int { terminals.count }
    /// The customers whose cards are stolen on `burstDay`.
    var watched: [Int32] { customers.indices.filter { customers[$0].isWatched }.map(Int32.init) }
    /// Event times of the watched cards' burst, in milliseconds since 1970.
    var burst: Range<Int64> {
        let start = settings.start + Int64(settings.burstDay) * CardTraffic.day
        return start..<start + Int64(settings.burstDays) * CardTraffic.day
    }

    /// The next record that arrives.
    mutating func next() -> TrafficEvent {
        // What arrives before the end of the last day made up can no longer be overtaken by an event of a day to come.
        while position == arriving.count || arriving[position].arrival >= settings.start + Int64(nextDay) * CardTraffic.day {
            arriving.removeFirst(position)
            position = 0
            makeDay()
        }
        defer { position += 1 }
        return arriving[position]
    }

    // MARK: - A day

    private mutating func makeDay() {
        let day = nextDay
        nextDay += 1
        // Per 5,000 customers three cards are stolen a day, and two terminals tampered with, as in the book.
        for _ in 0..<random.count(mean: min(8, Double(customers.count) * 0.0006)) {
            let card = random.below(customers.count)
            customers[card].stolenUntil = day + 3 + random.below(5)
        }
        for _ in 0..<random.count(mean: min(8, Double(terminals.count) * 0.0016)) {
            let terminal = random.below(terminals.count)
            tamperedUntil[terminal] = day + 10 + random.below(10)
        }
        if day == settings.burstDay {
            for index in customers.indices where customers[index].isWatched {
                customers[index].stolenUntil = day + settings.burstDays
            }
        }
        let first = arriving.count
        for index in customers.indices { pay(Int32(index), day) }
        // Numbers follow event time, as those of a bank would.
        arriving[first...].sort {
            ($0.time, $0.customer, $0.terminal, $0.amountCents) < ($1.time, $1.customer, $1.terminal, $1.amountCents)
        }
        for index in arriving.indices[first...] {
            arriving[index].transaction = nextTransaction
            nextTransaction += 1
            arriving[index] = travelled(arriving[index])
        }
        arriving.sort { ($0.arrival, $0.transaction) < ($1.arrival, $1.transaction) }
    }

    /// A customer's payments of a day, and those of whoever has stolen the card.
    private mutating func pay(_ index: Int32, _ day: Int) {
        let customer = customers[Int(index)]
        let midnight = settings.start + Int64(day) * CardTraffic.day
        for _ in 0..<random.count(mean: customer.paymentsPerDay) {
            var time = Int64(customer.usualTime + customer.timeSpread * random.normal())
            if time < 0 || time >= CardTraffic.day { time = Int64(random.below(Int(CardTraffic.day))) }
            var amount = customer.meanAmount * (1 + random.normal() / 2)
            if amount <= 0 { amount = random.uniform(0.01, 2 * customer.meanAmount) }
            let isRefund = random.happens(0.01)
            add(index, day, midnight + time, isRefund ? -amount : amount, isStolen: false)
        }
        guard day < customer.stolenUntil else { return }
        // A thief tries the card many times within minutes, then rests.
        for _ in 0..<(customer.isWatched ? 6 : 1 + random.below(3)) {
            var time = Int64(random.below(Int(CardTraffic.day - 3_600_000)))
            for _ in 0..<(customer.isWatched ? 10 : 2 + random.below(6)) {
                time += Int64(1_000 + random.below(240_000))
                add(index, day, midnight + time, customer.meanAmount * random.uniform(2, 6), isStolen: true)
            }
        }
    }

    private mutating func add(_ customer: Int32, _ day: Int, _ time: Int64, _ amount: Double, isStolen: Bool) {
        let near = customers[Int(customer)].terminals
        let terminal = isStolen ? Int32(random.below(terminals.count)) : near[random.below(near.count)]
        let cents = Int64((amount * 100).rounded())
        arriving.append(
            TrafficEvent(
                time: time, arrival: time, transaction: 0, amountCents: cents == 0 ? 1 : cents, customer: customer,
                terminal: terminal, isFraud: isStolen || day < tamperedUntil[Int(terminal)], defect: .none))
    }

    /// How a record fares on its way to the topic.
    private mutating func travelled(_ sent: TrafficEvent) -> TrafficEvent {
        var event = sent
        // Most need a moment, a few nearly all that is allowed, very few (a terminal was offline) far more.
        let allowed = Int(settings.outOfOrderness)
        switch random.unit() {
        case ..<0.001: event.arrival += Int64(allowed + random.below(1_200_000))
        case ..<0.2: event.arrival += Int64(random.below(max(1, allowed)))
        default: event.arrival += Int64(random.below(max(1, allowed / 10)))
        }
        switch random.unit() {
        case ..<0.0002: event.defect = .truncated
        case ..<0.0004: event.defect = .wrongType
        case ..<0.0006: event.defect = .missingField
        case ..<0.0007: event.defect = .outOfRange
        case ..<0.0008: event.defect = .ahead
        default: break
        }
        return event
    }
}

/// The terminals near a place, found by squares of a grid.
private struct Neighbourhood {
    private let places: [(x: Double, y: Double)]
    private var cells: [[Int32]]
    /// Squares along an edge: about ten places in each square.
    private let side: Int

    init(_ places: [(x: Double, y: Double)]) {
        self.places = places
        side = max(1, Int((Double(places.count) / 10).squareRoot()))
        cells = Array(repeating: [], count: side * side)
        for (index, place) in places.enumerated() { cells[cell(place.y) * side + cell(place.x)].append(Int32(index)) }
    }

    private func cell(_ coordinate: Double) -> Int { min(side - 1, Int(coordinate / 100 * Double(side))) }

    /// The nearest first; at least one.
    func near(_ x: Double, _ y: Double, atMost limit: Int) -> [Int32] {
        let (column, row) = (cell(x), cell(y))
        var reach = 1
        while true {
            var found: [Int32] = []
            for r in max(0, row - reach)...min(side - 1, row + reach) {
                for c in max(0, column - reach)...min(side - 1, column + reach) {
                    found += cells[r * side + c]
                }
            }
            // Fewer than a handful would make all of a customer's payments look alike.
            if found.count >= min(5, places.count) {
                let distances = found.map { (distance($0, x, y), $0) }.sorted { $0 < $1 }
                return distances.prefix(limit).map(\.1)
            }
            reach += 1
        }
    }

    private func distance(_ index: Int32, _ x: Double, _ y: Double) -> Double {
        let place = places[Int(index)]
        return (place.x - x) * (place.x - x) + (place.y - y) * (place.y - y)
    }
}
