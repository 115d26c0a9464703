public import Records

/// Events on their way into one shard, in the order in which they are applied: columns over the view's inputs.
public final class EventBatch {
    public let capacity: Int
    public var count = 0
    public let times: Lane<Int64>
    public let partitions: Lane<Int32>
    public let offsets: Lane<Int64>
    /// When each event can be seen, in microseconds, where that is asked for: see `Visibility`.
    public let visibleFrom: Lane<Int64>
    /// The hash of the entity's key, and where the key's bytes lie in `text`.
    public let hashes: Lane<UInt64>
    public let keys: Lane<Int64>
    public let columnCount: Int
    public let words: Lane<Lane<Int64>>
    public let valid: Lane<Lane<UInt8>>
    public var text: TextArena

    public init(columnCount: Int, capacity: Int) {
        self.capacity = capacity
        self.columnCount = columnCount
        times = .allocate(capacity)
        partitions = .allocate(capacity)
        offsets = .allocate(capacity)
        visibleFrom = .allocate(capacity)
        hashes = .allocate(capacity)
        keys = .allocate(capacity)
        words = .allocate(columnCount)
        valid = .allocate(columnCount)
        for column in 0..<columnCount {
            words[column] = .allocate(capacity)
            valid[column] = .allocate(capacity)
        }
        text = TextArena()
    }

    deinit {
        for column in 0..<columnCount {
            words[column].deallocate()
            valid[column].deallocate()
        }
        times.deallocate()
        partitions.deallocate()
        offsets.deallocate()
        visibleFrom.deallocate()
        hashes.deallocate()
        keys.deallocate()
        words.deallocate()
        valid.deallocate()
    }

    /// Appends an event of another batch. Requires: room, and the layout of both.
    public func append(_ row: Int, of other: EventBatch, _ layout: LogLayout) {
        times[count] = other.times[row]
        partitions[count] = other.partitions[row]
        offsets[count] = other.offsets[row]
        visibleFrom[count] = other.visibleFrom[row]
        hashes[count] = other.hashes[row]
        keys[count] = text.append(TextReference(word: other.keys[row]), of: other.text).word
        for column in 0..<columnCount {
            let isText = layout.column(column).kind == .text && other.valid[column][row] != 0
            let word = other.words[column][row]
            words[column][count] = isText ? text.append(TextReference(word: word), of: other.text).word : word
            valid[column][count] = other.valid[column][row]
        }
        count += 1
    }

    public func removeAll() {
        count = 0
        text.removeAll()
    }
}
