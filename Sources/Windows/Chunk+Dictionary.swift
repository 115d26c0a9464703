internal import Records

/// The texts of a column of a chunk, each once: up to 64 `LoggedText` words, used ones first.
///
/// With more, a word per event is smaller.
@safe
struct TextDictionary: BitwiseCopyable {
    /// No text: none is that long.
    static let free: Int64 = -1
    private let words: UnsafeMutablePointer<Int64>
    let capacity: Int

    init?(_ column: ColumnWords, _ form: LaneForm) {
        guard let front = unsafe column.front else { return nil }
        unsafe words = front.assumingMemoryBound(to: Int64.self)
        capacity = form.frontWords
    }

    var hasRoom: Bool { unsafe words[capacity &- 1] == TextDictionary.free }

    subscript(_ code: Int) -> LoggedText {
        get { unsafe LoggedText(word: words[code]) }
        nonmutating set { unsafe words[code] = newValue.word }
    }

    /// The code of a text of the chunk; where it is not there, that of the free place behind the others, or the capacity.
    func find(_ bytes: UnsafeRawBufferPointer, in chunk: Chunk) -> (code: Int, isThere: Bool) {
        var code = 0
        if bytes.count <= LoggedText.inlineMax {
            let word = unsafe LoggedText(inline: bytes).word
            while code < capacity, unsafe words[code] != TextDictionary.free {
                if unsafe words[code] == word { return (code, true) }
                code &+= 1
            }
            return (code, false)
        }
        while code < capacity, unsafe words[code] != TextDictionary.free {
            let text = self[code]
            if !text.isInline, text.length == bytes.count,
                unsafe chunk.withBytes(text, { unsafe compareBytes($0, bytes) }) == 0
            {
                return (code, true)
            }
            code &+= 1
        }
        return (code, false)
    }

    /// The size for so many texts and some to come, as a power of two.
    static func entriesLog2(for distinct: Int) -> Int {
        var log = 0
        while 1 << log < distinct + distinct >> 3 { log += 1 }
        return log
    }
}

extension Chunk {
    /// The dictionary of a column of texts; nil where it has none.
    func dictionary(_ column: LogLayout.Column, _ layout: LogLayout) -> TextDictionary? {
        TextDictionary(words(column, layout), form(column.wordLane))
    }

    /// Whether a text can go into its lane as it is.
    func holds(_ bytes: UnsafeRawBufferPointer, _ column: LogLayout.Column, _ layout: LogLayout) -> Bool {
        guard let dictionary = dictionary(column, layout) else { return unsafe bytes.isEmpty || width(column.wordLane) == 8 }
        return unsafe dictionary.hasRoom || dictionary.find(bytes, in: self).isThere
    }

    /// What goes into the lane for a text. Requires: the lane holds it.
    func number(_ bytes: UnsafeRawBufferPointer, _ column: LogLayout.Column, _ layout: LogLayout) -> Int64 {
        guard let dictionary = dictionary(column, layout) else {
            return unsafe bytes.isEmpty ? 0 : intern(bytes).word
        }
        let (code, isThere) = unsafe dictionary.find(bytes, in: self)
        if !isThere { unsafe dictionary[code] = intern(bytes) }
        return Int64(code)
    }

    /// Appends the texts `[from, to)` of another chunk's column behind the `count` that there are.
    func appendTexts(_ other: Chunk, _ column: LogLayout.Column, from: Int, to: Int, at start: Int, _ layout: LogLayout) {
        let (lane, source) = (lane(column.wordLane, layout), other.words(column, layout))
        let nulls = other.nulls(column, layout)
        let isCoded = form(column.wordLane).hasFront
        guard source.isCoded else {
            for row in from..<to {
                let text = LoggedText(word: source[row])
                let isKept = nulls[row] != 0 || !isCoded && text.isInline
                lane[start &+ row &- from] =
                    isKept ? text.word : unsafe other.withBytes(text) { unsafe number($0, column, layout) }
            }
            return
        }
        // Each text once.
        unsafe withUnsafeTemporaryAllocation(of: Int64.self, capacity: Chunk.eventsMax) { known in
            unsafe known.update(repeating: TextDictionary.free)
            for row in from..<to {
                guard nulls[row] == 0 else {
                    lane[start &+ row &- from] = 0
                    continue
                }
                let code = source.code(row)
                if unsafe known[code] == TextDictionary.free {
                    let text = LoggedText(word: source[row])
                    unsafe known[code] = other.withBytes(text) { unsafe number($0, column, layout) }
                }
                lane[start &+ row &- from] = unsafe known[code]
            }
        }
    }

    /// The form for the texts of the events of a chunk from `from` on and of one more: a dictionary where that is smaller.
    static func textForm(
        _ column: LogLayout.Column, of kept: Chunk?, from: Int, with batch: EventBatch?, _ row: Int, _ index: Int,
        _ capacity: Int, _ layout: LogLayout
    ) -> LaneForm {
        let next = batch.map { TextReference(word: $0.words[index][row]) }
        let distinctMax = capacity / 2
        var (distinct, longest) = (0, next?.length ?? 0)
        var isNew = next != nil
        if let kept {
            // A word of each text.
            unsafe withUnsafeTemporaryAllocation(of: Int64.self, capacity: Chunk.eventsMax) { seen in
                let (words, nulls) = (kept.words(column, layout), kept.nulls(column, layout))
                for row in from..<max(from, kept.count) where nulls[row] == 0 && distinct <= distinctMax {
                    let text = LoggedText(word: words[row])
                    var known = 0
                    while known < distinct, unsafe !kept.isSame(seen[known], text) { known &+= 1 }
                    guard known == distinct else { continue }
                    unsafe seen[distinct] = text.word
                    distinct += 1
                    longest = max(longest, text.length)
                    if let batch, let next, isNew, text.length == next.length {
                        isNew = unsafe kept.withBytes(text) { unsafe compareBytes($0, batch.text.bytes(next)) } != 0
                    }
                }
            }
        }
        if isNew { distinct += 1 }
        if longest == 0 { return .plain(0) }
        let (coded, plain) = (LaneForm.coded(entriesLog2: TextDictionary.entriesLog2(for: distinct)), LaneForm.plain(8))
        return distinct <= distinctMax && coded.bytes(capacity: capacity) < plain.bytes(capacity: capacity) ? coded : plain
    }

    /// Whether two texts of this chunk are the same.
    private func isSame(_ word: Int64, _ text: LoggedText) -> Bool {
        if word == text.word { return true }
        let other = LoggedText(word: word)
        guard !text.isInline, !other.isInline, text.length == other.length else { return false }
        return Chunk.compare(text, in: self, other, in: self) == 0
    }
}
