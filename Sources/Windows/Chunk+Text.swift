internal import Glibc
internal import Records

/// A text in a chunk: up to seven bytes in the word itself, longer ones in the chunk's heap.
///
///     bit 63 = 0:  length in bits 56…58 | the bytes, first one lowest
///     bit 63 = 1:  length in bits 32…62 | offset into the heap in bits 0…31
@frozen
public struct LoggedText: BitwiseCopyable, Hashable, Sendable {
    public let word: Int64
    public init(word: Int64) { self.word = word }

    static let inlineMax = 7
    public var isInline: Bool { word >= 0 }
    public var length: Int { isInline ? Int(word >> 56) : Int(word >> 32 & 0x7FFF_FFFF) }
    var heapOffset: Int { Int(word & 0xFFFF_FFFF) }

    init(heapOffset: Int, length: Int) {
        precondition(heapOffset <= 0xFFFF_FFFF && length <= 0x7FFF_FFFF)
        word = .min | Int64(length) << 32 | Int64(heapOffset)
    }

    /// Requires: at most seven bytes.
    init(inline bytes: UnsafeRawBufferPointer) {
        var word: UInt64 = 0
        for index in 0..<bytes.count { unsafe word |= UInt64(bytes[index]) << UInt64(8 * index) }
        self.word = Int64(word | UInt64(bytes.count) << 56)
    }
}

/// The heap of a chunk's longer texts:  bytes used u32 | bytes of room u32 | bytes
@safe
private struct TextHeap {
    let base: UnsafeMutableRawPointer
    struct Header: BitwiseCopyable {
        var used: UInt32
        var capacity: UInt32
    }
    static let headerBytes = MemoryLayout<Header>.size
    var header: Lane<Header> { unsafe Lane(base.assumingMemoryBound(to: Header.self), count: 1) }
    var bytes: UnsafeMutableRawPointer { unsafe base + TextHeap.headerBytes }
}

extension Chunk {
    private var heap: TextHeap? { unsafe UnsafeMutableRawPointer(bitPattern: header[0].heap).map { unsafe TextHeap(base: $0) } }

    var heapBytes: Int { heap.map { TextHeap.headerBytes + Int($0.header[0].capacity) } ?? 0 }

    func freeHeap() {
        unsafe heap?.base.deallocate()
        header[0].heap = 0
    }

    /// The bytes of a text of this chunk, lent to `body`.
    public func withBytes<R>(_ text: LoggedText, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        if text.isInline {
            let length = text.length
            var word = text.word.littleEndian
            return unsafe withUnsafeBytes(of: &word) { unsafe body(UnsafeRawBufferPointer(rebasing: $0[0..<length])) }
        }
        return unsafe body(UnsafeRawBufferPointer(start: heap!.bytes + text.heapOffset, count: text.length))
    }

    /// Keeps a text; a longer one is copied to the heap, which grows by half.
    func intern(_ bytes: UnsafeRawBufferPointer) -> LoggedText {
        if bytes.count <= LoggedText.inlineMax { return unsafe LoggedText(inline: bytes) }
        let used = heap.map { Int($0.header[0].used) } ?? 0
        if used + bytes.count > heap.map({ Int($0.header[0].capacity) }) ?? 0 {
            growHeap(to: max(24, used + bytes.count, used + used / 2))
        }
        let heap = heap!
        unsafe (heap.bytes + used).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        heap.header[0].used = UInt32(used + bytes.count)
        return LoggedText(heapOffset: used, length: bytes.count)
    }

    private func growHeap(to capacity: Int) {
        let larger = unsafe TextHeap(base: .allocate(byteCount: TextHeap.headerBytes + capacity, alignment: 8))
        larger.header[0] = TextHeap.Header(used: 0, capacity: UInt32(capacity))
        if let old = heap {
            unsafe larger.bytes.copyMemory(from: old.bytes, byteCount: Int(old.header[0].used))
            larger.header[0].used = old.header[0].used
            freeHeap()
        }
        header[0].heap = unsafe UInt(bitPattern: larger.base)
    }

    /// Orders two texts by their bytes, wherever they lie.
    public static func compare(_ a: LoggedText, in chunkA: Chunk, _ b: LoggedText, in chunkB: Chunk) -> Int {
        if a.isInline && b.isInline {
            // The first byte is the highest then, and of texts that differ in their length alone the shorter one is less.
            let (left, right) = (UInt64(bitPattern: a.word).byteSwapped, UInt64(bitPattern: b.word).byteSwapped)
            return left == right ? 0 : left < right ? -1 : 1
        }
        return unsafe chunkA.withBytes(a) { left in
            unsafe chunkB.withBytes(b) { right in unsafe compareBytes(left, right) }
        }
    }
}

/// Negative, zero or positive as `a` is before, equal to or after `b`, byte by byte.
@unsafe
func compareBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let shared = min(a.count, b.count)
    if shared > 0 {
        let order = unsafe memcmp(a.baseAddress!, b.baseAddress!, shared)
        if order != 0 { return Int(order) }
    }
    return a.count - b.count
}
