/// One thing that is wrong in a pipeline file, and where.
public struct PipelineError: Error, Hashable, Sendable {
    public var file: String
    /// From 1.
    public var line: Int
    /// From 1, in Unicode scalars.
    public var column: Int
    public var what: String
    /// What may stand there.
    public var expected: String?
    /// The nearest known name, where one is near.
    public var suggestion: String?

    public init(file: String, line: Int, column: Int, what: String, expected: String? = nil, suggestion: String? = nil) {
        self.file = file
        self.line = line
        self.column = column
        self.what = what
        self.expected = expected
        self.suggestion = suggestion
    }
}

extension PipelineError: CustomStringConvertible {
    /// `file:line:column: what; expected …; did you mean …?`
    public var description: String {
        var text = "\(file):\(line):\(column): \(what)"
        if let expected { text += "; expected \(expected)" }
        if let suggestion { text += "; did you mean \(suggestion)?" }
        return text
    }
}

/// Everything that is wrong in a pipeline file, in the order of its lines; never empty.
public struct PipelineErrors: Error, Hashable, Sendable {
    public var errors: [PipelineError]

    public init(errors: [PipelineError]) { self.errors = errors }
}

extension PipelineErrors: CustomStringConvertible {
    /// One line per error.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
