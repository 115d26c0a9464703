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
    /// What the file says of where its rows came from; nil where it says nothing.
    let origin: Origin?
    /// The columns to scan, as positions in the file.
    let positions: [Int]

    /// Places of the `OriginColumns`.
    struct Origin: Sendable {
        let names: OriginColumns
        let partition: Int
        let offset: Int
        let timestamp: (place: Int, reading: Reading)?
    }

    /// Finds the columns by their names; one that is missing or of another type is an error that names file and column.
    ///
    /// A file that was written as an archive says itself which of its columns are not fields. Of other files those with the names
    /// that an archive of the source would give them are: a partition and an offset together, and a time stamp beside these. What
    /// has such a name and is not that is a column like any that the source does not ask for.
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
        let written = OriginColumns(writtenIn: reader.metadata)
        var fields: [(place: Int, reading: Reading)?] = []
        for field in source.fields {
            if let written, written.contains(field.name) {
                guard field.optional else {
                    throw wrong(field.name, "the archive was written before the source had a field of this name")
                }
                fields.append(nil)
            } else {
                fields.append(try place(field.name, field.type, field.unit, optional: field.optional))
            }
        }
        let names = written ?? OriginColumns(beside: source.fields)
        func origin(_ name: String, _ type: FieldType) throws(HistoryError) -> (place: Int, reading: Reading)? {
            if written != nil { return try place(name, type, .rfc3339, optional: true) }
            let found = reader.columns.filter { $0.name == name }
            guard found.count == 1, let stored = found[0].type, Reading(stored, as: type, .rfc3339) != nil else { return nil }
            return try place(name, type, .rfc3339, optional: true)
        }
        switch (try origin(names.partition, .int64), try origin(names.offset, .int64)) {
        case (let partition?, let offset?):
            self.origin = Origin(
                names: names, partition: partition.place, offset: offset.place, timestamp: try origin(names.timestamp, .timestamp)
            )
        case (nil, _?) where written != nil: throw wrong(names.partition, "it is not there, but column \(names.offset) is")
        case (_?, nil) where written != nil: throw wrong(names.offset, "it is not there, but column \(names.partition) is")
        default: self.origin = nil
        }
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
            return rescaleDecimal(values.decimal(row), from: from, to: to)
        case .timestamp(let unit): return unit.microseconds(word)
        case .number(let microseconds):
            let (result, overflow) = word.multipliedReportingOverflow(by: microseconds)
            return overflow ? nil : result
        }
    }
}
