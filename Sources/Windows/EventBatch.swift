public import Records

/// Events on their way into one shard, in the order in which they are applied: columns over the view's inputs.
public final class EventBatch {
    public let capacity: Int
    public var count = 0
    public let times: Lane<Int64>
    public let partitions: Lane<Int32>
    public let offsets: Lane<Int64>
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
        hashes.deallocate()
        keys.deallocate()
        words.deallocate()
        valid.deallocate()
    }

    public func removeAll() {
        count = 0
        text.removeAll()
    }
}
