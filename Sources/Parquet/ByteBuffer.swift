/// Growing memory for output bytes; emptied, not freed, between uses.
@safe
struct ByteBuffer: ~Copyable, @unchecked Sendable {
    /// Bytes behind the content that a reader which looks at whole words may touch; there only if they were reserved.
    static let padding = 16

    private(set) var base: UnsafeMutableRawPointer
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int = 4096) {
        self.capacity = capacity
        unsafe base = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit { unsafe base.deallocate() }

    var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

    mutating func removeAll() { count = 0 }

    /// Forgets the first bytes and moves the others to the front.
    mutating func removeFirst(_ length: Int) {
        assert(length <= count)
        count -= length
        unsafe base.copyMemory(from: base + length, byteCount: count)
    }

    /// Ensures room for `length` more bytes and returns where they start; `advance` then counts those that were written.
    @inline(__always)
    mutating func reserve(_ length: Int) -> UnsafeMutableRawPointer {
        if count + length > capacity { grow(to: count + length) }
        return unsafe base + count
    }

    @inline(never)
    private mutating func grow(to least: Int) {
        let wanted = max(capacity * 2, least)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 64)
        unsafe larger.copyMemory(from: base, byteCount: count)
        unsafe base.deallocate()
        unsafe base = larger
        capacity = wanted
    }

    @inline(__always)
    mutating func advance(by length: Int) {
        assert(count + length <= capacity)
        count += length
    }

    mutating func append(_ byte: UInt8) {
        unsafe reserve(1).storeBytes(of: byte, as: UInt8.self)
        advance(by: 1)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        unsafe reserve(bytes.count).copyMemory(from: source, byteCount: bytes.count)
        advance(by: bytes.count)
    }

    mutating func append(_ bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe append($0) } }

    mutating func append(littleEndian value: UInt32) {
        unsafe reserve(4).storeBytes(of: value.littleEndian, as: UInt32.self)
        advance(by: 4)
    }

    /// ULEB128, the variable-length integer of both Thrift and the encodings.
    mutating func append(varint value: UInt64) {
        let start = unsafe reserve(10)
        var rest = value
        var length = 0
        while rest >= 0x80 {
            unsafe start.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: length, as: UInt8.self)
            rest >>= 7
            length += 1
        }
        unsafe start.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: length, as: UInt8.self)
        advance(by: length + 1)
    }

    mutating func append(zigzag value: Int64) { append(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

    /// Overwrites four bytes, for a length that is known only after what it counts.
    mutating func replace(at offset: Int, littleEndian value: UInt32) {
        assert(offset + 4 <= count)
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
    }
}

/// Uninitialised memory that is reused and grows on demand, its content lost.
@safe
struct Scratch<Element: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
    private var base: UnsafeMutablePointer<Element>
    private var capacity: Int

    init(capacity: Int = 1024) {
        self.capacity = capacity
        unsafe base = .allocate(capacity: capacity)
    }

    deinit { unsafe base.deallocate() }

    /// Where `count` elements may be written; valid until the next call.
    mutating func room(for count: Int) -> UnsafeMutablePointer<Element> {
        if count > capacity {
            unsafe base.deallocate()
            capacity = max(count, capacity * 2)
            unsafe base = .allocate(capacity: capacity)
        }
        return unsafe base
    }
}
