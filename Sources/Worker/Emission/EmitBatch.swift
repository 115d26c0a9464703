internal import Records

/// Rows on their way to a topic: their keys and values, one message after the other. Reused.
final class EmitBatch {
    struct Message: BitwiseCopyable {
        var start: Int
        var keyEnd: Int
        var end: Int
        var timestampMilliseconds: Int64
    }

    var bytes = TextArena(capacity: 1 << 16)
    private(set) var messages: [Message] = []

    /// The `keyLength + valueLength` bytes at the end are a message.
    func add(keyLength: Int, valueLength: Int, timestampMilliseconds: Int64) {
        let start = bytes.count
        bytes.advance(by: keyLength + valueLength)
        messages.append(
            Message(
                start: start, keyEnd: start + keyLength, end: bytes.count, timestampMilliseconds: timestampMilliseconds))
    }

    /// Lends a message's key and value.
    func withMessage<R, E: Error>(
        _ message: Message, _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        let key = TextReference(offset: message.start, length: message.keyEnd - message.start)
        let value = TextReference(offset: message.keyEnd, length: message.end - message.keyEnd)
        return unsafe try body(bytes.bytes(key), bytes.bytes(value))
    }

    func removeAll() {
        bytes.removeAll()
        messages.removeAll(keepingCapacity: true)
    }
}
