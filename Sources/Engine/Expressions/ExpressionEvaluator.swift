public import Pipelines
public import Records

/// Evaluates a set of expressions over batches, a column at a time.
///
/// The set becomes one list of steps in which a part that several expressions share stands once; each step writes a column of
/// its own, allocated once. A bare field is no step: its column is the batch's.
public final class ExpressionEvaluator {
    private let capacity: Int
    /// One per distinct part: the batch's column for a field, a scratch column for a step.
    private(set) var columns: [Column] = []
    private var steps: [Step] = []
    private var fields: [(column: Int, field: Int)] = []
    private var results: [Int] = []
    private var scratch: [Column] = []

    /// - Parameter capacity: the most rows that a batch may have.
    public init(_ expressions: [Expression], capacity: Int) {
        self.capacity = capacity
        var compiler = StepCompiler()
        results = expressions.map { compiler.column(of: $0) }
        fields = compiler.fields
        // Until the first batch gives the fields' columns, an empty one stands for each.
        let none = Column(type: .bool, capacity: 0)
        scratch.append(none)
        columns = Array(repeating: none, count: compiler.count)
        for step in compiler.steps {
            let column = Column(type: step.type, capacity: capacity)
            scratch.append(column)
            columns[step.column] = column
            if step.isConstant { run(step, count: capacity) } else { steps.append(step) }
        }
    }

    deinit {
        for column in scratch { column.deallocate() }
    }

    /// Evaluates all expressions over the batch's rows. Texts that are made go to the end of the batch's.
    /// Requires: `batch.count` is at most the capacity, and the batch has the types that the expressions were checked against.
    public func evaluate(_ batch: RecordBatch) {
        precondition(batch.count <= capacity)
        for (column, field) in fields { columns[column] = batch.columns[field] }
        for step in steps {
            if step.readsText { runText(step, batch) } else { run(step, count: batch.count) }
        }
    }

    /// The values of the expression at `index`, one per row of the batch; valid until the next `evaluate` and as long as the batch is.
    public func column(_ index: Int) -> Column { columns[results[index]] }

    private func run(_ step: Step, count: Int) {
        let out = columns[step.column]
        func operand(_ i: Int) -> Column { columns[step.operands[i]] }
        switch step.form {
        case .constant(let word):
            for i in 0..<count {
                out.words[i] = word ?? 0
                out.valid[i] = word == nil ? 0 : 1
            }
        case .negated: negate(operand(0), into: out, count: count)
        case .arithmetic(let operation): arithmetic(operation, operand(0), operand(1), into: out, count: count)
        case .comparison(let comparison): compare(comparison, operand(0), operand(1), into: out, count: count)
        case .and: and(operand(0), operand(1), into: out, count: count)
        case .or: or(operand(0), operand(1), into: out, count: count)
        case .not: not(operand(0), into: out, count: count)
        case .isNull: isNull(operand(0), into: out, count: count)
        case .amongWords(let set): isAmong(operand(0), set, into: out, count: count)
        case .choice: choose(step.operands, into: out, count: count)
        case .converted: convert(operand(0), into: out, count: count)
        case .round(let digits): round(operand(0), digits: digits, into: out, count: count)
        case .call(.abs): absolute(operand(0), into: out, count: count)
        case .call(.floor): floor(operand(0), upwards: false, into: out, count: count)
        case .call(.ceil): floor(operand(0), upwards: true, into: out, count: count)
        case .call(.least): extreme(step.operands, greatest: false, into: out, count: count)
        case .call(.greatest): extreme(step.operands, greatest: true, into: out, count: count)
        case .call(.coalesce): coalesce(step.operands, into: out, count: count)
        case .call(.hour): hour(operand(0), into: out, count: count)
        case .call(.dayOfWeek): dayOfWeek(operand(0), into: out, count: count)
        case .call(.round), .call(.lower), .call(.upper), .call(.length), .call(.concat), .text, .amongTexts:
            preconditionFailure("a step over texts runs with its batch")
        }
    }

    private func runText(_ step: Step, _ batch: RecordBatch) {
        let out = columns[step.column]
        func operand(_ i: Int) -> Column { columns[step.operands[i]] }
        switch step.form {
        case .text(let text): fill(text, into: out, batch)
        case .comparison(let comparison): compareTexts(comparison, operand(0), operand(1), into: out, batch)
        case .amongTexts(let set): isAmong(operand(0), set, into: out, batch)
        case .call(.least): extremeText(step.operands, greatest: false, into: out, batch)
        case .call(.greatest): extremeText(step.operands, greatest: true, into: out, batch)
        case .call(.lower): changeCase(operand(0), upper: false, into: out, batch)
        case .call(.upper): changeCase(operand(0), upper: true, into: out, batch)
        case .call(.length): length(operand(0), into: out, batch)
        case .call(.concat): concat(step.operands, into: out, batch)
        default: preconditionFailure("only a step over texts runs with its batch")
        }
    }
}

extension FieldType {
    /// Fraction digits of an exact number.
    var scale: Int {
        if case .decimal(let scale) = self { scale } else { 0 }
    }
}
