/// The distinct values of a column chunk in the order in which they first appear, and for every value the index of its like.
///
/// Open addressing with linear probing, at most half full. A slot holds the upper half of its key's hash, whose first bits are
/// also its home, and the entry's index plus 1; 0 in an empty slot.
@safe
struct ValueDictionary: ~Copyable, @unchecked Sendable {
    private struct Slot {
        var tag: UInt32
        var entry: UInt32
    }

    private static let slotsMin = 1024
    private static let slotsMax = 2 * Bounds.dictionaryEntries
    /// Keys that were made to collide would cost more than the dictionary saves.
    private static let probesMax = 256

    private var slots: UnsafeMutablePointer<Slot>
    private var slotCount = slotsMin
    private let entries: UnsafeMutablePointer<Int64>
    private(set) var count = 0

    init() {
        unsafe slots = .allocate(capacity: Self.slotsMax)
        unsafe entries = .allocate(capacity: Bounds.dictionaryEntries)
    }

    deinit {
        unsafe slots.deallocate()
        unsafe entries.deallocate()
    }

    /// The distinct words, those of texts as they first appeared.
    var words: UnsafePointer<Int64> { unsafe UnsafePointer(entries) }

    /// The width of indices. Never 0: not every reader expects that.
    var indexWidth: Int { max(1, bitWidth(UInt64(max(count, 1) - 1))) }

    /// Forgets all, then writes the index of each value; false, with an unusable dictionary, if there are more than `limit`
    /// distinct values or they collide too much. `expected`: about how many there will be.
    mutating func index(
        _ values: ChunkValues, limit: Int, expected: Int = 0, into indices: UnsafeMutablePointer<UInt32>
    ) -> Bool {
        removeAll(expected: expected)
        let limit = min(limit, Bounds.dictionaryEntries)
        if let text = unsafe values.text {
            var textBytes = 0
            var (previous, index): (Int64, UInt32) = (0, 0)
            for i in 0..<values.count {
                let word = unsafe values.words[i]
                if word != previous || i == 0 {
                    let known = count
                    guard let found = unsafe find(hash(word, text), word, text, limit) else { return false }
                    if count > known {
                        textBytes += 4 + textLength(word)
                        if textBytes > Bounds.dictionaryBytes { return false }
                    }
                    (previous, index) = (word, found)
                }
                unsafe indices[i] = index
            }
        } else {
            var (previous, index): (Int64, UInt32) = (0, 0)
            for i in 0..<values.count {
                let word = unsafe values.words[i]
                if word != previous || i == 0 {
                    guard let found = unsafe find(UInt64(bitPattern: word), word, nil, limit) else { return false }
                    (previous, index) = (word, found)
                }
                unsafe indices[i] = index
            }
        }
        return true
    }

    private mutating func removeAll(expected: Int) {
        count = 0
        slotCount = Self.slotsMin
        while slotCount < 2 * expected && slotCount < Self.slotsMax { slotCount *= 2 }
        unsafe slots.initialize(repeating: Slot(tag: 0, entry: 0), count: slotCount)
    }

    @inline(__always)
    private mutating func find(_ key: UInt64, _ word: Int64, _ text: UnsafePointer<UInt8>?, _ limit: Int) -> UInt32? {
        let mask = slotCount - 1
        let tag = UInt32(truncatingIfNeeded: ((key ^ key >> 32) &* 0x9E37_79B9_7F4A_7C15) >> 32)
        var slot = home(tag)
        var probes = 0
        while true {
            let found = unsafe slots[slot]
            if found.entry == 0 { break }
            if found.tag == tag {
                let entry = unsafe entries[Int(found.entry - 1)]
                if entry == word { return found.entry - 1 }
                if let text = unsafe text, unsafe sameText(entry, word, text) { return found.entry - 1 }
            }
            slot = (slot + 1) & mask
            probes += 1
            if probes > Self.probesMax { return nil }
        }
        if count == limit { return nil }
        unsafe entries[count] = word
        count += 1
        unsafe slots[slot] = Slot(tag: tag, entry: UInt32(count))
        if count * 2 > slotCount { grow() }
        return UInt32(count - 1)
    }

    @inline(__always)
    private func home(_ tag: UInt32) -> Int { Int(tag >> UInt32(32 - slotCount.trailingZeroBitCount)) }

    /// `limit` keeps the table from growing past `slotsMax`, for which there is memory.
    @inline(never)
    private mutating func grow() {
        guard slotCount < Self.slotsMax else { return }
        let oldCount = slotCount
        let old = UnsafeMutablePointer<Slot>.allocate(capacity: oldCount)
        unsafe old.update(from: slots, count: oldCount)
        slotCount = oldCount * 4 <= Self.slotsMax ? oldCount * 4 : Self.slotsMax
        unsafe slots.initialize(repeating: Slot(tag: 0, entry: 0), count: slotCount)
        for i in 0..<oldCount where unsafe old[i].entry != 0 {
            var slot = unsafe home(old[i].tag)
            while unsafe slots[slot].entry != 0 { slot = (slot + 1) & (slotCount - 1) }
            unsafe slots[slot] = old[i]
        }
        unsafe old.deallocate()
    }
}
