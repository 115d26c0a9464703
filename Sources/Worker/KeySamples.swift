internal import Engine
internal import Records

/// Holds a producer to its promise that a topic is partitioned by a field: a bounded sample of values and their partitions.
final class KeySamples {
    private let field: String
    private let source: String
    private let column: Int
    /// By the upper 16 bits of a value's hash: the other 48, and in the lowest 16 the partition and 1; 0 is empty. A word
    /// each, so that a value costs one line of the cache.
    private let samples: Lane<UInt64>
    /// Of the rows at hand.
    private let hashes = Lane<UInt64>.allocate(Bounds.batchRecords)

    init(field: String, source: String, column: Int) {
        self.field = field
        self.source = source
        self.column = column
        samples = .allocate(1 << 16, repeating: 0)
    }

    deinit {
        samples.deallocate()
        hashes.deallocate()
    }

    /// Looks at all rows; throws at the first value that is in two partitions.
    func check(_ records: RecordBatch) throws(WorkerError) {
        let words = records.columns[column].words
        let isText = records.columns[column].type == .string
        if isText {
            for row in 0..<records.count {
                hashes[row] = unsafe EntityKey.hash(records.text.bytes(TextReference(word: words[row])))
            }
        } else {
            for row in 0..<records.count { hashes[row] = UInt64(bitPattern: words[row]) &* 0x9E37_79B9_7F4A_7C15 }
        }
        // Apart from the hashing, so that the processor has many samples on their way from memory at once.
        for row in 0..<records.count {
            let hash = hashes[row]
            let slot = Int(hash >> 48)
            let partition = records.partitions[row]
            // Partitions beyond what a sample can hold are not sampled.
            guard partition < Int32(UInt16.max) else { continue }
            let sample = hash << 16 | UInt64(partition + 1)
            let found = samples[slot]
            if found == sample { continue }
            if found == 0 {
                samples[slot] = sample
            } else if found >> 16 == sample >> 16 {
                let value = isText ? records.text.string(TextReference(word: words[row])) : String(words[row])
                throw broken(value, Int32(found & 0xFFFF) - 1, partition)
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
