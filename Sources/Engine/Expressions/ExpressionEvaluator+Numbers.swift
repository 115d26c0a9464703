import Pipelines
import Records

extension ExpressionEvaluator {
    func arithmetic(_ operation: Arithmetic, _ a: Column, _ b: Column, into out: Column, count: Int) {
        if a.type == .double {
            doubleArithmetic(operation, a, b, into: out, count: count)
        } else if operation == .divide {
            divide(a, b, into: out, count: count)
        } else if operation == .multiply || a.type.scale == b.type.scale {
            sameScale(operation, a, b, into: out, count: count)
        } else {
            mixedScale(operation, a, b, into: out, count: count)
        }
    }

    private func doubleArithmetic(_ operation: Arithmetic, _ a: Column, _ b: Column, into out: Column, count: Int) {
        switch operation {
        case .add: forEachRow(a, b, into: out, count: count) { result(double($0) + double($1)) }
        case .subtract: forEachRow(a, b, into: out, count: count) { result(double($0) - double($1)) }
        case .multiply: forEachRow(a, b, into: out, count: count) { result(double($0) * double($1)) }
        // By zero: infinite or NaN, so null.
        case .divide: forEachRow(a, b, into: out, count: count) { result(double($0) / double($1)) }
        case .remainder:
            forEachRow(a, b, into: out, count: count) { result(double($0).truncatingRemainder(dividingBy: double($1))) }
        }
    }

    private func divide(_ a: Column, _ b: Column, into out: Column, count: Int) {
        // a / 10^sa over b / 10^sb: only the side with fewer digits is scaled, below 2^123.
        let powerA = Int128(powerOfTen(max(0, b.type.scale - a.type.scale)))
        let powerB = Int128(powerOfTen(max(0, a.type.scale - b.type.scale)))
        forEachRow(a, b, into: out, count: count) { a, b in
            b == 0 ? (0, false) : result(nearestQuotient(Int128(a) * powerA, Int128(b) * powerB))
        }
    }

    private func sameScale(_ operation: Arithmetic, _ a: Column, _ b: Column, into out: Column, count: Int) {
        switch operation {
        case .add: forEachRow(a, b, into: out, count: count) { result($0.addingReportingOverflow($1)) }
        case .subtract: forEachRow(a, b, into: out, count: count) { result($0.subtractingReportingOverflow($1)) }
        case .multiply: forEachRow(a, b, into: out, count: count) { result($0.multipliedReportingOverflow(by: $1)) }
        case .remainder, .divide:
            forEachRow(a, b, into: out, count: count) { a, b in
                // By -1 the quotient of the most negative number would overflow; the remainder is 0.
                b == 0 ? (0, false) : b == -1 ? (0, true) : (a % b, true)
            }
        }
    }

    private func mixedScale(_ operation: Arithmetic, _ a: Column, _ b: Column, into out: Column, count: Int) {
        let powerA = Int128(powerOfTen(max(0, b.type.scale - a.type.scale)))
        let powerB = Int128(powerOfTen(max(0, a.type.scale - b.type.scale)))
        switch operation {
        case .add: forEachRow(a, b, into: out, count: count) { result(Int128($0) * powerA + Int128($1) * powerB) }
        case .subtract: forEachRow(a, b, into: out, count: count) { result(Int128($0) * powerA - Int128($1) * powerB) }
        case .remainder, .multiply, .divide:
            forEachRow(a, b, into: out, count: count) { a, b in
                b == 0 ? (0, false) : result((Int128(a) * powerA) % (Int128(b) * powerB))
            }
        }
    }

    func negate(_ a: Column, into out: Column, count: Int) {
        if a.type == .double {
            forEachRow(a, into: out, count: count) { result(-double($0)) }
        } else {
            forEachRow(a, into: out, count: count) { result(Int64(0).subtractingReportingOverflow($0)) }
        }
    }

    func convert(_ a: Column, into out: Column, count: Int) {
        let power = powerOfTen(abs(out.type.scale - a.type.scale))
        if out.type == .double {
            forEachRow(a, into: out, count: count) { result(nearestDouble($0, power: power)) }
        } else {
            forEachRow(a, into: out, count: count) { result($0.multipliedReportingOverflow(by: power)) }
        }
    }

    func absolute(_ a: Column, into out: Column, count: Int) {
        if a.type == .double {
            forEachRow(a, into: out, count: count) { result(double($0).magnitude) }
        } else {
            forEachRow(a, into: out, count: count) { $0 < 0 ? result(Int64(0).subtractingReportingOverflow($0)) : ($0, true) }
        }
    }

    func round(_ a: Column, digits: Int, into out: Column, count: Int) {
        switch a.type {
        case .double:
            let power = powerOfTen(digits)
            forEachRow(a, into: out, count: count) { result(rounded(double($0), digits: digits, power: power)) }
        case .decimal(let scale) where digits < scale:
            let power = powerOfTen(scale - digits)
            forEachRow(a, into: out, count: count) { a in
                let (quotient, remainder) = a.quotientAndRemainder(dividingBy: power)
                return (remainder.magnitude * 2 >= power.magnitude ? quotient + a.signum() : quotient, true)
            }
        case .decimal:
            convert(a, into: out, count: count)
        default:
            forEachRow(a, into: out, count: count) { ($0, true) }
        }
    }

    /// Towards negative infinity, or for `ceil` towards positive.
    func floor(_ a: Column, upwards: Bool, into out: Column, count: Int) {
        if a.type == .double {
            let rule: FloatingPointRoundingRule = upwards ? .up : .down
            forEachRow(a, into: out, count: count) { result(double($0).rounded(rule)) }
            return
        }
        let power = powerOfTen(a.type.scale)
        forEachRow(a, into: out, count: count) { a in
            let (quotient, remainder) = a.quotientAndRemainder(dividingBy: power)
            return (upwards ? quotient + (remainder > 0 ? 1 : 0) : quotient - (remainder < 0 ? 1 : 0), true)
        }
    }

    func hour(_ a: Column, into out: Column, count: Int) {
        forEachRow(a, into: out, count: count) { (floorDivided($0, by: 3_600_000_000).remainder(24), true) }
    }

    func dayOfWeek(_ a: Column, into out: Column, count: Int) {
        // The epoch began on a Thursday, ISO's fourth day.
        forEachRow(a, into: out, count: count) { ((floorDivided($0, by: 86_400_000_000) + 3).remainder(7) + 1, true) }
    }
}

/// Towards negative infinity. Requires: the divisor is positive.
@inline(__always)
private func floorDivided(_ a: Int64, by b: Int64) -> Int64 {
    let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
    return remainder < 0 ? quotient - 1 : quotient
}

extension Int64 {
    /// Between 0 and `divisor`, also of a negative number.
    @inline(__always)
    fileprivate func remainder(_ divisor: Int64) -> Int64 {
        let remainder = self % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}
