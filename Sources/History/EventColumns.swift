internal import Parquet
internal import Pipelines
internal import Records

/// Where a Parquet file has what an archive holds of a source, and how its values become words of the source's fields.
struct EventColumns: Sendable {
    /// How a column's values become a field's words.
    enum Reading: Hashable, Sendable {
        case plain
        case text
        case double
        case doubleOfInteger
        /// From so many fraction digits to so many.
        case decimal(from: Int, to: Int)
        case timestamp(TimestampUnit)
        /// Times this number of microseconds.
        case number(Int64)
    }

    /// Of every field its place among `positions`; nil where the file does not have it.
    let fields: [(place: Int, reading: Reading)?]
    /// Places of `partition` and `offset`: both or neither.
    let origin: (partition: Int, offset: Int)?
    let timestamp: (place: Int, reading: Reading)?
    /// The columns to scan, as positions in the file.
    let positions: [Int]

    /// Finds the columns by their names; one that is missing or of another type is an error that names file and column.
    init(_ reader: TableReader, path: String, source: SourcePlan) throws(HistoryError) {
        var positions: [Int] = []
        func wrong(_ column: String, _ reason: String) -> HistoryError {
            HistoryError("cannot read \(path): column \(column): \(reason)", isInput: true)
        }
        func find(_ name: String) throws(HistoryError) -> FileColumn? {
            do throws(ParquetError) {
                guard let position = try reader.position(of: name) else { return nil }
                positions.append(position)
                return reader.columns[position]
            } catch {
                throw HistoryError(reading: error)
            }
        }
        func place(
            _ name: String, _ type: FieldType, _ unit: TimeUnit, optional: Bool
        ) throws(HistoryError) -> (place: Int, reading: Reading)? {
            guard let column = try find(name) else {
                if optional { return nil }
                throw wrong(name, "it is not there, and source \(source.name) requires it")
            }
            guard let stored = column.type else { throw wrong(name, column.obstacle ?? "it is not read") }
            guard let reading = Reading(stored, as: type, unit) else {
                throw wrong(name, "it holds \(stored.text), source \(source.name) has \(type) there")
            }
            return (positions.count - 1, reading)
        }
        var fields: [(place: Int, reading: Reading)?] = []
        for field in source.fields { fields.append(try place(field.name, field.type, field.unit, optional: field.optional)) }
        let partition = try place(Archive.partition, .int64, .rfc3339, optional: true)
        let offset = try place(Archive.offset, .int64, .rfc3339, optional: true)
        switch (partition, offset) {
        case (let partition?, let offset?): origin = (partition.place, offset.place)
        case (nil, nil): origin = nil
        case (nil, _): throw wrong(Archive.partition, "it is not there, but column \(Archive.offset) is")
        case (_, nil): throw wrong(Archive.offset, "it is not there, but column \(Archive.partition) is")
        }
        timestamp = try place(Archive.timestamp, .timestamp, .rfc3339, optional: true)
        self.fields = fields
        self.positions = positions
    }
}

extension EventColumns {
    static func open(_ path: String, source: SourcePlan) throws(HistoryError) -> (TableReader, EventColumns) {
        let reader: TableReader
        do throws(ParquetError) { reader = try TableReader(path: path) } catch { throw HistoryError(reading: error) }
        return (reader, try EventColumns(reader, path: path, source: source))
    }

    /// A row's partition; nil if it is none that a topic can have.
    static func partition(_ values: ColumnValues, _ row: Int) -> Int32? {
        guard !values.isNull(row), let partition = Int32(exactly: values.words[row]), partition >= 0 else { return nil }
        return partition
    }

    /// A row's offset; nil if it is none that a topic can have.
    static func offset(_ values: ColumnValues, _ row: Int) -> Int64? {
        guard !values.isNull(row), values.words[row] >= 0, values.words[row] < .max else { return nil }
        return values.words[row]
    }
}

extension EventColumns.Reading {
    /// nil where a column of the type says something else than the field.
    init?(_ stored: ColumnType, as type: FieldType, _ unit: TimeUnit) {
        switch (type, stored) {
        case (.string, .string): self = .text
        case (.int64, .int64), (.int64, .int32), (.bool, .bool): self = .plain
        case (.double, .double): self = .double
        case (.double, .int64), (.double, .int32): self = .doubleOfInteger
        case (.decimal(let scale), .decimal(_, let own)): self = .decimal(from: own, to: scale)
        case (.decimal(let scale), .int64), (.decimal(let scale), .int32): self = .decimal(from: 0, to: scale)
        case (.timestamp, .timestamp(let unit, _)): self = .timestamp(unit)
        case (.timestamp, .int64), (.timestamp, .int32):
            switch unit {
            case .seconds: self = .number(1_000_000)
            case .milliseconds: self = .number(1000)
            case .microseconds: self = .number(1)
            case .rfc3339: return nil
            }
        default: return nil
        }
    }

    /// The word of a row that is not null; nil if the field cannot hold it.
    @inline(__always)
    func word(_ values: ColumnValues, _ row: Int, textStart: Int) -> Int64? {
        let word = values.words[row]
        switch self {
        case .plain: return word
        case .text:
            let text = TextReference(word: word)
            return TextReference(offset: text.offset + textStart, length: text.length).word
        case .double: return Double(bitPattern: UInt64(bitPattern: word)).isFinite ? word : nil
        case .doubleOfInteger: return Int64(bitPattern: Double(word).bitPattern)
        case .decimal(let from, let to):
            if from == to && !values.type.isWide { return word }
            return Self.rescale(values.decimal(row), from: from, to: to)
        case .timestamp(let unit): return unit.microseconds(word)
        case .number(let microseconds):
            let (result, overflow) = word.multipliedReportingOverflow(by: microseconds)
            return overflow ? nil : result
        }
    }

    /// Digits that are too many are rounded half away from zero.
    static func rescale(_ number: Int128, from: Int, to: Int) -> Int64? {
        var number = number
        if to >= from {
            for _ in from..<to {
                let (next, overflow) = number.multipliedReportingOverflow(by: 10)
                if overflow { return nil }
                number = next
            }
        } else {
            let divisor = (to..<from).reduce(Int128(1)) { power, _ in power * 10 }
            let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
            // Halves of powers of ten are whole.
            let isUp = remainder.magnitude >= divisor.magnitude / 2
            number = quotient + (isUp ? (number < 0 ? -1 : 1) : 0)
        }
        return Int64(exactly: number)
    }
}
