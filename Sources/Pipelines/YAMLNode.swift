/// A place in a pipeline file: line and column from 1, the column in Unicode scalars.
struct Position: Hashable, Comparable {
    var line: Int
    var column: Int

    static func < (a: Position, b: Position) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// A YAML value and where it stands. Aliases are resolved: they share what they stand for, and its place.
struct YAMLNode {
    enum Content {
        case scalar(YAMLScalar)
        case mapping([YAMLEntry])
        case sequence([YAMLNode])
    }
    var position: Position
    var content: Content

    /// As a message names it.
    var kind: String {
        switch content {
        case .scalar(let scalar): scalar.isEmpty ? "nothing" : "a single value"
        case .mapping: "a mapping"
        case .sequence: "a list"
        }
    }
}

struct YAMLEntry {
    var key: YAMLScalar
    var value: YAMLNode
}

struct YAMLScalar {
    enum Style { case plain, singleQuoted, doubleQuoted, block }
    var text: String
    var style: Style
    var position: Position

    /// Nothing stands there; `""` is something.
    var isEmpty: Bool { style == .plain && text.isEmpty }
}
