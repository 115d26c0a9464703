internal import Glibc

/// Keys for one `multiGet`: their bytes on end in one buffer, and where each ends. Filled anew for each turn without
/// allocating, once it has grown to its size.
@safe
public struct KeyList: ~Copyable, @unchecked Sendable {
    private var bytes: UnsafeMutableRawBufferPointer
    private var ends: UnsafeMutableBufferPointer<Int>
    public private(set) var count = 0

    /// Whether each key so far was at or above the one before; sorted lists spare `multiGet` the sorting.
    public private(set) var isSorted = true

    public init(keysExpected: Int = 256, bytesExpected: Int = 256 * 32) {
        unsafe bytes = .allocate(byteCount: max(bytesExpected, 16), alignment: 8)
        unsafe ends = .allocate(capacity: max(keysExpected, 16))
    }

    deinit {
        unsafe bytes.deallocate()
        unsafe ends.deallocate()
    }

    public var byteCount: Int { count == 0 ? 0 : unsafe ends[count - 1] }

    public mutating func append(_ key: UnsafeRawBufferPointer) {
        let start = byteCount
        reserve(bytesMore: key.count)
        unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).copyMemory(from: key)
        unsafe ends[count] = start + key.count
        count += 1
        if isSorted && count > 1 { isSorted = unsafe !precedes(self[count - 1], self[count - 2]) }
    }

    public mutating func removeAll() {
        count = 0
        isSorted = true
    }

    /// The key at `index`, until the list changes.
    @unsafe
    public subscript(_ index: Int) -> UnsafeRawBufferPointer {
        precondition(index >= 0 && index < count)
        let start = index == 0 ? 0 : unsafe ends[index - 1]
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<ends[index]])
    }

    private mutating func reserve(bytesMore: Int) {
        if unsafe count == ends.count {
            let grown = UnsafeMutableBufferPointer<Int>.allocate(capacity: count * 2)
            _ = unsafe grown.initialize(fromContentsOf: ends)
            unsafe ends.deallocate()
            unsafe ends = grown
        }
        let needed = byteCount + bytesMore
        if unsafe needed > bytes.count {
            let grown = unsafe UnsafeMutableRawBufferPointer.allocate(byteCount: max(needed, bytes.count * 2), alignment: 8)
            unsafe grown.copyMemory(from: UnsafeRawBufferPointer(bytes))
            unsafe bytes.deallocate()
            unsafe bytes = grown
        }
    }
}

/// Whether `a` comes before `b` in the order of the database.
func precedes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    let shared = min(a.count, b.count)
    let order = shared == 0 ? 0 : unsafe memcmp(a.baseAddress!, b.baseAddress!, shared)
    return order != 0 ? order < 0 : a.count < b.count
}
