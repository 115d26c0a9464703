import Records
import Worker

extension RunSummary {
    /// What came of the run, line by line.
    var text: String {
        var lines: [String] = []
        for source in sources {
            let rejected = RejectionReason.allCases.filter { source.rejected($0) > 0 }
                .map { ", \(source.rejected($0)) \($0.rawValue)" }.joined()
            let late = source.lateApplied > 0 ? ", \(source.lateApplied) of them late" : ""
            lines.append("source \(source.name): \(source.applied) events applied\(late)\(rejected)")
        }
        for view in views {
            let checksum = view.checksum.map { ", checksum \(hexadecimal($0))" } ?? ""
            let corrected = view.corrected > 0 ? ", \(view.corrected) corrections" : ""
            lines.append("view \(view.name): \(view.rows) rows\(corrected)\(checksum)")
            if view.missed > 0 {
                lines.append(
                    "view \(view.name): \(view.missed) late events have no row, and not all rows that count them were corrected: events that those need had left the state"
                )
            }
        }
        for (partition, offsets) in lost { lines.append("\(partition): \(offsets) offsets were gone before they were read") }
        if behind > 0 {
            lines.append(
                "\(behind) events came behind a view's watermark, as their partition had been idle or out_of_orderness was less: rows that were out do not count them, and theirs lack what had left the state"
            )
        }
        if !latency.text.isEmpty { lines.append(latency.text) }
        if overflows > 0 { lines.append("\(overflows) sums of int64 left its range and are null") }
        return lines.joined(separator: "\n")
    }

    /// Rate and cost: microseconds in.
    func speed(wall: Int64, cpu: Int64) -> String {
        let events = Double(sources.reduce(0) { $0 + $1.counters.reduce(0, +) })
        let seconds = Double(max(1, wall)) / 1e6
        let perMillion = events > 0 ? Double(cpu) / events : 0
        return "\(Int(events)) records in \(fixed(seconds, 2)) s: \(Int(events / seconds)) records/s,"
            + " \(fixed(perMillion, 3)) CPU seconds per million"
    }
}

func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// A number with so many digits behind the point.
func fixed(_ number: Double, _ digits: Int) -> String {
    guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int64((abs(number) * scale).rounded())
    let whole = scaled / Int64(scale)
    let fraction = String(scaled % Int64(scale))
    let sign = number < 0 && scaled > 0 ? "-" : ""
    return digits == 0
        ? "\(sign)\(whole)" : "\(sign)\(whole).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
}
