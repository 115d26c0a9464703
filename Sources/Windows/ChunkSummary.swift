internal import Aggregates
internal import Records

/// What a long log keeps of each chunk's values in a column, and of each group's: a commutative monoid, so that neither the
/// shape of the log nor the order of arrival shows.
protocol ChunkSummary: BitwiseCopyable {
    /// Of no value.
    init()
    /// Of a chunk's values.
    init(_ chunk: Chunk, _ column: LogLayout.Column, _ layout: LogLayout)
    /// Adds one of a chunk's words.
    mutating func add(word: Int64, _ chunk: Chunk)
    mutating func merge(_ other: Self)
}

extension Moments: ChunkSummary {
    init(_ chunk: Chunk, _ column: LogLayout.Column, _ layout: LogLayout) {
        self.init()
        chunk.addMoments(column, from: 0, to: chunk.count, to: &self, layout)
    }

    @inline(__always)
    mutating func add(word: Int64, _ chunk: Chunk) { add(word) }
}

extension DoubleMoments: ChunkSummary {
    init(_ chunk: Chunk, _ column: LogLayout.Column, _ layout: LogLayout) {
        self.init()
        let words = chunk.words(column, layout)
        for row in 0..<chunk.count where chunk.isValid(row, column, layout) { add(word: words[row], chunk) }
    }

    mutating func add(word: Int64, _ chunk: Chunk) { add(Double(bitPattern: UInt64(bitPattern: word))) }
}
