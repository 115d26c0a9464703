/// Growing bytes of a stored format: little-endian fixed widths, LEB128 varints, zigzag for signed ones.
@safe
public struct ByteWriter: ~Copyable, @unchecked Sendable {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    public private(set) var count = 0

    public init(capacity: Int = 256) {
        self.capacity = capacity
        unsafe base = .allocate(capacity: capacity)
    }

    deinit { unsafe base.deallocate() }

    public mutating func removeAll() { count = 0 }

    /// What was written, lent to `body`.
    public func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        unsafe try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// The bytes from `start` on, lent to `body`.
    public func withBytes<R, E: Error>(from start: Int, _ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        unsafe try body(UnsafeRawBufferPointer(start: base + start, count: count - start))
    }

    @inline(__always)
    private mutating func reserve(_ length: Int) {
        if count &+ length > capacity { grow(to: count + length) }
    }

    private mutating func grow(to needed: Int) {
        let wanted = max(needed, capacity * 2)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
        unsafe larger.update(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = larger
        capacity = wanted
    }

    public mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        let size = MemoryLayout<Number>.size
        reserve(size)
        unsafe UnsafeMutableRawPointer(base + count).storeBytes(of: number.littleEndian, as: Number.self)
        count &+= size
    }

    /// Big endian, so that bytes sort as the numbers do.
    public mutating func append<Number: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(ordered number: Number) {
        append(number.bigEndian)
    }

    public mutating func append(varint number: UInt64) {
        reserve(10)
        var rest = number
        while rest >= 0x80 {
            unsafe base[count] = UInt8(truncatingIfNeeded: rest) | 0x80
            count &+= 1
            rest >>= 7
        }
        unsafe base[count] = UInt8(truncatingIfNeeded: rest)
        count &+= 1
    }

    public mutating func append(zigzag number: Int64) {
        append(varint: UInt64(bitPattern: number << 1 ^ number >> 63))
    }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        if let start = bytes.baseAddress {
            unsafe UnsafeMutableRawPointer(base + count).copyMemory(from: start, byteCount: bytes.count)
        }
        count &+= bytes.count
    }

    /// A varint length, then the UTF-8 bytes.
    public mutating func append(_ string: String) {
        var string = string
        string.withUTF8 {
            append(varint: UInt64($0.count))
            unsafe append(UnsafeRawBufferPointer($0))
        }
    }

    /// Overwrites four bytes that were written before.
    public mutating func set(_ number: UInt32, at position: Int) {
        precondition(position + 4 <= count)
        unsafe UnsafeMutableRawPointer(base + position).storeBytes(of: number.littleEndian, as: UInt32.self)
    }

    /// Forgets what was written from `length` on.
    public mutating func truncate(to length: Int) {
        precondition(length <= count)
        count = length
    }
}

/// Reads what a `ByteWriter` wrote. Running past the end, or over nonsense, throws `CorruptBytes`.
@safe
public struct ByteReader: ~Copyable {
    private let bytes: UnsafeRawBufferPointer
    public private(set) var position = 0

    public init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

    public var remaining: Int { unsafe bytes.count - position }

    public mutating func read<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) throws(CorruptBytes) -> Number {
        let size = MemoryLayout<Number>.size
        guard remaining >= size else { throw CorruptBytes() }
        defer { position &+= size }
        return unsafe Number(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
    }

    public mutating func readVarint() throws(CorruptBytes) -> UInt64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while unsafe position < bytes.count {
            let byte = unsafe bytes[position]
            position &+= 1
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return result }
            shift &+= 7
            if shift > 63 { throw CorruptBytes() }
        }
        throw CorruptBytes()
    }

    public mutating func readZigzag() throws(CorruptBytes) -> Int64 {
        let bits = try readVarint()
        return Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1)
    }

    /// The next `length` bytes; they belong to whoever lent the reader its bytes.
    @unsafe
    public mutating func read(length: Int) throws(CorruptBytes) -> UnsafeRawBufferPointer {
        guard length >= 0, remaining >= length else { throw CorruptBytes() }
        defer { position += length }
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[position..<(position + length)])
    }

    public mutating func readString() throws(CorruptBytes) -> String {
        let length = try readVarint()
        guard length <= UInt64(remaining) else { throw CorruptBytes() }
        return unsafe String(decoding: try read(length: Int(length)), as: UTF8.self)
    }
}

/// Stored bytes that do not have the form they should have.
public struct CorruptBytes: Error, Hashable, Sendable {
    public init() {}
}
