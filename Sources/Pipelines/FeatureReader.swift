import Aggregates
import Records

/// Reads a view's features into its inputs and values.
struct FeatureReader {
    private static let keys = ["name", "aggregate", "windows", "delay", "where", "resolution"]

    let reader: PipelineReader
    let checker: ExpressionChecker
    /// The view's own.
    let resolution: Resolution?
    /// The source's.
    let late: LateEvents
    /// Columns of the view's offline log so far.
    var takenNames: Set<String>
    private(set) var inputs: [InputPlan] = []
    private(set) var values: [ValuePlan] = []
    private var featureNames: Set<String> = []
    private var inputPositions: [InputKey: Int] = [:]

    private struct InputKey: Hashable {
        var argument: Expression?
        var condition: Expression?
    }

    init(
        reader: PipelineReader, checker: ExpressionChecker, resolution: Resolution?, late: LateEvents, takenNames: Set<String>
    ) {
        self.reader = reader
        self.checker = checker
        self.resolution = resolution
        self.late = late
        self.takenNames = takenNames
    }

    mutating func read(_ node: YAMLNode) {
        for feature in reader.list(node, of: "'features'") ?? [] { readFeature(feature) }
    }

    private mutating func readFeature(_ node: YAMLNode) {
        guard let keys = reader.mapping(node, of: "a feature", keys: Self.keys) else { return }
        let name = keys["name"].flatMap { self.name($0) }
        let owner = name.map { "feature '\($0.text)'" } ?? "a feature"
        for key in ["name", "aggregate", "windows"] where keys[key] == nil {
            reader.reportMissing(key, of: owner, in: node, at: name?.position ?? node.position)
        }
        let delay = keys["delay"].map { reader.duration($0, of: "'delay'") } ?? .zero
        let condition = keys["where"].flatMap { reader.condition($0, of: "'where'", checker) }
        let aggregate = keys["aggregate"].flatMap { self.aggregate($0) }
        let windows = keys["windows"].map { self.windows($0) } ?? []
        let resolution = keys["resolution"].map { reader.resolution($0) } ?? .some(self.resolution)
        guard let name, let delay, let aggregate, let resolution, condition != nil || keys["where"] == nil else { return }
        guard check(resolution, aggregate.function, aggregate.argument, at: keys["resolution"] ?? keys["aggregate"]!) else {
            return
        }

        let input = input(aggregate.argument, condition)
        for window in windows {
            let valueName = "\(name.text)_\(window.text)"
            guard takenNames.insert(valueName).inserted else {
                reader.report(
                    window.position, "the view has a column '\(valueName)' already", expected: "a feature with another name")
                continue
            }
            // Within a step there is no tile.
            let isExact = window.span.map { span in resolution.map { span <= $0.step } ?? true } ?? (resolution == nil)
            var value = ValuePlan(
                name: valueName, feature: name.text, function: aggregate.function, input: input, window: window.span,
                delay: delay,
                type: aggregate.type, resolution: isExact ? nil : resolution)
            guard append(value, window.position) else { return }
            guard !isExact, window.span != nil else { continue }
            value.name = "\(valueName)_extra"
            guard takenNames.insert(value.name).inserted else {
                reader.report(
                    window.position, "the view has a column '\(value.name)' already",
                    expected: "a feature with another name: the events that '\(valueName)' may count in excess stand there")
                continue
            }
            value.function = .count
            value.type = .int64
            value.isExtra = true
            guard append(value, window.position) else { return }
        }
    }

    private mutating func append(_ value: ValuePlan, _ position: Position) -> Bool {
        guard values.count < Limits.valuesMax else {
            reader.report(position, "the view has too many values", expected: "at most \(Limits.valuesMax)")
            return false
        }
        values.append(value)
        return true
    }

    /// Whether an aggregate can be made of sums over tiles, and of those that the view has.
    private func check(_ resolution: Resolution?, _ function: AggregateFunction, _ argument: Expression?, at node: YAMLNode)
        -> Bool
    {
        guard let resolution else { return true }
        guard late == .drop else {
            reader.report(
                node.position, "the source applies late events, which may come into a time of which only sums are kept",
                expected: "'resolution: exact', or a source with 'late: drop'")
            return false
        }
        let isMadeOfSums =
            function.needs.isDisjoint(with: [.ends, .distinct])
            && !(argument?.type == .string && function.needs.contains(.extremes))
        guard isMadeOfSums else {
            reader.report(
                node.position, "\(function.rawValue)(\(argument.map { "\($0.type)" } ?? "")) is always exact",
                expected:
                    "'resolution: exact' for this feature; count, sum, avg, min, max, variances and deviations of numbers may have"
                    + " another")
            return false
        }
        if let other = values.lazy.compactMap(\.resolution).first, other != resolution {
            reader.report(
                node.position, "the view has the resolution \(other.text) already, here is \(resolution.text)",
                expected: "one for all features that are not exact: they share the events")
            return false
        }
        return true
    }

    private mutating func name(_ node: YAMLNode) -> YAMLScalar? {
        guard let scalar = reader.scalar(node, of: "a feature's 'name'", expected: "a name"),
            reader.checkName(scalar, of: "a feature")
        else { return nil }
        if !featureNames.insert(scalar.text).inserted {
            reader.report(scalar.position, "the feature '\(scalar.text)' stands twice in the view", expected: "another name")
        }
        return scalar
    }

    private func aggregate(_ node: YAMLNode) -> (function: AggregateFunction, argument: Expression?, type: FieldType)? {
        guard let scalar = reader.scalar(node, of: "'aggregate'", expected: "an aggregate, as in count() or avg(amount)")
        else { return nil }
        do throws(ExpressionError) {
            let (name, at, syntax) = try ExpressionParser.parseAggregate(scalar.text)
            guard let function = AggregateFunction(rawValue: name.lowercased()) else {
                let names = AggregateFunction.allCases.map(\.rawValue)
                throw ExpressionError(
                    at: at, what: "unknown aggregate '\(name)'", expected: "one of \(names.joined(separator: ", "))",
                    suggestion: nearestName(to: name, among: names))
            }
            let argument: Expression?
            if let syntax { argument = try checker.value(syntax) } else { argument = nil }
            guard let type = function.resultType(of: argument?.type) else {
                guard let argument else {
                    throw ExpressionError(at: at, what: "\(name)() has no argument", expected: "a field or an expression")
                }
                throw ExpressionError(
                    at: syntax?.at ?? at, what: "\(name)() of \(argument.type) does not exist",
                    expected: Self.argumentTypes(function))
            }
            return (function, argument, type)
        } catch {
            reader.report(error, in: scalar)
            return nil
        }
    }

    private static func argumentTypes(_ function: AggregateFunction) -> String {
        let types: [(FieldType, String)] = [
            (.string, "string"), (.int64, "int64"), (.double, "double"), (.bool, "bool"), (.decimal(scale: 2), "decimal"),
            (.timestamp, "timestamp"),
        ]
        return types.filter { function.resultType(of: $0.0) != nil }.map(\.1).joined(separator: ", ")
    }

    private func windows(_ node: YAMLNode) -> [(text: String, span: TimeSpan?, position: Position)] {
        var windows: [(text: String, span: TimeSpan?, position: Position)] = []
        for node in reader.list(node, of: "'windows'") ?? [] {
            guard let scalar = reader.scalar(node, of: "a window", expected: "a duration, as in 7d, or lifetime") else {
                continue
            }
            var span: TimeSpan?
            if scalar.text != "lifetime" {
                span = TimeSpan(scalar.text)
                guard let span, span > .zero else {
                    reader.report(
                        scalar.position, "'\(scalar.text)' is no window",
                        expected: "500ms, 30s, 5m, 1h, 7d, longer than 0 and at most \(TimeSpan.longest.text), or lifetime",
                        suggestion: nearestName(to: scalar.text, among: ["lifetime"]))
                    continue
                }
            }
            if let same = windows.first(where: { $0.span == span }) {
                reader.report(
                    scalar.position, "the window \(scalar.text) stands twice, first as \(same.text)", expected: "each window once"
                )
                continue
            }
            windows.append((scalar.text, span, scalar.position))
            if windows.count > Limits.valuesMax { break }
        }
        return windows
    }

    /// The column for an argument under a condition, one for all features that have both in common; nil for `count()` of all events.
    private mutating func input(_ argument: Expression?, _ condition: Expression?) -> Int? {
        if argument == nil, condition == nil { return nil }
        let key = InputKey(argument: argument, condition: condition)
        if let position = inputPositions[key] { return position }
        inputPositions[key] = inputs.count
        inputs.append(InputPlan(argument: argument, condition: condition, type: argument?.type))
        return inputs.count - 1
    }
}
