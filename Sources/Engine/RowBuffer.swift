public import Records

/// Snapshot rows of one view on their way out, in columns. Reused once its rows were taken.
public final class RowBuffer {
    public let capacity: Int
    public var count = 0
    /// Event times, in microseconds.
    public let times: Lane<Int64>
    public let partitions: Lane<Int64>
    public let offsets: Lane<Int64>
    /// One per field of the entity; never null.
    public let entity: [Column]
    /// One per value of the view.
    public let values: [Column]
    /// The texts of entity and value columns.
    public var text: TextArena

    public init(entity: [FieldType], values: [FieldType], capacity: Int) {
        self.capacity = capacity
        times = .allocate(capacity)
        partitions = .allocate(capacity)
        offsets = .allocate(capacity)
        self.entity = entity.map { Column(type: $0, capacity: capacity) }
        self.values = values.map { Column(type: $0, capacity: capacity) }
        entityWords = .allocate(entity.count)
        for (index, column) in self.entity.enumerated() { entityWords[index] = column.words }
        valueWords = .allocate(values.count)
        valueValid = .allocate(values.count)
        for (index, column) in self.values.enumerated() {
            valueWords[index] = column.words
            valueValid[index] = column.valid
        }
        for column in self.entity { for row in 0..<capacity { column.valid[row] = 1 } }
        text = TextArena()
    }

    deinit {
        for column in entity + values { column.deallocate() }
        times.deallocate()
        partitions.deallocate()
        offsets.deallocate()
        entityWords.deallocate()
        valueWords.deallocate()
        valueValid.deallocate()
    }

    /// The words of the columns of `entity`, and the columns of `values`, once more without their arrays.
    public let entityWords: Lane<Lane<Int64>>
    public let valueWords: Lane<Lane<Int64>>
    public let valueValid: Lane<Lane<UInt8>>

    public var room: Int { capacity - count }

    /// Keeps the rows for which `body` is true, in their order.
    public func keep(_ body: (Int) -> Bool) {
        var kept = 0
        for row in 0..<count where body(row) {
            if kept < row {
                for lane in [times, partitions, offsets] { lane[kept] = lane[row] }
                for column in entity { column.words[kept] = column.words[row] }
                for column in values {
                    column.words[kept] = column.words[row]
                    column.valid[kept] = column.valid[row]
                }
            }
            kept += 1
        }
        count = kept
    }

    public func removeAll() {
        count = 0
        text.removeAll()
    }
}
