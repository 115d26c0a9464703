internal import Engine
internal import History
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
    private var names: [String] = []
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

    // MARK: - The rows

    /// Reads all rows and asks for them.
    ///
    /// - Parameter guessing: whether columns without a type are to get one.
    func read(_ programs: [ViewProgram], _ queues: [AskQueue], guessing: Bool, shouldStop: () -> Bool) throws {
        let times = Cells()
        let entities = plan.views.map { view in view.entity.map { _ in Cells() } }
        var key = TextArena(capacity: 1 << 8)
        try file.scan(rowsMax: Spine.rowsOfScan, names: nil) { batch in
            if shouldStop() { throw WorkerError("interrupted; nothing was written") }
            takeSchema(batch)
            if guessing { guess(batch) }
            try cells(Spine.timeColumn, .timestamp, batch, of: "a spine", into: times)
            for (position, view) in plan.views.enumerated() {
                for (index, field) in view.entity.enumerated() {
                    let field = plan.sources[view.source].fields[field]
                    try cells(
                        field.name, field.type, batch, of: "the entity of view \(view.name)", into: entities[position][index])
                }
            }
            for row in 0..<batch.count {
                let number = batch.firstRow + row
                guard times.isValid[row] else { throw file.failure(row: number, "\(Spine.timeColumn): it is null") }
                let instant = times.words[row]
                let isKept = filter.map { $0.from.microseconds <= instant && instant < $0.to.microseconds } ?? true
                note(number, isKept: isKept)
                guard isKept else { continue }
                oldest = min(oldest, instant)
                newest = max(newest, instant)
                for view in entities.indices {
                    key.removeAll()
                    for index in entities[view].indices {
                        // An entity of which a part is null has no events: no key is empty.
                        guard entities[view][index].isValid[row] else {
                            key.removeAll()
                            break
                        }
                        unsafe EntityKey.append(
                            entities[view][index].words[row], type: programs[view].entityTypes[index],
                            texts: entities[view][index].text, to: &key)
                    }
                    let bytes = unsafe key.bytes(TextReference(offset: 0, length: key.count))
                    unsafe try queues[view].add(time: instant, number: Int64(number), key: bytes, hash: EntityKey.hash(bytes))
                }
            }
            rowCount += batch.count
        }
        for queue in queues { try queue.finish() }
    }

    private func cells(_ name: String, _ type: FieldType, _ batch: TableBatch, of owner: String, into cells: Cells) throws {
        guard let position = batch.names.firstIndex(of: name) else {
            let nearest = nearestName(to: name, among: batch.names).map { "; did you mean \($0)?" } ?? ""
            throw file.failure("it has no column '\(name)', which \(owner) needs\(nearest)")
        }
        let reader = CellReader(name: name, type: type)
        do throws(CellError) {
            try cells.read(batch.columns[position], batch.meaning, count: batch.count, reader)
        } catch {
            throw file.failure(row: batch.firstRow + error.row, error.reason)
        }
    }

    private func takeSchema(_ batch: TableBatch) {
        guard batch.names.count > names.count else {
            // Another of several files may have nulls where the first cannot.
            for index in schema.indices where batch.columns[index].valid != nil { schema[index].nullable = true }
            return
        }
        names = batch.names
        schema = batch.columns.indices.map {
            ColumnSchema(name: batch.names[$0], type: batch.columns[$0].type, nullable: batch.columns[$0].valid != nil)
        }
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
    ///
    /// - Parameter typed: whether columns without a type get one.
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

    /// The rows of a block. Requires: `read` was called.
    func rows(ofBlock block: Int) -> Range<Int> {
        let start = block * AnswerStore.blockRows
        return start..<min(start + AnswerStore.blockRows, rowCount)
    }

    /// Which of some rows come out; nil for all. Requires: `read` was called.
    func kept(_ rows: Range<Int>) -> [Bool]? {
        filter.map { _ in rows.map { kept[$0 >> 6] >> UInt64($0 & 63) & 1 == 1 } }
    }

    /// Gives `body` the rows again, those of a block in one piece or in several.
    func scan(typed: Bool, _ body: (TableBatch) throws -> Void) throws {
        let types = typed ? outputSchema(typed: true).map { $0.type } : []
        var seen = 0
        try file.scan(rowsMax: AnswerStore.blockRows, names: names) { batch in
            seen += batch.count
            guard seen <= rowCount else { throw file.failure("it changed while it was read") }
            var batch = batch
            if typed {
                batch.columns = try batch.columns.indices.map { try converted(batch, $0, to: types[$0]) }
                batch.meaning = .text
            }
            try body(batch)
        }
        guard seen == rowCount else { throw file.failure("it changed while it was read") }
    }

    /// A column of texts as one of another type.
    private func converted(_ batch: TableBatch, _ index: Int, to type: ColumnType) throws -> ColumnValues {
        let own = batch.columns[index]
        var column = ColumnValues(type, nullable: true)
        if type == .string {
            for row in 0..<batch.count {
                if own.isNull(row) {
                    column.appendNull()
                    continue
                }
                // Anything but a JSON string is shown as it stands.
                let text = own.text(row)
                let isQuoted = batch.meaning == .json && text.first == UInt8(ascii: "\"")
                let string = isQuoted ? unsafe text.withUnsafeBytes { unsafe JSONScanner.string($0) } : nil
                if isQuoted && string == nil {
                    throw file.failure(row: batch.firstRow + row, "'\(batch.names[index])' is no text")
                }
                _ = unsafe (string.map { Array($0.utf8)[...] } ?? text).withUnsafeBytes { unsafe column.append(text: $0) }
            }
            return column
        }
        let field: FieldType =
            switch type {
            case .double: .double
            case .bool: .bool
            case .timestamp: .timestamp
            case .decimal(_, let scale): .decimal(scale: scale)
            default: .int64
            }
        let cells = Cells()
        do throws(CellError) {
            try cells.read(own, batch.meaning, count: batch.count, CellReader(name: batch.names[index], type: field))
        } catch {
            throw file.failure(row: batch.firstRow + error.row, error.reason)
        }
        for row in 0..<batch.count {
            if cells.isValid[row] { column.append(word: cells.words[row]) } else { column.appendNull() }
        }
        return column
    }
}
