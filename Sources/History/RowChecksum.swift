internal import CKernels
public import Engine
internal import Records

/// The number of rows of a view and a checksum of their entities, event times and values that does not depend on the rows'
/// order, nor on partition, offset or when they were made: equal rows, equal checksum.
///
/// The checksum is the sum of the rows' hashes. They are made a column at a time over a block of rows: a row's hash is a long
/// chain, but the rows do not wait for each other.
public struct RowChecksum: Equatable, Sendable {
    public private(set) var rows = 0
    public private(set) var checksum: UInt64 = 0

    /// Their hashes, and those of the texts of one column, stay in the nearest cache.
    private static let blockRows = 1024

    public init() {}

    public mutating func add(_ buffer: RowBuffer) {
        checksum &+= RowChecksum.sum(buffer)
        rows += buffer.count
    }

    /// Takes rows back that were added.
    public mutating func remove(_ buffer: RowBuffer) {
        checksum &-= RowChecksum.sum(buffer)
        rows -= buffer.count
    }

    private static func sum(_ buffer: RowBuffer) -> UInt64 {
        var checksum: UInt64 = 0
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: Self.blockRows) { hashes in
            unsafe withUnsafeTemporaryAllocation(of: Int64.self, capacity: Self.blockRows) { texts in
                var row = 0
                while row < buffer.count {
                    let count = min(Self.blockRows, buffer.count - row)
                    unsafe checksum &+= RowChecksum.sum(buffer, row, count, hashes.baseAddress!, texts.baseAddress!)
                    row += count
                }
            }
        }
        return checksum
    }

    public mutating func add(_ other: RowChecksum) {
        rows += other.rows
        checksum &+= other.checksum
    }

    private static func sum(
        _ buffer: RowBuffer, _ row: Int, _ count: Int, _ hashes: UnsafeMutablePointer<UInt64>,
        _ texts: UnsafeMutablePointer<Int64>
    ) -> UInt64 {
        unsafe hashes.initialize(repeating: 0, count: count)
        unsafe kernel_hash(hashes, buffer.times.pointer + row, nil, count)
        for column in buffer.entity { unsafe kernel_hash(hashes, words(column, buffer, row, count, texts), nil, count) }
        for column in buffer.values {
            unsafe kernel_hash(hashes, words(column, buffer, row, count, texts), column.valid.pointer + row, count)
        }
        return unsafe kernel_sum_of_hashes(hashes, count)
    }

    /// A column's words from a row on; those of texts become the texts' hashes, which do not tell where the texts lie.
    @unsafe
    private static func words(
        _ column: Column, _ buffer: RowBuffer, _ row: Int, _ count: Int, _ texts: UnsafeMutablePointer<Int64>
    ) -> UnsafePointer<Int64> {
        guard column.type == .string else { return unsafe UnsafePointer(column.words.pointer + row) }
        for index in 0..<count where column.valid[row + index] != 0 {
            let text = TextReference(word: column.words[row + index])
            unsafe texts[index] = unsafe Int64(bitPattern: EntityKey.hash(buffer.text.bytes(text)))
        }
        return unsafe UnsafePointer(texts)
    }
}
