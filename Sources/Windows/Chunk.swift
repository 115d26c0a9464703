internal import Aggregates
internal import Glibc
internal import Records

/// Up to 128 events of one entity in order, column by column, each column as narrow as its numbers allow: one block of
/// memory.
///
///     header | width of each lane | [base of the offsets] | times | [offsets | partitions] | per column: validity | words
///
/// A lane holds one number per event in 1, 2, 4 or 8 bytes, or in none where all are zero.
///
///     times        4 bytes: units of a microsecond, a millisecond or a second since `timeBase`; 8 bytes: the time itself
///     offsets      4 bytes: since the base of the offsets; 8 bytes: the offset itself
///     partitions, words of integers: signed
///     validity     1 where the event has no value in the column; none: all have one
///
/// Texts longer than seven bytes lie in a heap of the chunk's own. A chunk is a bare pointer with the log as its one owner.
@safe @frozen
public struct Chunk: BitwiseCopyable, @unchecked Sendable {
    @usableFromInline let base: UnsafeMutableRawPointer

    public static let eventsMax = 128

    struct Header: BitwiseCopyable {
        var timeBase: Int64
        var heap: UInt
        var id: UInt32
        var count: UInt8
        var capacity: UInt8
        var state: State
        var unit: TimeUnit
    }

    /// What the store has to know of a chunk.
    public struct State: OptionSet, BitwiseCopyable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Changed since it was last written.
        public static let dirty = State(rawValue: 1)
        /// A row of it may lie in the store.
        public static let stored = State(rawValue: 2)
    }

    static let widthsAt = MemoryLayout<Header>.size

    init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

    @inline(__always)
    static func roundedUp(_ bytes: Int) -> Int { (bytes &+ 7) & ~7 }

    /// The capacity that holds so many events and leaves little unused.
    static func capacity(for events: Int) -> Int {
        var capacity = 1
        while capacity < events { capacity = nextCapacity(capacity) }
        return capacity
    }

    /// The next larger capacity: 1 2 4 6 8 12 16 24 … 96 128. Requires: less than `eventsMax`.
    static func nextCapacity(_ capacity: Int) -> Int {
        if capacity < 4 { return capacity * 2 }
        return capacity & (capacity - 1) == 0 ? capacity + capacity / 2 : capacity / 3 * 4
    }

    /// Uninitialised lanes of the given widths.
    static func allocate(capacity: Int, widths: Lane<UInt8>, id: UInt32, _ layout: LogLayout) -> Chunk {
        var bytes = layout.lanesAt
        for lane in 0..<layout.laneCount { bytes &+= roundedUp(capacity &* Int(widths[lane])) }
        let chunk = unsafe Chunk(.allocate(byteCount: bytes, alignment: 16))
        chunk.header[0] = Header(
            timeBase: 0, heap: 0, id: id, count: 0, capacity: UInt8(capacity), state: .dirty, unit: .second)
        chunk.widths(layout).copy(from: widths, at: 0, to: 0, count: layout.laneCount)
        if layout.isOrdered { chunk.offsetBase(layout)[0] = 0 }
        return chunk
    }

    /// Frees the chunk; gives the bytes that it held.
    @discardableResult
    func free(_ layout: LogLayout) -> Int {
        let held = bytes(layout)
        freeHeap()
        unsafe base.deallocate()
        return held
    }

    /// Bytes of memory that it holds.
    func bytes(_ layout: LogLayout) -> Int { bytesOfLanes(layout) &+ heapBytes }

    func bytesOfLanes(_ layout: LogLayout) -> Int {
        var bytes = layout.lanesAt
        for lane in 0..<layout.laneCount { bytes &+= Chunk.roundedUp(capacity &* width(lane)) }
        return bytes
    }

    @inline(__always)
    var header: Lane<Header> { unsafe Lane(base.assumingMemoryBound(to: Header.self), count: 1) }

    @inline(__always)
    public var count: Int { Int(header[0].count) }
    @inline(__always)
    var capacity: Int { Int(header[0].capacity) }
    public var id: UInt32 { header[0].id }
    public var state: State {
        get { header[0].state }
        nonmutating set { header[0].state = newValue }
    }

    // MARK: - Lanes

    func widths(_ layout: LogLayout) -> Lane<UInt8> {
        unsafe Lane((base + Chunk.widthsAt).assumingMemoryBound(to: UInt8.self), count: layout.laneCount)
    }

    @inline(__always)
    func width(_ lane: Int) -> Int { unsafe Int((base + Chunk.widthsAt + lane).load(as: UInt8.self)) }

    func offsetBase(_ layout: LogLayout) -> Lane<Int64> {
        unsafe Lane((base + layout.lanesAt - 8).assumingMemoryBound(to: Int64.self), count: 1)
    }

    @inline(__always)
    func lane(_ index: Int, _ layout: LogLayout) -> PackedLane {
        let capacity = capacity
        var at = layout.lanesAt
        var before = 0
        while before < index {
            at &+= Chunk.roundedUp(capacity &* width(before))
            before &+= 1
        }
        return unsafe PackedLane(base + at, width: width(index))
    }

    /// The words of a column, 0 where an event has no value. Requires: the column's kind is not presence.
    public func words(_ column: LogLayout.Column, _ layout: LogLayout) -> PackedLane { lane(column.wordLane, layout) }

    @inline(__always)
    func nulls(_ column: LogLayout.Column, _ layout: LogLayout) -> PackedLane { lane(column.validityLane, layout) }

    /// Whether all events have a value in the column.
    @inline(__always)
    public func isWhole(_ column: LogLayout.Column) -> Bool { width(column.validityLane) == 0 }

    public func isValid(_ row: Int, _ column: LogLayout.Column, _ layout: LogLayout) -> Bool {
        isWhole(column) || nulls(column, layout)[row] == 0
    }

    /// Whether an event's time, and where the order needs it its partition and offset, come after the given ones.
    @inline(__always)
    private func isAfter(_ row: Int, _ time: Int64, _ partition: Int32, _ offset: Int64, _ layout: LogLayout) -> Bool {
        let own = self.time(row, layout)
        if own != time || !layout.isOrdered { return own > time }
        return (self.partition(row, layout), self.offset(row, layout)) > (partition, offset)
    }

    /// Where an event belongs: behind all that are not after it, by (time, partition, offset).
    func insertionPosition(time: Int64, partition: Int32, offset: Int64, _ layout: LogLayout) -> Int {
        var position = count
        while position > 0 && isAfter(position &- 1, time, partition, offset, layout) { position &-= 1 }
        return position
    }

    /// Requires: the layout is ordered.
    public func partition(_ row: Int, _ layout: LogLayout) -> Int32 {
        Int32(truncatingIfNeeded: lane(LogLayout.partitionLane, layout)[row])
    }

    /// Requires: the layout is ordered.
    public func offset(_ row: Int, _ layout: LogLayout) -> Int64 {
        let lane = lane(LogLayout.offsetLane, layout)
        return lane.width == 8 ? lane[row] : offsetBase(layout)[0] &+ lane.unsigned(row)
    }
}

/// One number per event in 1, 2, 4 or 8 bytes, or in none where all are zero.
@safe @frozen
public struct PackedLane: BitwiseCopyable, @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let width: Int

    @inline(__always)
    init(_ base: UnsafeMutableRawPointer, width: Int) {
        unsafe self.base = base
        self.width = width
    }

    /// A lane of no chunk.
    static let none = unsafe PackedLane(UnsafeMutableRawPointer(bitPattern: 8)!, width: 0)

    /// The bytes that a signed number takes.
    @inline(__always)
    static func width(of word: Int64) -> Int {
        if word == 0 { return 0 }
        if word == Int64(Int8(truncatingIfNeeded: word)) { return 1 }
        if word == Int64(Int16(truncatingIfNeeded: word)) { return 2 }
        return word == Int64(Int32(truncatingIfNeeded: word)) ? 4 : 8
    }

    @inline(__always)
    public subscript(_ row: Int) -> Int64 {
        get {
            switch width {
            case 0: 0
            case 1: unsafe Int64((base + row).load(as: Int8.self))
            case 2: unsafe Int64((base + 2 &* row).load(as: Int16.self))
            case 4: unsafe Int64((base + 4 &* row).load(as: Int32.self))
            default: unsafe (base + 8 &* row).load(as: Int64.self)
            }
        }
        nonmutating set {
            switch width {
            case 0: break
            case 1: unsafe (base + row).storeBytes(of: Int8(truncatingIfNeeded: newValue), as: Int8.self)
            case 2: unsafe (base + 2 &* row).storeBytes(of: Int16(truncatingIfNeeded: newValue), as: Int16.self)
            case 4: unsafe (base + 4 &* row).storeBytes(of: Int32(truncatingIfNeeded: newValue), as: Int32.self)
            default: unsafe (base + 8 &* row).storeBytes(of: newValue, as: Int64.self)
            }
        }
    }

    /// Requires: four bytes wide.
    @inline(__always)
    func unsigned(_ row: Int) -> Int64 { unsafe Int64((base + 4 &* row).load(as: UInt32.self)) }

    @inline(__always)
    var unsignedWords: Lane<UInt32> { unsafe Lane(base.assumingMemoryBound(to: UInt32.self), count: Chunk.eventsMax) }

    /// Requires: eight bytes wide.
    @inline(__always)
    var longWords: Lane<Int64> { unsafe Lane(base.assumingMemoryBound(to: Int64.self), count: Chunk.eventsMax) }

    /// Moves numbers within the lane; the ranges may overlap.
    @inline(__always)
    func move(from source: Int, to target: Int, count: Int) {
        guard width > 0, count > 0 else { return }
        unsafe (base + target &* width).copyMemory(from: base + source &* width, byteCount: count &* width)
    }

    /// Copies numbers of another lane, as wide or narrower.
    func copy(from other: PackedLane, at source: Int, to target: Int, count: Int) {
        if other.width == width {
            guard width > 0, count > 0 else { return }
            unsafe (base + target &* width).copyMemory(from: other.base + source &* width, byteCount: count &* width)
        } else {
            for row in 0..<count { self[target &+ row] = other[source &+ row] }
        }
    }
}

extension Lane where Element: FixedWidthInteger {
    /// How many of the first `length` elements, which ascend, are at or before `edge`.
    @inline(__always)
    func count(through edge: Element, of length: Int) -> Int {
        // Halving without a branch that could be mispredicted: the answer lies in [found, found + left].
        var found = 0
        var left = length
        while left > 0 {
            let half = (left &+ 1) >> 1
            found = self[found &+ half &- 1] <= edge ? found &+ half : found
            left &-= half
        }
        return found
    }
}
