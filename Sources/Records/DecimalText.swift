internal import CSimdJSON

/// The number that a text writes in JSON's grammar (`12.5`, `-3`, `1e3`), as an `Int64` count of 10^-scale, `0 <= scale <= 18`.
///
/// Further digits are rounded half away from zero. A text that is no number is `wrongType`, one beyond `Int64` `outOfRange`.
public func parseDecimal(_ bytes: UnsafeRawBufferPointer, scale: Int) -> Result<Int64, Rejection> {
    var value: Int64 = 0
    let outcome =
        if let base = bytes.baseAddress {
            unsafe json_parse_decimal(base.assumingMemoryBound(to: UInt8.self), bytes.count, Int32(scale), &value)
        } else {
            JSONOutcome.wrongType
        }
    switch outcome {
    case .decoded: return .success(value)
    case .outOfRange:
        return .failure(Rejection(.outOfRange, unsafe "\(excerpt(bytes[...])) is out of the range of decimal(\(scale))"))
    default: return .failure(Rejection(.wrongType, unsafe "expected decimal(\(scale)), found \"\(excerpt(bytes[...]))\""))
    }
}

public func parseDecimal(_ text: some StringProtocol, scale: Int) -> Result<Int64, Rejection> {
    var text = String(text)
    return text.withUTF8 { unsafe parseDecimal(UnsafeRawBufferPointer($0), scale: scale) }
}

/// A count of 10^-from as one of 10^-to, the further digits rounded half away from zero; nil if `Int64` does not hold it.
///
/// Requires: neither scale is negative.
public func rescaleDecimal(_ number: Int128, from: Int, to: Int) -> Int64? {
    var number = number
    if to >= from {
        for _ in from..<to where number != 0 {
            let (next, overflow) = number.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            number = next
        }
        return Int64(exactly: number)
    }
    var last: Int128 = 0
    for _ in to..<from { (number, last) = number.quotientAndRemainder(dividingBy: 10) }
    // The digit behind the last one decides: what is below it can no more make a half of less than one.
    if last.magnitude >= 5 { number += last < 0 ? -1 : 1 }
    return Int64(exactly: number)
}
