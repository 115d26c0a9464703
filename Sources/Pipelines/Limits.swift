import Records

/// What bounds a pipeline file: enough for any that a person or a generator writes, and little enough that a hostile one ends quickly.
enum Limits {
    /// A megabyte of YAML composes in well under a second.
    static let fileBytesMax = 1 << 20
    /// Nodes that are read, an alias counted as often as it is used: a file of a megabyte without aliases stays below.
    static let nodesMax = 1 << 20
    /// Errors that are reported; whoever has more starts again anyway.
    static let errorsMax = 100
    /// Names become column names and parts of paths.
    static let nameBytesMax = 64
    /// Values of one view: each is a column of every row of its offline log.
    static let valuesMax = 4096
    /// Sources, views and fields of one source.
    static let entriesMax = 4096
    /// Events that stay exact under a resolution: more than one chunk of a log, and not more than a count of them holds.
    static let resolutionEvents = 128...1_000_000_000
    /// Shorter tiles would be larger than the events in them.
    static let resolutionStepMin = TimeSpan(microseconds: 1_000_000)
    /// Levels of an expression: the parser, the checker and the evaluator recurse on it.
    static let expressionDepthMax = 200
}
