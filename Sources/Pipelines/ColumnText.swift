public import Aggregates
import Records

extension InputPlan {
    /// Canonical text: columns of equal text over fields that are read alike hold the same values.
    func text(names: [String]) -> String {
        let argument = argument.map { $0.text(names: names) } ?? "*"
        return condition.map { "\(argument) where \($0.text(names: names))" } ?? argument
    }

    func forEachField(_ body: (Int) -> Void) {
        argument?.forEachField(body)
        condition?.forEachField(body)
    }
}

extension ValuePlan {
    /// Text that says what it is, but for its name.
    func text(_ view: ViewPlan, names: [String]) -> String {
        let column = input.map { view.inputs[$0] }
        var text = "\(function.rawValue)(\(column?.argument.map { $0.text(names: names) } ?? ""))"
        if isExtra { text = "events before the window" }
        if let condition = column?.condition { text += " where \(condition.text(names: names))" }
        text += " over \(window.map(\.text) ?? "lifetime")"
        if delay > .zero { text += " delayed by \(delay.text)" }
        if let resolution { text += " to \(resolution.text)" }
        return text
    }
}

extension ViewPlan {
    /// What the values of a column need of the events, and what is kept beyond that.
    public func needs(of input: Int) -> Needs {
        values.reduce(into: inputs[input].keptNeeds) { if $1.input == input { $0.formUnion($1.function.needs) } }
    }

    /// Whether logs keep each event's partition and offset, to order those of one instant.
    public var isOrdered: Bool { keepsOrder || values.contains { $0.function.needs.contains(.ends) } }
}
