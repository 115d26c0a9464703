internal import Engine
internal import Parquet
internal import Pipelines
internal import Records

/// A spine: entities and instants of which a training set is to hold the values. It is read twice, for its rows and for its columns.
final class Spine {
    static let timeColumn = "event_timestamp"

    let file: any SpineFile
    private let plan: Plan
    /// Rows whose instants are outside do not come out.
    private let filter: RowFilter?
    private(set) var rowCount = 0
    private(set) var keptCount = 0
    /// The instants of the rows that come out.
    private(set) var oldest = Int64.max
    private(set) var newest = Int64.min
    private(set) var names: [String] = []
    /// A bit per row, where a filter is: whether it comes out.
    private var kept: [UInt64] = []
    private var guesses: [TypeGuess] = []
    private var schema: [ColumnSchema] = []
    private static let rowsOfScan = 8192

    init(_ path: String, _ plan: Plan, filter: RowFilter?) throws {
        file = try openSpine(path)
        self.plan = plan
        self.filter = filter
    }

    /// Reads all rows and asks for them.
    ///
    /// - Parameter guessing: whether columns without a type are to get one.
    func read(_ programs: [ViewProgram], _ queues: [AskQueue], guessing: Bool, shouldStop: () -> Bool) throws {
        var texts = TextArena(capacity: 1 << 12)
        var key = TextArena(capacity: 1 << 8)
        let wanted = guessing ? nil : neededColumns
        try file.scan(rowsMax: Spine.rowsOfScan, names: wanted) { batch in
            if shouldStop() { throw WorkerError("interrupted; nothing was written") }
            if batch.names.count > names.count || names.isEmpty {
                names = batch.names
                schema = batch.columns.indices.map {
                    ColumnSchema(name: batch.names[$0], type: batch.columns[$0].type, nullable: batch.columns[$0].valid != nil)
                }
            }
            if guessing { guess(batch) }
            let time = try reader(Spine.timeColumn, .timestamp, batch, of: "a spine")
            let entities = try plan.views.map { view in
                try view.entity.map { field in
                    let field = plan.sources[view.source].fields[field]
                    return try reader(field.name, field.type, batch, of: "the entity of view \(view.name)")
                }
            }
            for row in 0..<batch.count {
                let number = batch.firstRow + row
                do throws(WorkerError) {
                    texts.removeAll()
                    guard let instant = try time.read(batch, row: row, texts: &texts) else {
                        throw WorkerError("\(Spine.timeColumn): it is null", isInput: true)
                    }
                    let isKept = filter.map { $0.from.microseconds <= instant && instant < $0.to.microseconds } ?? true
                    note(number, isKept: isKept)
                    guard isKept else { continue }
                    oldest = min(oldest, instant)
                    newest = max(newest, instant)
                    for (view, fields) in entities.enumerated() {
                        key.removeAll()
                        var isKnown = true
                        for (field, type) in zip(fields, programs[view].entityTypes) {
                            guard let word = try field.read(batch, row: row, texts: &texts) else {
                                isKnown = false
                                break
                            }
                            unsafe EntityKey.append(word, type: type, texts: texts, to: &key)
                        }
                        // An entity of which a part is null has no events: no key is empty.
                        if !isKnown { key.removeAll() }
                        let bytes = unsafe key.bytes(TextReference(offset: 0, length: key.count))
                        unsafe try queues[view].add(time: instant, number: Int64(number), key: bytes, hash: EntityKey.hash(bytes))
                    }
                } catch {
                    throw error.isInput ? file.failure(row: number, error.description) : error
                }
            }
            rowCount += batch.count
        }
        for queue in queues { try queue.finish() }
    }

    private var neededColumns: [String]? { nil }

    private func reader(_ name: String, _ type: FieldType, _ batch: TableBatch, of owner: String) throws -> CellReader {
        if let position = batch.names.firstIndex(of: name) { return CellReader(name: name, type: type, position: position) }
        let nearest = nearestName(to: name, among: batch.names).map { "; did you mean \($0)?" } ?? ""
        throw file.failure("it has no column '\(name)', which \(owner) needs\(nearest)")
    }

    private func note(_ row: Int, isKept: Bool) {
        keptCount += isKept ? 1 : 0
        guard filter != nil else { return }
        if row >> 6 == kept.count { kept.append(0) }
        if isKept { kept[row >> 6] |= 1 << UInt64(row & 63) }
    }

    private func guess(_ batch: TableBatch) {
        while guesses.count < batch.columns.count { guesses.append(TypeGuess()) }
        for (index, column) in batch.columns.enumerated() where column.type == .string {
            for row in 0..<batch.count where !column.isNull(row) {
                unsafe column.text(row).withUnsafeBytes { unsafe guesses[index].see($0, batch.meaning) }
            }
        }
    }

    // MARK: - The columns, again

    /// What the columns are in the training set. Requires: `read` was called.
    func outputSchema(typed: Bool) -> [ColumnSchema] {
        guard typed else { return schema }
        return names.enumerated().map { index, name in
            ColumnSchema(name: name, type: ColumnType(type(of: name) ?? guesses[index].type), nullable: true)
        }
    }

    private func type(of name: String) -> FieldType? {
        if name == Spine.timeColumn { return .timestamp }
        for view in plan.views {
            let fields = view.entity.map { plan.sources[view.source].fields[$0] }
            if let field = fields.first(where: { $0.name == name }) { return field.type }
        }
        return nil
    }

    /// Gives `body` the rows of each block, and which of them come out, nil for all.
    func columns(typed: Bool, _ body: (_ count: Int, _ kept: [Bool]?, [OutputColumn]) throws -> Void) throws {
        let types = typed ? outputSchema(typed: true).map { $0.type } : []
        try file.scan(rowsMax: AnswerStore.blockRows, names: names) { batch in
            guard batch.firstRow + batch.count <= rowCount else { throw file.failure("it changed while it was read") }
            let columns = try batch.columns.indices.map { index in
                guard typed else { return OutputColumn(values: batch.columns[index], meaning: batch.meaning) }
                return OutputColumn(values: try converted(batch, index, to: types[index]))
            }
            let isKept = filter.map { _ in
                (batch.firstRow..<batch.firstRow + batch.count).map { kept[$0 >> 6] >> UInt64($0 & 63) & 1 == 1 }
            }
            try body(batch.count, isKept, columns)
        }
    }

    /// A column of texts as one of another type.
    private func converted(_ batch: TableBatch, _ index: Int, to type: ColumnType) throws -> ColumnValues {
        let own = batch.columns[index]
        var column = ColumnValues(type, nullable: true)
        let field: FieldType =
            switch type {
            case .int64: .int64
            case .double: .double
            case .bool: .bool
            case .timestamp: .timestamp
            case .decimal(_, let scale): .decimal(scale: scale)
            default: .string
            }
        let reader = CellReader(name: batch.names[index], type: field, position: index)
        var texts = TextArena(capacity: 1 << 8)
        for row in 0..<batch.count {
            texts.removeAll()
            if own.isNull(row) {
                column.appendNull()
                continue
            }
            if type == .string {
                // Anything but a JSON string is shown as it stands.
                let text = own.text(row)
                let isQuoted = batch.meaning == .json && text.first == UInt8(ascii: "\"")
                let string = isQuoted ? unsafe text.withUnsafeBytes { unsafe JSONScanner.string($0) } : nil
                if isQuoted && string == nil {
                    throw file.failure(row: batch.firstRow + row, "'\(batch.names[index])' is no text")
                }
                _ = unsafe (string.map { Array($0.utf8)[...] } ?? text).withUnsafeBytes { unsafe column.append(text: $0) }
                continue
            }
            do throws(WorkerError) {
                column.append(word: try reader.read(batch, row: row, texts: &texts)!)
            } catch {
                throw file.failure(row: batch.firstRow + row, error.description)
            }
        }
        return column
    }
}
