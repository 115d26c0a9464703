internal import Glibc
internal import Records
public import Windows

/// An entity as a shard knows it: its name, its log if that is in memory, and what is owed to the store. One cache line.
@safe
public struct Entity: BitwiseCopyable, @unchecked Sendable {
    public var hash: UInt64
    public var log: TimeLog
    /// The name where it is short; else the first word is the address of its bytes.
    private var name: (UInt64, UInt64, UInt64) = (0, 0, 0)
    private var nameLength: UInt32
    /// Rows that wait for the watermark.
    var pending: UInt32 = 0
    var state: State

    struct State: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        /// The log is in memory, whole.
        static let resident = State(rawValue: 1)
        /// Asked for from the store, not here yet.
        static let awaited = State(rawValue: 2)
        /// Changed since the last commit.
        static let dirty = State(rawValue: 4)
        /// Used since the eviction clock last came by.
        static let recent = State(rawValue: 8)
        /// Not a gap among the records.
        static let used = State(rawValue: 16)
        /// Not used again since it came: one use does not make it recent.
        static let fresh = State(rawValue: 32)
    }

    private static let inlineMax = 24

    init(_ hash: UInt64, _ key: UnsafeRawBufferPointer) {
        self.hash = hash
        log = TimeLog()
        nameLength = UInt32(key.count)
        state = .used
        guard let start = key.baseAddress else { return }
        if key.count <= Entity.inlineMax {
            unsafe withUnsafeMutableBytes(of: &name) { unsafe $0.baseAddress!.copyMemory(from: start, byteCount: key.count) }
        } else {
            let copy = UnsafeMutableRawPointer.allocate(byteCount: key.count, alignment: 1)
            unsafe copy.copyMemory(from: start, byteCount: key.count)
            name.0 = UInt64(UInt(bitPattern: copy))
        }
    }

    var keyLength: Int { Int(nameLength) }
    /// Bytes of memory beside the record.
    var nameBytes: Int { keyLength > Entity.inlineMax ? keyLength : 0 }

    /// The name's bytes, for as long as the record stays where it is.
    @unsafe
    static func key(of record: UnsafeMutablePointer<Entity>) -> UnsafeRawBufferPointer {
        let length = unsafe record.pointee.keyLength
        if length > inlineMax {
            return unsafe UnsafeRawBufferPointer(
                start: UnsafeRawPointer(bitPattern: UInt(record.pointee.name.0)), count: length)
        }
        let offset = MemoryLayout<Entity>.offset(of: \.name)!
        return unsafe UnsafeRawBufferPointer(start: UnsafeRawPointer(record) + offset, count: length)
    }

    func freeName() {
        if keyLength > Entity.inlineMax { unsafe UnsafeMutableRawPointer(bitPattern: UInt(name.0))!.deallocate() }
    }
}

/// The records of a shard's entities in segments that never move.
struct EntityRecords: BitwiseCopyable {
    private static let segmentShift = 15
    private let segments: Lane<Lane<Entity>>
    /// Records that there is memory for.
    private(set) var capacity = 0

    /// As many as 31 bits count.
    init() { segments = .allocate(1 << (31 - EntityRecords.segmentShift)) }

    mutating func addSegment() {
        let count = 1 << EntityRecords.segmentShift
        segments[capacity >> EntityRecords.segmentShift] = .allocate(count, inLargePages: capacity > 0)
        capacity += count
    }

    func deallocate() {
        for index in 0..<(capacity >> EntityRecords.segmentShift) { segments[index].deallocate() }
        segments.deallocate()
    }

    @unsafe @inline(__always)
    func pointer(_ index: Int) -> UnsafeMutablePointer<Entity> {
        unsafe segments[index >> EntityRecords.segmentShift].pointer + (index & ((1 << EntityRecords.segmentShift) &- 1))
    }

    @inline(__always)
    func prefetch(_ index: Int) {
        Prefetch.element(index & ((1 << EntityRecords.segmentShift) &- 1), of: segments[index >> EntityRecords.segmentShift])
    }

    subscript(_ index: Int) -> Entity {
        @inline(__always) _read { yield unsafe pointer(index).pointee }
        @inline(__always) nonmutating _modify { yield unsafe &pointer(index).pointee }
    }
}

/// The entities of one shard by their key: open addressing over 32 bits of hash, records apart.
struct EntityTable: ~Copyable {
    private var slots: Lane<UInt64>
    private var capacity: Int
    private(set) var entities = EntityRecords()
    /// Records in use or free, from 0.
    private(set) var recordCount = 0
    private var free: [UInt32] = []
    private(set) var count = 0

    static let recordBytes = MemoryLayout<Entity>.stride + 2 * MemoryLayout<UInt64>.stride

    init() {
        capacity = 1024
        slots = .allocate(1024, repeating: 0)
    }

    deinit {
        for index in 0..<recordCount where isUsed(index) { entities[index].freeName() }
        slots.deallocate()
        entities.deallocate()
    }

    /// Upper half: the hash's upper half; lower half: the record's index plus one; 0 is free.
    @inline(__always)
    private func slotValue(_ hash: UInt64, _ index: Int) -> UInt64 { hash & 0xFFFF_FFFF_0000_0000 | UInt64(index &+ 1) }

    @inline(__always)
    private func home(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (capacity &- 1) }

    private static let slotsAhead = 24
    private static let recordsAhead = 12

    /// Asks for the slots and the records that the rows soon after `row` will need.
    @inline(__always)
    func prefetch(_ hashes: Lane<UInt64>, row: Int, of count: Int) {
        let (slot, record) = (row &+ EntityTable.slotsAhead, row &+ EntityTable.recordsAhead)
        if slot < count { Prefetch.element(home(hashes[slot]), of: slots) }
        if record < count {
            let value = slots[home(hashes[record])]
            if value != 0 { entities.prefetch(Int(truncatingIfNeeded: value & 0xFFFF_FFFF) &- 1) }
        }
    }

    /// The record of a key, made if there is none; `isNew` says so. The bytes of memory added are added to `bytes`.
    @unsafe
    mutating func findOrInsert(_ hash: UInt64, _ key: UnsafeRawBufferPointer, bytes: inout Int) -> (index: Int, isNew: Bool) {
        var slot = home(hash)
        while true {
            let value = slots[slot]
            if value == 0 { break }
            if (value ^ hash) >> 32 == 0 {
                let index = Int(truncatingIfNeeded: value & 0xFFFF_FFFF) &- 1
                if entities[index].hash == hash, unsafe isKey(index, key) { return (index, false) }
            }
            slot = (slot &+ 1) & (capacity &- 1)
        }
        if (count + 1) * 2 > capacity {
            grow()
            slot = home(hash)
            while slots[slot] != 0 { slot = (slot &+ 1) & (capacity &- 1) }
        }
        let index = unsafe makeRecord(hash, key)
        slots[slot] = slotValue(hash, index)
        count += 1
        bytes += EntityTable.recordBytes + entities[index].nameBytes
        return (index, true)
    }

    /// The record of a key, or nil.
    @unsafe
    func find(_ hash: UInt64, _ key: UnsafeRawBufferPointer) -> Int? {
        var slot = home(hash)
        while slots[slot] != 0 {
            let index = Int(truncatingIfNeeded: slots[slot] & 0xFFFF_FFFF) &- 1
            if entities[index].hash == hash, unsafe isKey(index, key) { return index }
            slot = (slot &+ 1) & (capacity &- 1)
        }
        return nil
    }

    @unsafe
    private func isKey(_ index: Int, _ key: UnsafeRawBufferPointer) -> Bool {
        let own = unsafe Entity.key(of: entities.pointer(index))
        guard own.count == key.count else { return false }
        guard let bytes = own.baseAddress, let other = key.baseAddress else { return true }
        return unsafe memcmp(bytes, other, key.count) == 0
    }

    @unsafe
    private mutating func makeRecord(_ hash: UInt64, _ key: UnsafeRawBufferPointer) -> Int {
        let index: Int
        if let reused = free.popLast() {
            index = Int(reused)
        } else {
            if recordCount == entities.capacity { entities.addSegment() }
            index = recordCount
            recordCount += 1
        }
        unsafe entities.pointer(index).initialize(to: Entity(hash, key))
        return index
    }

    private mutating func grow() {
        let old = slots
        let oldCapacity = capacity
        capacity *= 2
        slots = .allocate(capacity, inLargePages: true)
        for slot in 0..<capacity { slots[slot] = 0 }
        for position in 0..<oldCapacity where old[position] != 0 {
            let index = Int(old[position] & 0xFFFF_FFFF) - 1
            var slot = home(entities[index].hash)
            while slots[slot] != 0 { slot = (slot &+ 1) & (capacity &- 1) }
            slots[slot] = old[position]
        }
        old.deallocate()
    }

    /// Forgets an entity. Requires: its log was freed and nothing is pending.
    mutating func remove(_ index: Int, bytes: inout Int) {
        let entity = entities[index]
        var slot = home(entity.hash)
        let value = slotValue(entity.hash, index)
        while slots[slot] != value { slot = (slot &+ 1) & (capacity &- 1) }
        // Close the gap: move back what a later probe would otherwise miss.
        var next = (slot &+ 1) & (capacity &- 1)
        while slots[next] != 0 {
            let home = home(entities[Int(slots[next] & 0xFFFF_FFFF) - 1].hash)
            if (next &- home) & (capacity &- 1) >= (next &- slot) & (capacity &- 1) {
                slots[slot] = slots[next]
                slot = next
            }
            next = (next &+ 1) & (capacity &- 1)
        }
        slots[slot] = 0
        bytes -= EntityTable.recordBytes + entity.nameBytes
        entity.freeName()
        entities[index].state = []
        free.append(UInt32(index))
        count -= 1
    }

    /// Whether a record stands for an entity, not for a gap.
    func isUsed(_ index: Int) -> Bool { entities[index].state.contains(.used) }

    func withKey<R, E: Error>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        unsafe try body(Entity.key(of: entities.pointer(index)))
    }
}
