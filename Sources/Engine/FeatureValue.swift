public import Records

/// A value as a reader gets it.
public enum FeatureValue: Hashable, Sendable {
    case null
    case int64(Int64)
    case double(Double)
    case bool(Bool)
    case string(String)
    case timestamp(EventTime)

    /// Row `row` of a column whose texts lie in `texts`.
    public init(_ column: Column, row: Int, texts: borrowing TextArena) {
        let word = column.words[row]
        guard column.valid[row] != 0 else {
            self = .null
            return
        }
        switch column.type {
        case .int64: self = .int64(word)
        case .double: self = .double(Double(bitPattern: UInt64(bitPattern: word)))
        case .bool: self = .bool(word != 0)
        case .string: self = .string(texts.string(TextReference(word: word)))
        case .timestamp: self = .timestamp(EventTime(microseconds: word))
        case .decimal: preconditionFailure("no value is a decimal: they are finished as doubles")
        }
    }
}

/// All values of one entity of a view at an instant.
public struct FeatureValues: Sendable {
    public var at: EventTime
    /// In the order of the view's values.
    public var values: [(name: String, value: FeatureValue)]

    public init(at: EventTime, values: [(name: String, value: FeatureValue)]) {
        self.at = at
        self.values = values
    }
}
