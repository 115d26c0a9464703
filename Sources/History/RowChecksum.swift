public import Engine
internal import Records

/// The number of rows of a view and a checksum of their entities, event times and values that does not depend on the rows'
/// order, nor on partition, offset or when they were made: equal rows, equal checksum.
public struct RowChecksum: Equatable, Sendable {
    public private(set) var rows = 0
    public private(set) var checksum: UInt64 = 0

    public init() {}

    public mutating func add(_ buffer: RowBuffer) {
        for row in 0..<buffer.count {
            var hash = RowChecksum.mix(0x9E37_79B9_7F4A_7C15, UInt64(bitPattern: buffer.times[row]))
            for column in buffer.entity { hash = RowChecksum.mix(hash, word(column, row, buffer)) }
            for column in buffer.values {
                hash = RowChecksum.mix(hash, column.valid[row] == 0 ? 0x6E75_6C6C : word(column, row, buffer) ^ 0x9E37)
            }
            checksum &+= hash
        }
        rows += buffer.count
    }

    public mutating func add(_ other: RowChecksum) {
        rows += other.rows
        checksum &+= other.checksum
    }

    private func word(_ column: Column, _ row: Int, _ buffer: RowBuffer) -> UInt64 {
        guard column.type == .string else { return UInt64(bitPattern: column.words[row]) }
        return unsafe EntityKey.hash(buffer.text.bytes(TextReference(word: column.words[row])))
    }

    private static func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let (high, low) = (state ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return (high ^ low) &+ state
    }
}
