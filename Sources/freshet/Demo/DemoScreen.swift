import Engine
import Glibc
import Pipelines
import Records
import Worker

/// What the run looks like while it lasts: a table redrawn on a terminal, else a line a second.
final class DemoScreen {
    /// Values of a watched card that make a good picture, where a pipeline has them.
    private static let pictured = ["tx_count_1h", "tx_count_1d", "amount_avg_1d", "amount_avg_30d"]

    private let plan: Plan
    private let worker: Worker
    private let ledger: TrafficLedger
    private let watched: [String]
    private let burst: Range<Int64>
    private let seconds: Int
    private let pace: String
    private let isTerminal = isatty(1) == 1
    /// The view that shows the cards, and the positions of the values shown.
    private var view: String?
    private var shown: [Int] = []
    private var names: [String] = []
    private var drawnAt: Int64 = 0
    private var recordsThen: UInt64 = 0
    private var countedAt: Int64 = 0
    private var rate = 0
    private var hasDrawn = false

    init(
        _ plan: Plan, _ fields: [TrafficField], _ traffic: CardTraffic, _ worker: Worker, _ ledger: TrafficLedger, seconds: Int,
        daysPerSecond: Double
    ) {
        self.plan = plan
        self.worker = worker
        self.ledger = ledger
        self.seconds = seconds
        watched = traffic.watched.map { TrafficField.customer.text(Int64($0)) }
        burst = traffic.burst
        pace = "1 s shows \(fixed(daysPerSecond * 24, 1)) h of event time"
        if let cards = plan.views.first(where: { $0.entity.map { fields[$0] } == [.customer] }) {
            view = cards.name
            let names = cards.values.map(\.name)
            let pictured = DemoScreen.pictured.compactMap { names.firstIndex(of: $0) }
            shown = Array((pictured.count > 1 ? pictured : Array(names.indices)).prefix(4))
            self.names = shown.map { names[$0] }
        }
        if !isTerminal {
            standardOutput(
                "freshet demo: pipeline \(plan.pipeline), \(traffic.customerCount) customers, \(traffic.terminalCount) terminals,"
                    + " \(pace)")
            let times = [burst.lowerBound, burst.upperBound].map { EventTime(microseconds: $0 * 1_000).rfc3339() }
            standardOutput("cards \(watched.joined(separator: " ")) are stolen from \(times[0]) to \(times[1])")
        }
    }

    /// Draws when it is time to. `elapsed` in microseconds.
    func refresh(elapsed: Int64) {
        guard elapsed - drawnAt >= (isTerminal ? 250_000 : 1_000_000) else { return }
        drawnAt = elapsed
        draw(elapsed)
    }

    /// The last state of things stays on the screen.
    func end() { draw(drawnAt) }

    private func draw(_ elapsed: Int64) {
        let figures = worker.status.figures
        if elapsed - countedAt >= 1_000_000 {
            rate = Int(Double(figures.records - recordsThen) / Double(elapsed - countedAt) * 1e6)
            (recordsThen, countedAt) = (figures.records, elapsed)
        }
        let rejected = rejections(figures)
        let late = rejected.first { $0.reason == .late }?.count ?? 0
        let broken = rejected.filter { $0.reason != .late }
        let lag = max(0, ledger.produced - Int(figures.records))
        let isBurst = burst.contains(figures.newest.microseconds / 1_000)
        if isTerminal {
            drawTable(figures, elapsed, late: late, broken: broken, lag: lag, isBurst: isBurst)
        } else {
            let letters = broken.map { "\($0.count) \($0.reason.rawValue)" }.joined(separator: ", ")
            var line =
                "\(elapsed / 1_000_000) s  \(rate) events/s  lag \(lag)  watermark \(minute(figures.watermark))  rows \(figures.rows)"
                + "  late \(late)  dead letters \(letters.isEmpty ? "none" : letters)"
            for card in cards(figures).prefix(1) {
                line += "  |  \(card.name): " + zip(names, card.values).map { "\($0) \($1)" }.joined(separator: ", ")
            }
            standardOutput(line + (isBurst ? "  <- stolen" : ""))
        }
    }

    private func drawTable(
        _ figures: RunStatus.Figures, _ elapsed: Int64, late: UInt64, broken: [(reason: RejectionReason, count: UInt64)],
        lag: Int,
        isBurst: Bool
    ) {
        let letters = broken.map { "\($0.reason.rawValue) \($0.count)" }.joined(separator: "  ")
        var lines = [
            "\u{1B}[1mfreshet demo\u{1B}[0m  \(plan.pipeline)  \(min(elapsed / 1_000_000, Int64(seconds))) of \(seconds) s, \(pace)",
            "",
            "events/s      \(padded(rate))    lag      \(padded(lag))",
            "events        \(padded(Int(figures.records)))    rows     \(padded(figures.rows))",
            "late          \(padded(Int(late)))    newest     \(minute(figures.newest))",
            "dead letters  \(padded(Int(broken.reduce(0) { $0 + $1.count })))    watermark  \(minute(figures.watermark))",
            "              \(letters)",
            "",
        ]
        let cards = cards(figures)
        if !cards.isEmpty {
            lines.append("\u{1B}[1m" + left("card", 12) + names.map { right($0, 16) }.joined() + "\u{1B}[0m")
            for card in cards {
                let line = left(card.name, 12) + card.values.map { right($0, 16) }.joined()
                lines.append(isBurst ? "\u{1B}[31m\(line)\u{1B}[0m" : line)
            }
            lines.append(isBurst ? "\u{1B}[31m^ stolen: a thief goes shopping with these cards\u{1B}[0m" : "")
        }
        // Back to the first line of the table, then each line anew.
        let back = hasDrawn ? "\u{1B}[\(lines.count)A" : ""
        hasDrawn = true
        standardOutput(back + lines.map { "\r\u{1B}[K" + $0 }.joined(separator: "\n"))
    }

    private func rejections(_ figures: RunStatus.Figures) -> [(reason: RejectionReason, count: UInt64)] {
        guard let counters = figures.counters.first else { return [] }
        return zip(RejectionReason.allCases, counters.dropFirst()).filter { $0.1 > 0 }.map { (reason: $0.0, count: $0.1) }
    }

    /// The watched cards' values as of the newest event.
    private func cards(_ figures: RunStatus.Figures) -> [(name: String, values: [String])] {
        guard let view else { return [] }
        return watched.map { card in
            // A worker that is about to end answers no more; the run's own error says why.
            let values = figures.newest > .distantPast ? try? worker.read(view: view, key: [card], at: figures.newest) : nil
            return (card, shown.map { index in values.map { text($0.values[index].value) } ?? "-" })
        }
    }

    private func text(_ value: FeatureValue) -> String {
        switch value {
        case .null: "-"
        case .int64(let value): "\(value)"
        case .double(let value): fixed(value, 2)
        case .bool(let value): "\(value)"
        case .string(let value): value
        case .timestamp(let value): value.rfc3339()
        }
    }

    private func minute(_ time: EventTime) -> String {
        time == .distantPast ? "-" : String(time.rfc3339().prefix(16)).replacing("T", with: " ")
    }

    private func padded(_ number: Int) -> String { right("\(number)", 12) }
    private func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
    private func left(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
}
