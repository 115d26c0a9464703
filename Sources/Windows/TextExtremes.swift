internal import Records

/// The least and the greatest of some texts of a log, byte by byte: where they lie.
///
/// A chunk's texts stay where they are as long as the chunk does: whoever puts another in its place makes what was kept of
/// it anew. Of equal texts any one stands for all.
public struct TextExtremes: BitwiseCopyable {
    /// A text of a chunk.
    struct Place: BitwiseCopyable {
        /// 0: none.
        var chunk: UInt = 0
        var word: Int64 = 0

        var text: (text: LoggedText, chunk: Chunk)? {
            unsafe UnsafeMutableRawPointer(bitPattern: chunk).map { unsafe (LoggedText(word: word), Chunk($0)) }
        }

        /// Negative, zero or positive as it is before, equal to or after another. Requires: both are there.
        @inline(__always)
        func compared(to other: Place) -> Int {
            if chunk == other.chunk && word == other.word { return 0 }
            return unsafe Chunk.compare(
                LoggedText(word: word), in: Chunk(UnsafeMutableRawPointer(bitPattern: chunk)!),
                LoggedText(word: other.word), in: Chunk(UnsafeMutableRawPointer(bitPattern: other.chunk)!))
        }
    }

    private var leastPlace = Place()
    private var greatestPlace = Place()

    /// Of no text.
    public init() {}

    /// nil where there is no text.
    public var least: (text: LoggedText, chunk: Chunk)? { leastPlace.text }
    public var greatest: (text: LoggedText, chunk: Chunk)? { greatestPlace.text }

    @inline(__always)
    private mutating func add(_ place: Place) {
        if leastPlace.chunk == 0 {
            leastPlace = place
            greatestPlace = place
        } else if place.compared(to: leastPlace) < 0 {
            leastPlace = place
        } else if place.compared(to: greatestPlace) > 0 {
            greatestPlace = place
        }
    }

    /// Adds the texts of the events `[from, to)`, each of a dictionary once.
    mutating func add(_ chunk: Chunk, _ column: LogLayout.Column, from: Int, to: Int, _ layout: LogLayout) {
        let (words, nulls) = (chunk.words(column, layout), chunk.nulls(column, layout))
        var added: UInt64 = 0
        for row in from..<to where nulls[row] == 0 {
            if words.isCoded {
                let bit: UInt64 = 1 << UInt64(words.code(row))
                if added & bit != 0 { continue }
                added |= bit
            }
            add(word: words[row], chunk)
        }
    }
}

extension TextExtremes: ChunkSummary {
    init(_ chunk: Chunk, _ column: LogLayout.Column, _ layout: LogLayout) {
        self.init()
        add(chunk, column, from: 0, to: chunk.count, layout)
    }

    mutating func add(word: Int64, _ chunk: Chunk) {
        add(unsafe Place(chunk: UInt(bitPattern: chunk.base), word: word))
    }

    mutating func merge(_ other: TextExtremes) {
        guard other.leastPlace.chunk != 0 else { return }
        add(other.leastPlace)
        add(other.greatestPlace)
    }
}

extension TimeLog {
    /// Adds the least and the greatest text of a column between two places. Requires: text, and extremes in the column's needs.
    ///
    /// - Parameter memo: see `addMoments`.
    public func addTextExtremes(
        _ index: Int, from: LogPosition, to: LogPosition, memo: Int = .max, to extremes: inout TextExtremes, _ layout: LogLayout
    ) {
        guard !isEmpty else { return }
        let column = layout.column(index)
        guard hasManyChunks else { return extremes.add(chunk, column, from: from.row, to: to.row, layout) }
        let oldest = tree.group(from.group, layout)[from.chunk]
        if from.group == to.group && from.chunk == to.chunk {
            return extremes.add(oldest, column, from: from.row, to: to.row, layout)
        }
        addMiddle(column, from: from, to: to, memo: memo, to: &extremes, layout)
        extremes.add(oldest, column, from: from.row, to: oldest.count, layout)
        let last = tree.group(to.group, layout)
        if to.row == last[to.chunk].count {
            extremes.merge(last.summaries(column, as: TextExtremes.self, layout)[to.chunk])
        } else {
            extremes.add(last[to.chunk], column, from: 0, to: to.row, layout)
        }
    }
}
