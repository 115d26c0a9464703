import Pipelines
import Records

extension ExpressionEvaluator {
    /// Numbers, bools and timestamps; texts have their own.
    func compare(_ comparison: Comparison, _ a: Column, _ b: Column, into out: Column, count: Int) {
        switch (a.type, b.type) {
        case (.double, .double):
            compare(comparison, a, b, into: out, count: count) { order(double($0), double($1)) }
        case (.double, _):
            let power = powerOfTen(b.type.scale)
            compare(comparison, a, b, into: out, count: count) { order(double($0), $1, power: power) }
        case (_, .double):
            let power = powerOfTen(a.type.scale)
            compare(comparison, a, b, into: out, count: count) { -order(double($1), $0, power: power) }
        default:
            if a.type.scale == b.type.scale {
                compare(comparison, a, b, into: out, count: count) { order($0, $1) }
                return
            }
            let powerA = Int128(powerOfTen(max(0, b.type.scale - a.type.scale)))
            let powerB = Int128(powerOfTen(max(0, a.type.scale - b.type.scale)))
            compare(comparison, a, b, into: out, count: count) { a, b in
                let (a, b) = (Int128(a) * powerA, Int128(b) * powerB)
                return a < b ? -1 : a > b ? 1 : 0
            }
        }
    }

    @inline(__always)
    func compare(
        _ comparison: Comparison, _ a: Column, _ b: Column, into out: Column, count: Int, _ order: (Int64, Int64) -> Int
    ) {
        switch comparison {
        case .equal: forEachRow(a, b, into: out, count: count) { (order($0, $1) == 0 ? 1 : 0, true) }
        case .notEqual: forEachRow(a, b, into: out, count: count) { (order($0, $1) != 0 ? 1 : 0, true) }
        case .less: forEachRow(a, b, into: out, count: count) { (order($0, $1) < 0 ? 1 : 0, true) }
        case .lessOrEqual: forEachRow(a, b, into: out, count: count) { (order($0, $1) <= 0 ? 1 : 0, true) }
        case .greater: forEachRow(a, b, into: out, count: count) { (order($0, $1) > 0 ? 1 : 0, true) }
        case .greaterOrEqual: forEachRow(a, b, into: out, count: count) { (order($0, $1) >= 0 ? 1 : 0, true) }
        }
    }

    /// The least of the parts, or the greatest; nulls are passed over.
    func extreme(_ parts: [Int], greatest: Bool, into out: Column, count: Int) {
        if out.type == .double {
            extreme(parts, greatest, into: out, count: count) { order(double($0), double($1)) }
        } else {
            extreme(parts, greatest, into: out, count: count) { order($0, $1) }
        }
    }

    @inline(__always)
    func extreme(_ parts: [Int], _ greatest: Bool, into out: Column, count: Int, _ order: (Int64, Int64) -> Int) {
        copy(columns[parts[0]], into: out, count: count)
        let sign = greatest ? -1 : 1
        for part in parts.dropFirst() {
            let column = columns[part]
            for i in 0..<count where column.valid[i] == 1 {
                if out.valid[i] == 1, order(column.words[i], out.words[i]) * sign >= 0 { continue }
                out.words[i] = column.words[i]
                out.valid[i] = 1
            }
        }
    }

    func isAmong(_ a: Column, _ set: WordSet, into out: Column, count: Int) {
        if a.type == .double {
            // Zero is one number, however it is signed.
            forEachRow(a, into: out, count: count) {
                (set.contains(Int64(bitPattern: (double($0) + 0).bitPattern)) ? 1 : 0, true)
            }
        } else {
            forEachRow(a, into: out, count: count) { (set.contains($0) ? 1 : 0, true) }
        }
    }
}
