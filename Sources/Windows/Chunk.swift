internal import Aggregates
internal import Glibc
public import Records

/// Up to 64 events of one entity in order, column by column: one block of memory.
///
///     header | validity word per column | times | [offsets] | words per column … | [partitions]
///
/// Bit i of a column's validity word says whether event i has a value. Texts longer than seven bytes lie in a heap of
/// the chunk's own. A chunk is a bare pointer with the log as its one owner.
@safe @frozen
public struct Chunk: BitwiseCopyable, @unchecked Sendable {
    @usableFromInline let base: UnsafeMutableRawPointer

    public static let eventsMax = 64
    static let eventsMin = 4

    struct Header: BitwiseCopyable {
        var count: UInt16
        var capacity: UInt16
        var id: UInt32
        var state: State
        var heapCount: UInt32
        var heapCapacity: UInt32
        var heap: UInt
    }

    /// What the store has to know of a chunk.
    public struct State: OptionSet, BitwiseCopyable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Changed since it was last written.
        public static let dirty = State(rawValue: 1)
        /// A row of it may lie in the store.
        public static let stored = State(rawValue: 2)
    }

    static let headerBytes = MemoryLayout<Header>.stride

    init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

    static func bytes(capacity: Int, _ layout: LogLayout) -> Int {
        headerBytes + 8 * layout.columns.count + capacity * layout.bytesPerEvent
    }

    static func allocate(capacity: Int, id: UInt32 = 0, _ layout: LogLayout) -> Chunk {
        let chunk = unsafe Chunk(.allocate(byteCount: bytes(capacity: capacity, layout), alignment: 16))
        chunk.header[0] = Header(
            count: 0, capacity: UInt16(capacity), id: id, state: .dirty, heapCount: 0, heapCapacity: 0, heap: 0)
        for column in 0..<layout.columns.count { chunk.valid[column] = 0 }
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

    func freeHeap() {
        if header[0].heap != 0 { unsafe UnsafeMutableRawPointer(bitPattern: header[0].heap)?.deallocate() }
        header[0].heap = 0
        header[0].heapCount = 0
        header[0].heapCapacity = 0
    }

    func bytes(_ layout: LogLayout) -> Int { Chunk.bytes(capacity: capacity, layout) + Int(header[0].heapCapacity) }

    var header: Lane<Header> { unsafe Lane(base.assumingMemoryBound(to: Header.self), count: 1) }

    public var count: Int { Int(header[0].count) }
    var capacity: Int { Int(header[0].capacity) }
    public var id: UInt32 { header[0].id }
    public var state: State {
        get { header[0].state }
        nonmutating set { header[0].state = newValue }
    }

    var valid: Lane<UInt64> {
        unsafe Lane((base + Chunk.headerBytes).assumingMemoryBound(to: UInt64.self), count: 64)
    }

    private func lane(_ index: Int, _ layout: LogLayout) -> Lane<Int64> {
        let offset = Chunk.headerBytes &+ 8 &* layout.columns.count &+ index &* 8 &* capacity
        return unsafe Lane((base + offset).assumingMemoryBound(to: Int64.self), count: capacity)
    }

    public func times(_ layout: LogLayout) -> Lane<Int64> { lane(0, layout) }
    /// Requires: the layout is ordered.
    public func offsets(_ layout: LogLayout) -> Lane<Int64> { lane(1, layout) }
    /// Requires: the layout is ordered.
    public func partitions(_ layout: LogLayout) -> Lane<Int32> {
        let words = lane(2 &+ layout.wordLanes, layout)
        return unsafe Lane(UnsafeMutableRawPointer(words.pointer).assumingMemoryBound(to: Int32.self), count: capacity)
    }
    /// Requires: the column's kind is not presence.
    public func words(_ column: LogLayout.Column, _ layout: LogLayout) -> Lane<Int64> {
        lane(layout.firstWordLane &+ column.lane, layout)
    }
    /// Bit i: event i has a value in the column.
    public func validity(_ column: Int) -> UInt64 { valid[column] }

    func firstTime(_ layout: LogLayout) -> Int64 { times(layout)[0] }
    func lastTime(_ layout: LogLayout) -> Int64 { times(layout)[count &- 1] }

    /// How many events have a time at or before `edge`.
    func position(after edge: Int64, _ layout: LogLayout) -> Int {
        let times = times(layout)
        // Halving without a branch that could be mispredicted: the answer lies in [base, base + left].
        var base = 0
        var left = count
        while left > 0 {
            let half = (left &+ 1) >> 1
            base = times[base &+ half &- 1] <= edge ? base &+ half : base
            left &-= half
        }
        return base
    }

    /// Where an event belongs: behind all that are not after it, by (time, partition, offset).
    func insertionPosition(time: Int64, partition: Int32, offset: Int64, _ layout: LogLayout) -> Int {
        let times = times(layout)
        var position = count
        while position > 0 && times[position &- 1] > time { position &-= 1 }
        guard layout.isOrdered else { return position }
        let partitions = partitions(layout)
        let offsets = offsets(layout)
        while position > 0 && times[position &- 1] == time
            && (partitions[position &- 1], offsets[position &- 1]) > (partition, offset)
        { position &-= 1 }
        return position
    }
}
