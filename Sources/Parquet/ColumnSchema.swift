/// What a column holds, as its readers see it.
public enum ColumnType: Hashable, Sendable {
    /// UTF-8.
    case string
    case int32
    case int64
    case double
    case bool
    /// Days since 1970-01-01.
    case date
    /// Time since 1970-01-01T00:00:00; an instant if `isUTC`, else what a clock on some wall shows.
    case timestamp(TimestampUnit, isUTC: Bool)
    /// The unscaled number. Requires: 1 ≤ digits ≤ 38, 0 ≤ scale ≤ digits, and at most so many digits in every value.
    case decimal(digits: Int, scale: Int)

    public static let timestampMicrosUTC = ColumnType.timestamp(.microseconds, isUTC: true)

    /// As many digits as one word holds.
    public static func decimal(scale: Int) -> ColumnType { .decimal(digits: narrowDigits, scale: scale) }

    /// Whether a value is an Int128 in two words: a decimal of more than 18 digits.
    public var isWide: Bool {
        if case .decimal(let digits, _) = self { digits > ColumnType.narrowDigits } else { false }
    }
}

extension ColumnType {
    /// For a message.
    public var text: String {
        switch self {
        case .decimal(let digits, let scale): "decimal(\(digits), \(scale))"
        case .timestamp(let unit, let isUTC): "timestamp in \(unit)\(isUTC ? ", UTC" : "")"
        default: "\(self)"
        }
    }
}

public enum TimestampUnit: Hashable, Sendable {
    case milliseconds, microseconds, nanoseconds

    /// A time of this unit in microseconds, rounded down; nil beyond Int64.
    public func microseconds(_ time: Int64) -> Int64? {
        switch self {
        case .milliseconds:
            let (result, overflow) = time.multipliedReportingOverflow(by: 1000)
            return overflow ? nil : result
        case .microseconds: return time
        case .nanoseconds:
            let (quotient, remainder) = time.quotientAndRemainder(dividingBy: 1000)
            return remainder < 0 ? quotient - 1 : quotient
        }
    }
}

/// A column of a flat table.
public struct ColumnSchema: Hashable, Sendable {
    public var name: String
    public var type: ColumnType
    public var nullable: Bool

    public init(name: String, type: ColumnType, nullable: Bool) {
        self.name = name
        self.type = type
        self.nullable = nullable
    }
}

/// Borrowed memory with the values of one column of a row group; it has to stay in place until `FileWriter.write` returns.
///
/// | type | word |
/// |---|---|
/// | int64, timestamp, decimal up to 18 digits | the number |
/// | int32, date | the number, sign-extended |
/// | decimal of more digits | the lower 64 bits of an Int128, whose upper ones are in `high` |
/// | double | its bit pattern |
/// | bool | 0 or 1 |
/// | string | offset of its first byte in `text` in the upper, length in bytes in the lower 32 bits |
@safe
public struct ColumnData {
    let words: UnsafePointer<Int64>
    let high: UnsafePointer<Int64>?
    let valid: UnsafePointer<UInt8>?
    let text: UnsafeRawBufferPointer?

    /// `words`: one a row, those of null rows are not looked at. `valid`: 1 where the row has a value, 0 where it is null;
    /// nil if no row is null. `text`: the bytes of a string column, nil for all others. `high`: one a row in columns whose type
    /// is wide, nil for all others.
    public init(
        words: UnsafePointer<Int64>, valid: UnsafePointer<UInt8>?, text: UnsafeRawBufferPointer?,
        high: UnsafePointer<Int64>? = nil
    ) {
        unsafe self.words = words
        unsafe self.high = high
        unsafe self.valid = valid
        unsafe self.text = text
    }
}

/// `Type` of parquet.thrift.
enum PhysicalType: Int32 {
    case boolean = 0
    case int32 = 1
    case int64 = 2
    case int96 = 3
    case float = 4
    case double = 5
    case byteArray = 6
    case fixedByteArray = 7
}

extension ColumnType {
    var physical: PhysicalType {
        switch self {
        case .string: .byteArray
        case .int32, .date: .int32
        case .decimal where isWide: .fixedByteArray
        case .int64, .timestamp, .decimal: .int64
        case .double: .double
        case .bool: .boolean
        }
    }

    /// `ConvertedType` of parquet.thrift, for readers older than logical types.
    var converted: Int32? {
        switch self {
        case .string: 0
        case .decimal: 5
        case .date: 6
        case .timestamp(.milliseconds, isUTC: true): 9
        case .timestamp(.microseconds, isUTC: true): 10
        case .int32, .int64, .double, .bool, .timestamp: nil
        }
    }

    static let narrowDigits = 18
    static let digitsMax = 38
    /// Bytes of a wide decimal in a file.
    static let wideBytes = 16

    /// The least number of more than `digits` digits. Requires: at most 38 digits.
    static func decimalLimit(_ digits: Int) -> Int128 { (0..<digits).reduce(1) { limit, _ in limit * 10 } }
}
