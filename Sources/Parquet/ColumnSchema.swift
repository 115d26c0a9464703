/// What a column holds, as its readers see it.
public enum ColumnType: Hashable, Sendable {
    /// UTF-8.
    case string
    case int32
    case int64
    case double
    case bool
    /// Microseconds since 1970-01-01T00:00:00Z.
    case timestampMicrosUTC
    /// `decimal(18, scale)`, stored as its unscaled Int64. Requires: 0 ≤ scale ≤ 18, and at most 18 digits in every value.
    case decimal(scale: Int)
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
/// | int64, timestamp, decimal | the number |
/// | int32 | the number, sign-extended |
/// | double | its bit pattern |
/// | bool | 0 or 1 |
/// | string | offset of its first byte in `text` in the upper, length in bytes in the lower 32 bits |
@safe
public struct ColumnData {
    let words: UnsafePointer<Int64>
    let valid: UnsafePointer<UInt8>?
    let text: UnsafeRawBufferPointer?

    /// `words`: one a row, those of null rows are not looked at. `valid`: 1 where the row has a value, 0 where it is null;
    /// nil if no row is null. `text`: the bytes of a string column, nil for all others.
    public init(words: UnsafePointer<Int64>, valid: UnsafePointer<UInt8>?, text: UnsafeRawBufferPointer?) {
        unsafe self.words = words
        unsafe self.valid = valid
        unsafe self.text = text
    }
}

/// `Type` of parquet.thrift.
enum PhysicalType: Int32 {
    case boolean = 0
    case int32 = 1
    case int64 = 2
    case double = 5
    case byteArray = 6
}

extension ColumnType {
    var physical: PhysicalType {
        switch self {
        case .string: .byteArray
        case .int32: .int32
        case .int64, .timestampMicrosUTC, .decimal: .int64
        case .double: .double
        case .bool: .boolean
        }
    }

    /// `ConvertedType` of parquet.thrift, for readers older than logical types.
    var converted: Int32? {
        switch self {
        case .string: 0
        case .decimal: 5
        case .timestampMicrosUTC: 10
        case .int32, .int64, .double, .bool: nil
        }
    }

    static let decimalDigits = 18
    /// The largest unscaled value of `decimalDigits` digits.
    static let decimalMax: Int64 = 999_999_999_999_999_999
}
