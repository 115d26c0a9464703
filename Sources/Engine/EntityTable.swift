internal import Glibc
internal import Records
public import Windows

/// An entity as a shard knows it: its name, its log if that is in memory, and what is owed to the store.
@safe
public struct Entity: BitwiseCopyable, @unchecked Sendable {
    public var hash: UInt64
    var key: UnsafeMutableRawPointer?
    var keyLength: UInt32
    /// Rows that wait for the watermark.
    var pending: UInt32
    public var log: TimeLog
    /// The newest event time ever applied.
    public var newest: Int64
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
    }
}

/// The entities of one shard by their key: open addressing over 32 bits of hash, records apart.
struct EntityTable: ~Copyable {
    private var slots: Lane<UInt64>
    private var capacity: Int
    private(set) var entities: Lane<Entity>
    private var entityCapacity: Int
    /// Records in use or free, from 0.
    private(set) var recordCount = 0
    private var free: [UInt32] = []
    private(set) var count = 0

    static let recordBytes = MemoryLayout<Entity>.stride + 16

    init() {
        capacity = 1024
        slots = .allocate(1024, repeating: 0)
        entityCapacity = 512
        entities = .allocate(512)
    }

    deinit {
        for index in 0..<recordCount { unsafe entities[index].key?.deallocate() }
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
            if value != 0 { Prefetch.element(Int(truncatingIfNeeded: value & 0xFFFF_FFFF) &- 1, of: entities) }
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
        bytes += EntityTable.recordBytes + key.count
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
        let entity = entities[index]
        guard Int(entity.keyLength) == key.count else { return false }
        guard let own = unsafe entity.key, let other = key.baseAddress else { return true }
        return unsafe memcmp(own, other, key.count) == 0
    }

    @unsafe
    private mutating func makeRecord(_ hash: UInt64, _ key: UnsafeRawBufferPointer) -> Int {
        let index: Int
        if let reused = free.popLast() {
            index = Int(reused)
        } else {
            if recordCount == entityCapacity {
                let larger = Lane<Entity>.allocate(entityCapacity * 2)
                larger.copy(from: entities, at: 0, to: 0, count: recordCount)
                entities.deallocate()
                entities = larger
                entityCapacity *= 2
            }
            index = recordCount
            recordCount += 1
        }
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, key.count), alignment: 1)
        if let start = key.baseAddress { unsafe copy.copyMemory(from: start, byteCount: key.count) }
        unsafe entities[index] = Entity(
            hash: hash, key: copy, keyLength: UInt32(key.count), pending: 0, log: TimeLog(), newest: .min, state: [])
        return index
    }

    private mutating func grow() {
        let old = slots
        let oldCapacity = capacity
        capacity *= 2
        slots = .allocate(capacity, repeating: 0)
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
        unsafe entity.key?.deallocate()
        bytes -= EntityTable.recordBytes + Int(entity.keyLength)
        unsafe entities[index].key = nil
        entities[index].state = []
        free.append(UInt32(index))
        count -= 1
    }

    /// Whether a record stands for an entity, not for a gap.
    func isUsed(_ index: Int) -> Bool { unsafe entities[index].key != nil }

    func withKey<R, E: Error>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let entity = entities[index]
        return unsafe try body(UnsafeRawBufferPointer(start: entity.key, count: Int(entity.keyLength)))
    }
}
