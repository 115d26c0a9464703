/// A column of a file, that is a field of its schema's root.
public struct FileColumn: Hashable, Sendable {
    public let name: String
    public let nullable: Bool
    /// What it reads as; nil if it cannot be read.
    public let type: ColumnType?
    /// Why it cannot be read; nil if it can.
    public let obstacle: String?

    let form: StoredForm
    /// Which of the schema's leaves it is, and so which chunk of a row group.
    let leaf: Int

    /// The column as `FileWriter` takes it; nil if it cannot be read.
    public var schema: ColumnSchema? { type.map { ColumnSchema(name: name, type: $0, nullable: nullable) } }
}

/// How the stored values of a column become words.
enum StoredForm: Hashable {
    case boolean, int32, uint32, int64, uint64, float, double, int96, text, decimalText
    case decimalBytes(Int)

    /// Bytes of a value in PLAIN encoding, if all have as many and at least one.
    var width: Int? {
        switch self {
        case .boolean, .text, .decimalText: nil
        case .int32, .uint32, .float: 4
        case .int64, .uint64, .double: 8
        case .int96: 12
        case .decimalBytes(let count): count
        }
    }

    var physical: PhysicalType {
        switch self {
        case .boolean: .boolean
        case .int32, .uint32: .int32
        case .int64, .uint64: .int64
        case .float: .float
        case .double: .double
        case .int96: .int96
        case .text, .decimalText: .byteArray
        case .decimalBytes: .fixedByteArray
        }
    }
}

extension StoredTable {
    /// The fields of the root, and the number of leaves in all.
    func columns() throws(CorruptBytes) -> (columns: [FileColumn], leafCount: Int) {
        guard let root = elements.first else { throw CorruptBytes("no schema") }
        var columns: [FileColumn] = []
        var (next, leaf) = (1, 0)
        for _ in 0..<max(0, root.children) {
            guard next < elements.count else { throw CorruptBytes("the schema is cut off") }
            let field = elements[next]
            columns.append(field.column(leaf: leaf))
            // A field and all below it.
            var pending = 1
            while pending > 0 {
                guard next < elements.count, elements[next].children >= 0, pending <= elements.count else {
                    throw CorruptBytes("the schema is cut off")
                }
                pending += elements[next].children - 1
                if elements[next].isLeaf { leaf += 1 }
                next += 1
            }
        }
        guard next == elements.count else { throw CorruptBytes("the schema has more elements than its tree") }
        return (columns, leaf)
    }
}

extension StoredElement {
    var isLeaf: Bool { children == 0 && physical != nil }

    func column(leaf: Int) -> FileColumn {
        func column(_ type: ColumnType?, _ form: StoredForm, _ obstacle: String?) -> FileColumn {
            FileColumn(name: name, nullable: repetition != 0, type: type, obstacle: obstacle, form: form, leaf: leaf)
        }
        do throws(CorruptBytes) {
            guard repetition != 2 else { throw CorruptBytes("repeated values are not read") }
            guard repetition == 0 || repetition == 1 else { throw CorruptBytes("repetition \(repetition) is not known") }
            guard isLeaf else { throw CorruptBytes("nested values are not read") }
            let (type, form) = try type()
            return column(type, form, nil)
        } catch {
            return column(nil, .text, error.reason)
        }
    }

    private func type() throws(CorruptBytes) -> (ColumnType, StoredForm) {
        guard let physical = physical.flatMap(PhysicalType.init) else {
            throw CorruptBytes("a physical type of number \(physical ?? -1) is not read")
        }
        let logical = logical ?? convertedType
        switch (physical, logical) {
        case (.boolean, nil), (.boolean, .unknown): return (.bool, .boolean)
        case (.int32, nil), (.int32, .unknown), (.int32, .integer(_, isSigned: true)): return (.int32, .int32)
        case (.int32, .integer(let bits, isSigned: false)): return bits < 32 ? (.int32, .int32) : (.int64, .uint32)
        case (.int32, .date): return (.date, .int32)
        case (.int64, nil), (.int64, .unknown), (.int64, .integer(_, isSigned: true)): return (.int64, .int64)
        case (.int64, .integer(_, isSigned: false)): return (.int64, .uint64)
        case (.int64, .timestamp(let unit, let isUTC)): return (.timestamp(unit, isUTC: isUTC), .int64)
        // Days and nanoseconds without a word on what clock; readers take it for a wall's.
        case (.int96, nil): return (.timestamp(.nanoseconds, isUTC: false), .int96)
        case (.float, nil), (.float, .unknown): return (.double, .float)
        case (.double, nil), (.double, .unknown): return (.double, .double)
        case (.byteArray, nil), (.byteArray, .text), (.byteArray, .unknown): return (.string, .text)
        case (.int32, .decimal(let digits, let scale)): return (try decimal(digits, scale, 18), .int32)
        case (.int64, .decimal(let digits, let scale)): return (try decimal(digits, scale, 18), .int64)
        case (.byteArray, .decimal(let digits, let scale)): return (try decimal(digits, scale, 38), .decimalText)
        case (.fixedByteArray, .decimal(let digits, let scale)):
            guard 1...1024 ~= typeLength else { throw CorruptBytes("decimals of \(typeLength) bytes are not read") }
            return (try decimal(digits, scale, 38), .decimalBytes(typeLength))
        case (_, .other(let name)): throw CorruptBytes("a \(name) is not read")
        default: throw CorruptBytes("\(physical) as \(logical.map { "\($0)" } ?? "bytes") is not read")
        }
    }

    private func decimal(_ digits: Int, _ scale: Int, _ digitsMax: Int) throws(CorruptBytes) -> ColumnType {
        guard 1...digitsMax ~= digits, 0...digits ~= scale else {
            throw CorruptBytes("a decimal of \(digits) digits, \(scale) of them after the point, is not read")
        }
        return .decimal(digits: digits, scale: scale)
    }

    /// The older way to say a logical type.
    private var convertedType: LogicalType? {
        switch converted {
        case nil: nil
        case 0, 4, 19: .text
        case 5: .decimal(precision: precision, scale: scale)
        case 6: .date
        case 7, 8: .other("time of day")
        case 9: .timestamp(.milliseconds, isUTC: true)
        case 10: .timestamp(.microseconds, isUTC: true)
        case .some(let number) where 11...14 ~= number: .integer(bits: 8 << Int(number - 11), isSigned: false)
        case .some(let number) where 15...18 ~= number: .integer(bits: 8 << Int(number - 15), isSigned: true)
        case 20: .other("BSON")
        case 21: .other("interval")
        case .some(let number): .other("type of number \(number)")
        }
    }
}
