internal import Records

/// Of each value of a column, when it last occurred up to some instant, the frontier; and how to go back.
///
/// An event is the last occurrence of its value as of the frontier or it is not; the distinct values of any window that ends
/// at the frontier are its last occurrences. The flags lie with the events (`Chunk`); this is how they are kept as the frontier
/// moves. Derived from the log, never stored.
///
///     header | keys and times, open addressing … | ring of the latest steps …
@safe
struct LastOccurrences: BitwiseCopyable {
    let base: UnsafeMutableRawPointer

    struct Header: BitwiseCopyable {
        /// Events at or before it are taken in.
        var frontier: Int64 = .min
        /// Steps over events at or before it cannot be undone.
        var undoableAfter: Int64 = .min
        var table: UInt = 0
        var steps: UInt = 0
        var capacity: Int32 = 0
        var count: Int32 = 0
        var stepCapacity: Int32 = 0
        var stepCount: Int32 = 0
        var nextStep: Int32 = 0
        /// Bytes that were added since they were last asked for.
        var growth: Int32 = 0
    }

    struct Entry: BitwiseCopyable {
        var key: Int64
        /// `.min`: no entry.
        var time: Int64
    }

    /// An event was taken in.
    struct Step: BitwiseCopyable {
        var key: Int64
        var time: Int64
        /// When the value occurred before; `.min`: never.
        var previous: Int64
    }

    private static let capacityMin = 64
    private static let stepsMin = 64
    /// What is undone at most without a new beginning: about what comes within the disorder of a very busy entity.
    private static let stepsMax = 1 << 16

    static func make() -> LastOccurrences {
        let result = unsafe LastOccurrences(base: .allocate(byteCount: MemoryLayout<Header>.stride, alignment: 8))
        result.header[0] = Header()
        result.header[0].growth = Int32(MemoryLayout<Header>.stride)
        return result
    }

    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    func free() {
        if header[0].capacity > 0 { entries.deallocate() }
        if header[0].stepCapacity > 0 { ring.deallocate() }
        unsafe base.deallocate()
    }

    var header: Lane<Header> { unsafe Lane(base.assumingMemoryBound(to: Header.self), count: 1) }

    private var entries: Lane<Entry> {
        unsafe Lane(UnsafeMutablePointer(bitPattern: header[0].table)!, count: Int(header[0].capacity))
    }
    private var ring: Lane<Step> {
        unsafe Lane(UnsafeMutablePointer(bitPattern: header[0].steps)!, count: Int(header[0].stepCapacity))
    }

    var bytes: Int {
        MemoryLayout<Header>.stride + Int(header[0].capacity) * MemoryLayout<Entry>.stride
            + Int(header[0].stepCapacity) * MemoryLayout<Step>.stride
    }

    /// Bytes that were added since the last call.
    func takeGrowth() -> Int {
        defer { header[0].growth = 0 }
        return Int(header[0].growth)
    }

    /// Forgets all. With a `wider` ring, more can be undone next time.
    func reset(wider: Bool) {
        let header = header
        for slot in 0..<Int(header[0].capacity) { entries[slot].time = .min }
        header[0].count = 0
        header[0].stepCount = 0
        header[0].frontier = .min
        header[0].undoableAfter = .min
        guard wider, header[0].stepCapacity < LastOccurrences.stepsMax else { return }
        resizeRing(max(LastOccurrences.stepsMin, Int(header[0].stepCapacity) * 2))
    }

    // MARK: - The table

    private func home(_ key: Int64) -> Int {
        Int(truncatingIfNeeded: (UInt64(bitPattern: key) &* 0x9E37_79B9_7F4A_7C15) >> 32) & (Int(header[0].capacity) &- 1)
    }

    /// The slot of the entry with a key for which `isIt` is true of its time, or nil.
    @inline(__always)
    func find(_ key: Int64, _ isIt: (Int64) -> Bool) -> Int? {
        guard header[0].capacity > 0 else { return nil }
        let (entries, mask) = (entries, Int(header[0].capacity) &- 1)
        var slot = home(key)
        while entries[slot].time != .min {
            if entries[slot].key == key && isIt(entries[slot].time) { return slot }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    func time(of slot: Int) -> Int64 { entries[slot].time }
    func setTime(_ time: Int64, of slot: Int) { entries[slot].time = time }

    func insert(_ key: Int64, _ time: Int64) {
        if (Int(header[0].count) + 1) * 2 > Int(header[0].capacity) { grow() }
        place(Entry(key: key, time: time))
        header[0].count += 1
    }

    private func place(_ entry: Entry) {
        let (entries, mask) = (entries, Int(header[0].capacity) &- 1)
        var slot = home(entry.key)
        while entries[slot].time != .min { slot = (slot &+ 1) & mask }
        entries[slot] = entry
    }

    private func grow() {
        let capacity = Int(header[0].capacity)
        let larger = max(LastOccurrences.capacityMin, capacity * 2)
        let old = capacity > 0 ? entries : nil
        let table = Lane<Entry>.allocate(larger, repeating: Entry(key: 0, time: .min))
        header[0].table = unsafe UInt(bitPattern: table.pointer)
        header[0].capacity = Int32(larger)
        header[0].growth += Int32((larger - capacity) * MemoryLayout<Entry>.stride)
        guard let old else { return }
        for slot in 0..<capacity where old[slot].time != .min { place(old[slot]) }
        old.deallocate()
    }

    /// Takes an entry out, and moves back what a later probe would otherwise miss.
    func remove(_ slot: Int) {
        let (entries, mask) = (entries, Int(header[0].capacity) &- 1)
        var gap = slot
        var next = (slot &+ 1) & mask
        while entries[next].time != .min {
            let home = home(entries[next].key)
            if (next &- home) & mask >= (next &- gap) & mask {
                entries[gap] = entries[next]
                gap = next
            }
            next = (next &+ 1) & mask
        }
        entries[gap].time = .min
        header[0].count -= 1
    }

    // MARK: - The ring

    func push(_ step: Step) {
        let header = header
        if header[0].stepCapacity == 0 { resizeRing(LastOccurrences.stepsMin) }
        let capacity = Int(header[0].stepCapacity)
        let slot = Int(header[0].nextStep)
        if Int(header[0].stepCount) == capacity {
            header[0].undoableAfter = max(header[0].undoableAfter, ring[slot].time)
        } else {
            header[0].stepCount += 1
        }
        ring[slot] = step
        header[0].nextStep = Int32((slot &+ 1) & (capacity &- 1))
    }

    /// The latest step, if it was over an event after `time`; it is forgotten.
    func pop(after time: Int64) -> Step? {
        let header = header
        guard header[0].stepCount > 0 else { return nil }
        let slot = (Int(header[0].nextStep) &- 1) & (Int(header[0].stepCapacity) &- 1)
        guard ring[slot].time > time else { return nil }
        header[0].nextStep = Int32(slot)
        header[0].stepCount -= 1
        return ring[slot]
    }

    /// Requires: no step is in it.
    private func resizeRing(_ capacity: Int) {
        if header[0].stepCapacity > 0 { ring.deallocate() }
        let steps = Lane<Step>.allocate(capacity)
        header[0].growth += Int32((capacity - Int(header[0].stepCapacity)) * MemoryLayout<Step>.stride)
        header[0].steps = unsafe UInt(bitPattern: steps.pointer)
        header[0].stepCapacity = Int32(capacity)
        header[0].nextStep = 0
    }
}
