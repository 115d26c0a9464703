public import Pipelines

/// Which values a training set has, in its order, and the plan that gives just those.
public struct JoinSelection {
    public struct Output {
        /// The column's name.
        public var name: String
        /// Positions in the reduced plan.
        public var view: Int
        public var value: Int
    }

    public private(set) var plan: Plan
    public private(set) var outputs: [Output] = []

    /// - Parameters:
    ///   - features: `view:value`, `view:feature` for all windows of a feature, or `view`; nil: every value of every view.
    ///   - prefixed: whether all names are `view__value`; otherwise those are that occur in several views.
    public init(_ plan: Plan, features: [String]?, prefixed: Bool) throws(WorkerError) {
        var picked: [(view: Int, value: Int)] = []
        func pick(_ view: Int, _ value: Int) {
            if !picked.contains(where: { $0 == (view, value) }) { picked.append((view, value)) }
        }
        for feature in features ?? plan.views.map(\.name) {
            let parts = feature.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let view = plan.views.firstIndex(where: { $0.name == parts[0] }) else {
                throw JoinSelection.unknown("view", parts[0], plan.views.map(\.name))
            }
            let values = plan.views[view].values
            guard parts.count == 2, parts[1] != "*" else {
                for value in values.indices { pick(view, value) }
                continue
            }
            let found = values.indices.filter { values[$0].name == parts[1] }
            let windows = found.isEmpty ? values.indices.filter { values[$0].feature == parts[1] } : found
            guard !windows.isEmpty else {
                throw JoinSelection.unknown("value of view \(parts[0]):", parts[1], values.map(\.name))
            }
            for value in windows { pick(view, value) }
        }
        guard !picked.isEmpty else { throw WorkerError("no values are asked for", isInput: true) }
        let names = picked.map { plan.views[$0.view].values[$0.value].name }
        let twice = Set(names.filter { name in names.count { $0 == name } > 1 })

        self.plan = plan
        let views = plan.views.indices.filter { view in picked.contains { $0.view == view } }
        let sources = plan.sources.indices.filter { source in views.contains { plan.views[$0].source == source } }
        self.plan.sources = sources.map { plan.sources[$0] }
        var places: [[Int]] = []
        self.plan.views = views.map { position in
            var view = plan.views[position]
            let values = view.values.indices.filter { value in picked.contains { $0 == (position, value) } }
            places.append(values)
            let inputs = Set(values.compactMap { view.values[$0].input }).sorted()
            view.source = sources.firstIndex(of: view.source)!
            view.values = values.map { index in
                var value = view.values[index]
                value.input = value.input.map { inputs.firstIndex(of: $0)! }
                return value
            }
            view.inputs = inputs.map { view.inputs[$0] }
            view.snapshots = .final
            // Where an entity's events come from, a spine does not say.
            view.isPartitionedByEntity = false
            return view
        }
        for (pick, name) in zip(picked, names) {
            let view = views.firstIndex(of: pick.view)!
            let isLong = prefixed || twice.contains(name)
            outputs.append(
                Output(
                    name: isLong ? "\(plan.views[pick.view].name)__\(name)" : name, view: view,
                    value: places[view].firstIndex(of: pick.value)!))
        }
    }

    private static func unknown(_ kind: String, _ name: String, _ names: [String]) -> WorkerError {
        let nearest = nearestName(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
        return WorkerError("--features: unknown \(kind) \(name)\(nearest)", isInput: true)
    }
}
