import Records

/// What a record means for a source's fields, read slowly: a row of values, or the reason against it.
enum SlowRow: Equatable, CustomStringConvertible {
    case row([String])
    case rejected(RejectionReason)

    var description: String {
        switch self {
        case .row(let values): "\(values)"
        case .rejected(let reason): reason.rawValue
        }
    }

    static func read(_ bytes: [UInt8], _ fields: [RecordField], eventTime: Int) -> SlowRow {
        guard let tree = SlowJSON.read(bytes), case .object = tree else { return .rejected(.malformed) }
        var row: [String] = []
        for (index, field) in fields.enumerated() {
            switch slowValue(tree, field) {
            case .success(.some(let value)): row.append(field.stored ? value : "not stored")
            case .success(nil):
                guard field.optional, index != eventTime else { return .rejected(.missingField) }
                row.append(field.stored ? "null" : "not stored")
            case .failure(let rejection): return .rejected(rejection.reason)
            }
        }
        return .row(row)
    }
}

private func slowValue(_ tree: SlowJSON, _ field: RecordField) -> Result<String?, Rejection> {
    let wrong = Result<String?, Rejection>.failure(Rejection(.wrongType, ""))
    var value = tree
    for key in field.name.split(separator: ".") {
        if value == .null { return .success(nil) }
        guard case .object = value else { return wrong }
        guard let inner = value[String(key)] else { return .success(nil) }
        value = inner
    }
    switch (field.type, value) {
    case (_, .null): return .success(nil)
    case (.string, .string(let text)): return .success(text)
    case (.bool, .bool(let bool)): return .success("\(bool)")
    case (.int64, .number(let text)): return slowFixed(text, shift: 0, exact: true)
    case (.decimal(let scale), .number(let text)): return slowFixed(text, shift: scale, exact: false)
    case (.decimal(let scale), .string(let text)):
        guard case .number(text) = SlowJSON.read(Array(text.utf8)), !text.contains(where: \.isWhitespace) else { return wrong }
        return slowFixed(text, shift: scale, exact: false)
    case (.double, .number(let text)):
        let double = Double(text)!
        return double.isFinite ? .success("\(double)") : .failure(Rejection(.outOfRange, ""))
    case (.timestamp, .number(let text)) where field.unit != .rfc3339:
        return slowFixed(text, shift: [.seconds: 6, .milliseconds: 3, .microseconds: 0][field.unit]!, exact: false)
    case (.timestamp, .string(let text)) where field.unit == .rfc3339:
        return slowInstant(text).map { .success("\($0)") } ?? wrong
    default: return wrong
    }
}

/// A number's text times 10^shift as an integer, by moving the point in a row of digits.
func slowFixed(_ text: String, shift: Int, exact: Bool) -> Result<String?, Rejection> {
    let parts = text.lowercased().split(separator: "e", omittingEmptySubsequences: false)
    let mantissa = parts[0].drop { $0 == "-" }.split(separator: ".")
    var digits = Array(mantissa.joined())
    guard digits.contains(where: { $0 != "0" }) else { return .success("0") }
    let outOfRange = Result<String?, Rejection>.failure(Rejection(.outOfRange, ""))
    let wrongType = Result<String?, Rejection>.failure(Rejection(.wrongType, ""))
    let zero = exact ? wrongType : .success("0")
    let exponent = parts.count == 1 ? 0 : Int(parts[1]) ?? (parts[1].hasPrefix("-") ? -1_000_000 : 1_000_000)
    var point = mantissa[0].count + max(-1_000_000, min(1_000_000, exponent)) + shift
    if point > 10_000 { return outOfRange }
    if point < -10_000 { return zero }
    while point < 0 {
        digits.insert("0", at: 0)
        point += 1
    }
    while point > digits.count { digits.append("0") }
    let rest = digits[point...]
    if exact, rest.contains(where: { $0 != "0" }) { return wrongType }
    var whole = digits[..<point].drop { $0 == "0" }.map { $0.wholeNumberValue! }
    if let first = rest.first, first >= "5" {
        var i = whole.count - 1
        while i >= 0, whole[i] == 9 {
            whole[i] = 0
            i -= 1
        }
        if i >= 0 { whole[i] += 1 } else { whole.insert(1, at: 0) }
    }
    if whole.isEmpty { return .success("0") }
    guard let value = Int64((text.hasPrefix("-") ? "-" : "") + whole.map(String.init).joined()) else { return outOfRange }
    return .success("\(value)")
}

/// Microseconds of an RFC 3339 text, by a pattern and by counting years and months one by one.
func slowInstant(_ text: String) -> Int64? {
    let pattern =
        /([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}(:[0-9]{2})?)?/
    guard text.utf8.allSatisfy({ $0 < 0x80 }), let match = text.wholeMatch(of: pattern) else { return nil }
    let n = [match.1, match.2, match.3, match.4, match.5, match.6].map { Int64($0)! }
    guard n[0] >= 1, 1...12 ~= n[1], n[2] >= 1, n[2] <= slowDays(n[0], n[1]), n[3] < 24, n[4] < 60, n[5] <= 60 else { return nil }
    var days: Int64 = 0
    for year in min(n[0], 1970)..<max(n[0], 1970) { days += (n[0] < 1970 ? -1 : 1) * (slowDays(year, 2) == 29 ? 366 : 365) }
    for month in 1..<n[1] { days += slowDays(n[0], month) }
    days += n[2] - 1
    var minutes: Int64 = 0
    if let offset = match.8, offset.count > 1 {
        let parts = offset.dropFirst().split(separator: ":").map { Int64($0)! }
        guard parts[0] < 24, parts.count == 1 || parts[1] < 60 else { return nil }
        minutes = (parts[0] * 60 + (parts.count == 2 ? parts[1] : 0)) * (offset.hasPrefix("-") ? -1 : 1)
    }
    let seconds = days * 86400 + n[3] * 3600 + n[4] * 60 + n[5] - minutes * 60
    if n[5] == 60 { return seconds % 86400 == 0 ? seconds * 1_000_000 : nil }
    let fraction = match.7.map { Array($0.dropFirst()) } ?? []
    let six = Int64(String((fraction + Array(repeating: "0", count: 6)).prefix(6)))!
    return seconds * 1_000_000 + six + (fraction.count > 6 && fraction[6] >= "5" ? 1 : 0)
}

func slowDays(_ year: Int64, _ month: Int64) -> Int64 {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
}
