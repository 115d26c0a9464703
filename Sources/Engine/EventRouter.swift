public import Pipelines
public import Records
public import Windows

/// From a source's records to the events of one view, each on its way to the shard that owns its entity.
public final class EventRouter {
    public let program: ViewProgram
    private let condition: Int?
    private let arguments: [Int?]
    private let conditions: [Int?]
    private let entityTypes: [FieldType]
    private let entityFields: [Int]

    /// The expressions of all views over one source, to be evaluated together.
    public static func expressions(of views: [ViewPlan]) -> [Expression] {
        views.flatMap { view in
            [view.condition].compactMap { $0 } + view.inputs.flatMap { [$0.argument, $0.condition].compactMap { $0 } }
        }
    }

    /// - Parameter firstExpression: where this view's expressions begin among all; moves behind them.
    public init(_ program: ViewProgram, firstExpression: inout Int) {
        self.program = program
        func take(_ expression: Expression?) -> Int? {
            guard expression != nil else { return nil }
            defer { firstExpression += 1 }
            return firstExpression
        }
        let plan = program.plan
        condition = take(plan.condition)
        var arguments: [Int?] = []
        var conditions: [Int?] = []
        for input in plan.inputs {
            arguments.append(take(input.argument))
            conditions.append(take(input.condition))
        }
        self.arguments = arguments
        self.conditions = conditions
        entityTypes = program.entityTypes
        entityFields = plan.entity
    }

    /// Appends the view's events among `records` to the batch that `target` gives for a slice.
    ///
    /// - Parameters:
    ///   - expressions: evaluated over `records`.
    ///   - sliceCount: how many slices the view's entities are spread over by hash; nil where a slice is a partition.
    public func route(
        _ records: RecordBatch, _ expressions: ExpressionEvaluator, sliceCount: Int?, target: (Int) -> EventBatch
    ) {
        let condition = condition.map { expressions.column($0) }
        let arguments = arguments.map { $0.map { expressions.column($0) } }
        let conditions = conditions.map { $0.map { expressions.column($0) } }
        let entity = entityFields.map { records.columns[$0] }
        for row in 0..<records.count {
            if let condition, condition.valid[row] == 0 || condition.words[row] == 0 { continue }
            scratch.removeAll()
            for (column, type) in zip(entity, entityTypes) {
                unsafe EntityKey.append(column.words[row], type: type, texts: records.text, to: &scratch)
            }
            let key = unsafe scratch.bytes(TextReference(offset: 0, length: scratch.count))
            let hash = unsafe EntityKey.hash(key)
            let slice = sliceCount.map { EventRouter.slice(of: hash, of: $0) } ?? Int(records.partitions[row])
            let batch = target(slice)
            let event = batch.count
            batch.times[event] = records.times[row]
            batch.partitions[event] = records.partitions[row]
            batch.offsets[event] = records.offsets[row]
            batch.hashes[event] = hash
            batch.keys[event] = unsafe batch.text.append(key).word
            for input in 0..<arguments.count {
                var isValid = true
                if let condition = conditions[input] { isValid = condition.valid[row] != 0 && condition.words[row] != 0 }
                var word: Int64 = 0
                if isValid, let argument = arguments[input] {
                    isValid = argument.valid[row] != 0
                    if isValid {
                        word = argument.words[row]
                        if argument.type == .string {
                            word = unsafe batch.text.append(records.text.bytes(TextReference(word: word))).word
                        }
                    }
                }
                batch.words[input][event] = word
                batch.valid[input][event] = isValid ? 1 : 0
            }
            batch.count = event + 1
        }
    }

    private var scratch = TextArena(capacity: 256)

    /// The slice that owns an entity where entities are spread by hash. Part of the state's format.
    public static func slice(of hash: UInt64, of sliceCount: Int) -> Int {
        Int(truncatingIfNeeded: (hash >> 40) % UInt64(sliceCount))
    }
}
