internal import Aggregates
internal import Glibc
internal import Records

/// Up to 128 events of one entity in order, column by column, each column as narrow as its numbers allow: one block of
/// memory.
///
///     header | form of each lane | times | [offsets | partitions] | per column: validity | words | per lane: what it is counted by
///
/// A lane holds one number per event in 1, 2, 4 or 8 bytes, or in none where all are zero; see `LaneForm`.
///
///     times        4 bytes: units of a microsecond, a millisecond or a second since `timeBase`; 8 bytes: the time itself
///     offsets, partitions, words of integers: signed; where that is narrower, counted from another number
///     words of texts: `LoggedText`, or codes of a dictionary of them
///     validity     1 where the event has no value in the column; none: all have one
///
/// Texts longer than seven bytes lie in a heap of the chunk's own, those of a dictionary once. A chunk is a bare pointer with the log as its one owner.
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

    static let formsAt = MemoryLayout<Header>.size

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

    /// Uninitialised lanes of the given forms.
    static func allocate(capacity: Int, _ forms: LaneForms, id: UInt32, _ layout: LogLayout) -> Chunk {
        var bytes = layout.lanesAt
        for lane in 0..<layout.laneCount { bytes &+= forms[lane].bytes(capacity: capacity) }
        let chunk = unsafe Chunk(.allocate(byteCount: bytes, alignment: 16))
        chunk.header[0] = Header(
            timeBase: 0, heap: 0, id: id, count: 0, capacity: UInt8(capacity), state: .dirty, unit: .second)
        var hasFronts = false
        for lane in 0..<layout.laneCount {
            let form = forms[lane]
            unsafe (chunk.base + Chunk.formsAt + lane).storeBytes(of: form.rawValue, as: UInt8.self)
            if form.hasFront { hasFronts = true }
        }
        if hasFronts { chunk.fillFronts(forms, layout) }
        return chunk
    }

    private func fillFronts(_ forms: LaneForms, _ layout: LogLayout) {
        var at = layout.lanesAt
        for lane in 0..<layout.laneCount { at &+= Chunk.roundedUp(capacity &* forms[lane].width) }
        for lane in 0..<layout.laneCount {
            unsafe (base + at).initializeMemory(as: Int64.self, repeating: forms.fronts[lane], count: forms[lane].frontWords)
            at &+= forms[lane].frontBytes
        }
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
        for lane in 0..<layout.laneCount { bytes &+= form(lane).bytes(capacity: capacity) }
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

    @inline(__always)
    func form(_ lane: Int) -> LaneForm {
        unsafe LaneForm(rawValue: (base + Chunk.formsAt + lane).load(as: UInt8.self))
    }

    @inline(__always)
    func width(_ lane: Int) -> Int { form(lane).width }

    /// A lane's numbers as they are stored.
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

    /// What a lane's numbers are counted from, or a dictionary: behind all lanes. Requires: the lane's form has it.
    private func front(_ index: Int, _ layout: LogLayout) -> UnsafeMutableRawPointer {
        var at = layout.lanesAt
        for lane in 0..<layout.laneCount { at &+= Chunk.roundedUp(capacity &* width(lane)) }
        for lane in 0..<index { at &+= form(lane).frontBytes }
        return unsafe base + at
    }

    @inline(__always)
    private func columnWords(_ index: Int, isText: Bool, _ layout: LogLayout) -> ColumnWords {
        let lane = lane(index, layout)
        if !form(index).hasFront { return ColumnWords(lane) }
        return unsafe ColumnWords(lane, front: front(index, layout), isText: isText)
    }

    /// A lane of integers.
    @inline(__always)
    func integers(_ index: Int, _ layout: LogLayout) -> ColumnWords {
        columnWords(index, isText: false, layout)
    }

    /// The words of a column, nothing where an event has no value. Requires: the column's kind is not presence.
    @inline(__always)
    public func words(_ column: LogLayout.Column, _ layout: LogLayout) -> ColumnWords {
        columnWords(column.wordLane, isText: column.kind == .text, layout)
    }

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
        Int32(truncatingIfNeeded: integers(LogLayout.partitionLane, layout).integer(row))
    }

    /// Requires: the layout is ordered.
    public func offset(_ row: Int, _ layout: LogLayout) -> Int64 {
        integers(LogLayout.offsetLane, layout).integer(row)
    }
}
