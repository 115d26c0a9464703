internal import Aggregates
internal import Records

/// What a state keeps of the events, and the pipeline that it is kept for.
///
/// Logs hold their columns by position, so a pipeline that goes on from another's state has the columns of that state, in their
/// order, and its own values point into them. Columns that no value reads any more are filled on, so that one may read them
/// again; where their fields are gone they stay empty from then on, and nobody gets them back. How far back the state reaches is
/// how far the values of the pipeline do that wrote it last: what is out of its reach is lost.
///
///     format u8 | the pipeline file's text | views varint {
///         name text | number varint | is ordered u8 |
///         columns varint { argument text | condition text | type text | needs varint } }
///
/// A text of a column that is not there is empty.
public struct KeptPlan: Sendable {
    /// The pipeline, with each view's columns as the state has them.
    public private(set) var plan: Plan
    /// The numbers under which the state has the plan's views.
    public private(set) var numbers: [Int]

    /// What a state keeps that begins with this plan.
    public init(_ plan: Plan) {
        self.plan = plan
        numbers = Array(plan.views.indices)
    }

    private init(plan: Plan, numbers: [Int]) {
        self.plan = plan
        self.numbers = numbers
    }

    /// What the state keeps once `new` goes on from it; the views of this plan that `new` does not have are left behind.
    ///
    /// Requires: `PlanChange(from: self, to: new).fits`.
    public func adopted(by new: Plan) -> KeptPlan {
        var adopted = new
        var numbers: [Int] = []
        for view in new.views.indices {
            guard let old = plan.views.firstIndex(where: { $0.name == new.views[view].name }) else {
                preconditionFailure("a new view needs a state of its own")
            }
            let columns = plan.columns(of: old)
            let before = plan.sources[plan.views[old].source].fields
            let isKept = adopted.take(columns, isOrdered: plan.views[old].isOrdered, in: view) { field in
                before.contains { $0.isRead(as: field) }
            }
            precondition(isKept, "a column that the state does not keep")
            numbers.append(self.numbers[old])
        }
        return KeptPlan(plan: adopted, numbers: numbers)
    }

    // MARK: - The stored form

    static let format: UInt8 = 1

    public func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(KeptPlan.format)
        writer.append(plan.text)
        writer.append(varint: UInt64(plan.views.count))
        for (index, view) in plan.views.enumerated() {
            writer.append(view.name)
            writer.append(varint: UInt64(numbers[index]))
            writer.append(UInt8(view.isOrdered ? 1 : 0))
            writer.append(varint: UInt64(view.inputs.count))
            for column in plan.columns(of: index) {
                writer.append(column.argument ?? "")
                writer.append(column.condition ?? "")
                writer.append(column.type.map { "\($0)" } ?? "")
                writer.append(varint: UInt64(column.needs.rawValue))
            }
        }
        return unsafe writer.withBytes { unsafe Array($0) }
    }

    /// nil for bytes that are corrupt, of another format version, or of a pipeline that this version cannot read.
    public init?(decoding bytes: [UInt8]) {
        let decoded = unsafe bytes.withUnsafeBytes { bytes in
            var reader = unsafe ByteReader(bytes)
            return try? KeptPlan(reading: &reader)
        }
        guard let decoded else { return nil }
        self = decoded
    }

    private init(reading reader: inout ByteReader) throws(CorruptBytes) {
        guard try reader.read(UInt8.self) == KeptPlan.format else { throw CorruptBytes() }
        let text = try reader.readString()
        guard var plan = try? Plan(parsing: text, file: "state") else { throw CorruptBytes() }
        guard try reader.readVarint() == UInt64(plan.views.count) else { throw CorruptBytes() }
        var numbers: [Int] = []
        for view in plan.views.indices {
            guard try reader.readString() == plan.views[view].name else { throw CorruptBytes() }
            guard let number = UInt16(exactly: try reader.readVarint()), number < .max else { throw CorruptBytes() }
            numbers.append(Int(number))
            let isOrdered = try reader.read(UInt8.self) != 0
            let count = try reader.readVarint()
            guard count <= UInt64(reader.remaining) else { throw CorruptBytes() }
            var columns: [KeptColumn] = []
            for _ in 0..<count { columns.append(try KeptColumn(reading: &reader)) }
            guard plan.take(columns, isOrdered: isOrdered, in: view, isKnown: { _ in true }) else { throw CorruptBytes() }
        }
        guard reader.remaining == 0, Set(numbers).count == numbers.count else { throw CorruptBytes() }
        self.init(plan: plan, numbers: numbers)
    }
}

/// A column of a view's logs as the state names it.
struct KeptColumn: Equatable {
    var argument: String?
    var condition: String?
    var type: FieldType?
    var needs: Needs

    init(argument: String?, condition: String?, type: FieldType?, needs: Needs) {
        self.argument = argument
        self.condition = condition
        self.type = type
        self.needs = needs
    }

    fileprivate init(reading reader: inout ByteReader) throws(CorruptBytes) {
        func text() throws(CorruptBytes) -> String? {
            let text = try reader.readString()
            return text.isEmpty ? nil : text
        }
        argument = try text()
        condition = try text()
        type = nil
        if let name = try text() {
            guard let (type, _) = FieldType.declared(name[...]) else { throw CorruptBytes() }
            self.type = type
        }
        guard let needs = UInt16(exactly: try reader.readVarint()) else { throw CorruptBytes() }
        self.needs = Needs(rawValue: needs)
    }

    func isOf(_ input: InputPlan, names: [String]) -> Bool {
        input.type == type && input.argument.map { $0.text(names: names) } == argument
            && input.condition.map { $0.text(names: names) } == condition
    }

    /// The column over the fields of a source; nil where some are gone or read in another way.
    fileprivate func input(over source: SourcePlan, isKnown: (RecordField) -> Bool) -> InputPlan? {
        var positions: [String: Int] = [:]
        for (position, field) in source.fields.enumerated() { positions[field.name] = position }
        let checker = ExpressionChecker(source: source.name, fields: source.fields, positions: positions)
        var input = InputPlan(argument: nil, condition: nil, type: type)
        do throws(ExpressionError) {
            if let argument { input.argument = try checker.value(ExpressionParser.parse(argument)) }
            if let condition { input.condition = try checker.condition(ExpressionParser.parse(condition)) }
        } catch {
            return nil
        }
        var isRead = input.argument?.type == type
        input.forEachField { if !isKnown(source.fields[$0]) { isRead = false } }
        return isRead ? input : nil
    }
}

extension RecordField {
    /// Whether every record that was taken with this field gives the other the same value. That records without it are taken from
    /// now on changes none of those.
    func isRead(as other: RecordField) -> Bool {
        name == other.name && type == other.type && (optional == other.optional || other.optional) && unit == other.unit
    }
}

extension Plan {
    func columns(of view: Int) -> [KeptColumn] {
        let names = sources[views[view].source].fields.map(\.name)
        return views[view].inputs.enumerated().map { index, input in
            KeptColumn(
                argument: input.argument.map { $0.text(names: names) }, condition: input.condition.map { $0.text(names: names) },
                type: input.type, needs: views[view].needs(of: index))
        }
    }

    /// Puts a view's columns into the order of a state; false if it has one that the state does not keep.
    ///
    /// - Parameter isKnown: whether a field of the source is read as it was when the state was written.
    fileprivate mutating func take(
        _ columns: [KeptColumn], isOrdered: Bool, in view: Int, isKnown: (RecordField) -> Bool
    ) -> Bool {
        let source = views[view].source
        let names = sources[source].fields.map(\.name)
        let own = views[view].inputs
        let positions = own.map { input in columns.firstIndex { $0.isOf(input, names: names) } }
        guard !positions.contains(nil) else { return false }
        let hasTiles = views[view].resolution != nil
        views[view].inputs = columns.enumerated().map { position, column in
            // No file can say a condition that is null: a column that stays empty is none that a value reads.
            var input =
                positions.firstIndex(of: position).map { own[$0] } ?? column.input(over: sources[source], isKnown: isKnown)
                ?? InputPlan(argument: nil, condition: .null(.bool), type: column.type)
            if hasTiles { input.keptNeeds = column.needs.intersection(Needs.ofTiles) }
            input.forEachField { sources[source].fields[$0].stored = true }
            return input
        }
        for value in views[view].values.indices {
            if let input = views[view].values[value].input { views[view].values[value].input = positions[input] }
        }
        views[view].keepsOrder = isOrdered
        return true
    }
}

extension Needs {
    /// What tiles can tell of their events.
    static let ofTiles: Needs = [.sum, .squares, .extremes]
}
