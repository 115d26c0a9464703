/// A column of a batch: one 64-bit word and one validity byte per row.
///
/// | type | word |
/// |---|---|
/// | int64 | the number |
/// | double | its bit pattern; never NaN or infinite |
/// | bool | 0 or 1 |
/// | decimal(s) | the number of 10^-s |
/// | timestamp | microseconds since the epoch |
/// | string | a `TextReference` into the batch's `text` |
///
/// The word of an invalid (null) row is 0.
public struct Column: Sendable {
    public let type: FieldType
    public let words: Lane<Int64>
    /// 1 where the row has a value, 0 where it is null.
    public let valid: Lane<UInt8>

    public init(type: FieldType, words: Lane<Int64>, valid: Lane<UInt8>) {
        self.type = type
        self.words = words
        self.valid = valid
    }

    public init(type: FieldType, capacity: Int) {
        self.init(type: type, words: .allocate(capacity), valid: .allocate(capacity))
    }

    public func deallocate() {
        words.deallocate()
        valid.deallocate()
    }
}

/// Where a text lies in a `TextArena`: the offset in the upper, the length in bytes in the lower 32 bits of a column's word.
@frozen
public struct TextReference: Hashable, Sendable, BitwiseCopyable {
    public let word: Int64
    @inlinable public init(word: Int64) { self.word = word }
    @inlinable public init(offset: Int, length: Int) { word = Int64(offset) << 32 | Int64(length) }
    @inlinable public var offset: Int { Int(word >> 32) }
    @inlinable public var length: Int { Int(word & 0xFFFF_FFFF) }
}

/// Append-only bytes of UTF-8 text that a batch's string columns point into; emptied, not freed, between batches.
@safe
public struct TextArena: ~Copyable {
    /// Bytes behind the capacity that may be read and overwritten, so that a short text is copied without asking how short.
    private static let padding = 32

    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    public private(set) var capacity: Int
    public private(set) var count = 0

    public init(capacity: Int = 4096) {
        self.capacity = capacity
        unsafe base = .allocate(capacity: capacity + Self.padding)
    }

    deinit { unsafe base.deallocate() }

    public mutating func removeAll() { count = 0 }

    /// Ensures room for `length` more bytes; the caller writes them at `unsafeEnd` and then calls `advance`.
    @inline(__always)
    public mutating func reserve(_ length: Int) {
        if count &+ length > capacity { grow(to: count + length) }
    }

    @inline(never)
    private mutating func grow(to needed: Int) {
        let wanted = max(capacity * 2, needed)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted + Self.padding)
        unsafe larger.update(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = larger
        capacity = wanted
    }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) -> TextReference {
        reserve(bytes.count)
        if let source = bytes.baseAddress {
            unsafe UnsafeMutableRawPointer(base + count).copyMemory(from: source, byteCount: bytes.count)
        }
        defer { count += bytes.count }
        return TextReference(offset: count, length: bytes.count)
    }

    /// Appends a text of another arena.
    @inline(__always)
    public mutating func append(_ text: TextReference, of other: borrowing TextArena) -> TextReference {
        let length = text.length
        reserve(length)
        let source = unsafe UnsafeRawPointer(other.base + text.offset)
        let target = unsafe UnsafeMutableRawPointer(base + count)
        if length <= Self.padding {
            unsafe target.storeBytes(of: source.loadUnaligned(as: SIMD32<UInt8>.self), as: SIMD32<UInt8>.self)
        } else {
            unsafe target.copyMemory(from: source, byteCount: length)
        }
        defer { count &+= length }
        return TextReference(offset: count, length: length)
    }

    public mutating func append(_ string: String) -> TextReference {
        var string = string
        return string.withUTF8 { unsafe append(UnsafeRawBufferPointer($0)) }
    }

    /// Lends the memory, with room for `length` more bytes from `count` on, and the count for `body` to raise.
    @inline(__always)
    mutating func write<Result>(upTo length: Int, _ body: (UnsafeMutablePointer<UInt8>, inout Int) -> Result) -> Result {
        reserve(length)
        return unsafe body(base, &count)
    }

    @unsafe public var unsafeEnd: UnsafeMutablePointer<UInt8> { unsafe base + count }
    public mutating func advance(by length: Int) { count += length }

    /// The bytes of a text; they stay in place until the arena next grows or goes.
    @unsafe @inlinable
    public func bytes(_ reference: TextReference) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base + reference.offset, count: reference.length)
    }

    public func string(_ reference: TextReference) -> String {
        unsafe String(decoding: bytes(reference), as: UTF8.self)
    }
}

/// Decoded records of one source in columns, in the order in which they were read. Reused from turn to turn.
public final class RecordBatch {
    public let capacity: Int
    /// The number of rows.
    public var count: Int {
        get { unsafe rows }
        set { unsafe rows = newValue }
    }
    /// One per field of the source, in its order; a field that no view uses has a column too, left unwritten (`stored == false`).
    public let columns: [Column]
    public let times: Lane<Int64>
    public let partitions: Lane<Int32>
    public let offsets: Lane<Int64>
    /// When the broker or the producer stamped the record, in microseconds.
    public let timestamps: Lane<Int64>
    public var text: TextArena {
        _read { yield unsafe arena }
        _modify { yield unsafe &arena }
    }

    // A decoder touches both for every record; the checks for overlapping access took a tenth of its time. No access outlives
    // a call of the arena's methods, and none of these calls back.
    @exclusivity(unchecked) private var rows = 0
    @exclusivity(unchecked) private var arena: TextArena

    public init(types: [FieldType], capacity: Int) {
        self.capacity = capacity
        columns = types.map { Column(type: $0, capacity: capacity) }
        times = .allocate(capacity)
        partitions = .allocate(capacity)
        offsets = .allocate(capacity)
        timestamps = .allocate(capacity)
        unsafe arena = TextArena(capacity: 64 * 1024)
    }

    deinit {
        for column in columns { column.deallocate() }
        times.deallocate()
        partitions.deallocate()
        offsets.deallocate()
        timestamps.deallocate()
    }

    /// Whether one more record can be appended, whatever its size: a `TextReference` has 31 bits for an offset.
    public var hasRoom: Bool { count < capacity && text.count <= Int(Int32.max) - JSONDecoder.recordBytesMax }

    public func removeAll() {
        count = 0
        text.removeAll()
    }
}
