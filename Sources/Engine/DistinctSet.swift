internal import Aggregates
internal import Records
internal import Windows

/// The distinct values among the events walked so far: open addressing, emptied by a new generation.
struct DistinctSet: ~Copyable {
    private struct Entry: BitwiseCopyable {
        var generation: UInt32
        var word: Int64
        var chunk: Chunk?
    }

    private var entries: Lane<Entry>
    private var capacity = 256
    private var generation: UInt32 = 1
    private(set) var count = 0

    init() { entries = .allocate(256, repeating: Entry(generation: 0, word: 0, chunk: nil)) }

    deinit { entries.deallocate() }

    mutating func removeAll() {
        count = 0
        generation &+= 1
        guard generation == 0 else { return }
        for index in 0..<capacity { entries[index].generation = 0 }
        generation = 1
    }

    mutating func insert(_ index: Int, of log: TimeLog, from: LogPosition, to: LogPosition, _ layout: LogLayout) {
        let column = layout.column(index)
        log.forEachPiece(from: from, to: to, layout) { chunk, low, high in
            reserve(high &- low)
            guard column.kind != .presence else { return true }
            let words = chunk.words(column, layout)
            // A chunk's dictionary has each text once.
            var inserted: UInt64 = 0
            for row in low..<high where chunk.isValid(row, column, layout) {
                if words.isCoded {
                    let bit: UInt64 = 1 << UInt64(words.code(row))
                    if inserted & bit != 0 { continue }
                    inserted |= bit
                }
                if column.kind == .text {
                    insert(LoggedText(word: words[row]), in: chunk)
                } else {
                    insert(words[row])
                }
            }
            return true
        }
    }

    private mutating func insert(_ word: Int64) {
        var slot = start(UInt64(bitPattern: word))
        while entries[slot].generation == generation {
            if entries[slot].word == word { return }
            slot = (slot &+ 1) & (capacity &- 1)
        }
        entries[slot] = Entry(generation: generation, word: word, chunk: nil)
        count &+= 1
    }

    private mutating func insert(_ text: LoggedText, in chunk: Chunk) {
        var slot = start(hash(text, in: chunk))
        while entries[slot].generation == generation {
            let other = LoggedText(word: entries[slot].word)
            if text.isInline == other.isInline, text.length == other.length,
                Chunk.compare(text, in: chunk, other, in: entries[slot].chunk ?? chunk) == 0
            {
                return
            }
            slot = (slot &+ 1) & (capacity &- 1)
        }
        entries[slot] = Entry(generation: generation, word: text.word, chunk: chunk)
        count &+= 1
    }

    private func hash(_ text: LoggedText, in chunk: Chunk) -> UInt64 {
        unsafe text.isInline ? UInt64(bitPattern: text.word) : chunk.withBytes(text) { unsafe EntityKey.hash($0) }
    }

    private func start(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 20) & (capacity &- 1)
    }

    /// Keeps the table at most half full after `more` insertions.
    private mutating func reserve(_ more: Int) {
        guard (count + more) * 2 > capacity else { return }
        let old = entries
        let oldCapacity = capacity
        while (count + more) * 2 > capacity { capacity *= 2 }
        entries = .allocate(capacity, repeating: Entry(generation: 0, word: 0, chunk: nil))
        defer { old.deallocate() }
        for index in 0..<oldCapacity where old[index].generation == generation {
            let entry = old[index]
            let hash = entry.chunk.map { self.hash(LoggedText(word: entry.word), in: $0) } ?? UInt64(bitPattern: entry.word)
            var slot = start(hash)
            while entries[slot].generation == generation { slot = (slot + 1) & (capacity - 1) }
            entries[slot] = entry
        }
    }
}
