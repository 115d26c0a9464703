internal import Engine
internal import Records

/// Holds a producer to its promise that a topic is partitioned by a field: a bounded sample of values and their partitions.
final class KeySamples {
    private let field: String
    private let source: String
    private let column: Int
    private let hashes: Lane<UInt64>
    private let partitions: Lane<Int32>

    init(field: String, source: String, column: Int) {
        self.field = field
        self.source = source
        self.column = column
        hashes = .allocate(Bounds.keySamples, repeating: 0)
        partitions = .allocate(Bounds.keySamples, repeating: -1)
    }

    deinit {
        hashes.deallocate()
        partitions.deallocate()
    }

    /// Looks at all rows; throws at the first value that is in two partitions.
    func check(_ records: RecordBatch) throws(WorkerError) {
        let words = records.columns[column].words
        let isText = records.columns[column].type == .string
        for row in 0..<records.count {
            let word = words[row]
            let hash =
                isText
                ? unsafe EntityKey.hash(records.text.bytes(TextReference(word: word)))
                : UInt64(bitPattern: word) &* 0x9E37_79B9_7F4A_7C15
            let slot = Int(hash >> 48) & (Bounds.keySamples - 1)
            let partition = records.partitions[row]
            if hashes[slot] == hash && partitions[slot] == partition { continue }
            if partitions[slot] < 0 {
                hashes[slot] = hash
                partitions[slot] = partition
            } else if hashes[slot] == hash {
                throw broken(isText ? records.text.string(TextReference(word: word)) : String(word), partitions[slot], partition)
            }
        }
    }

    private func broken(_ value: String, _ first: Int32, _ second: Int32) -> WorkerError {
        WorkerError(
            "source \(source): \(field) \(value) is in partitions \(first) and \(second) of the topic, so the topic"
                + " is not partitioned by it; take `key: \(field)` out of the pipeline file, or mend the producer",
            isInput: true)
    }
}
