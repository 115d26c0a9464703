/// The distinct values of a column chunk in the order in which they first appear, and for every value the index of its like.
///
/// Open addressing with linear probing, at most half full. A slot's key is the word itself, or the hash of a text.
@safe
struct ValueDictionary: ~Copyable, @unchecked Sendable {
    private struct Slot {
        var key: UInt64
        /// The entry's index plus 1; 0 in an empty slot.
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
    /// distinct values or they collide too much.
    mutating func index(_ values: ChunkValues, limit: Int, into indices: UnsafeMutablePointer<UInt32>) -> Bool {
        removeAll()
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

    mutating func removeAll() {
        count = 0
        slotCount = Self.slotsMin
        unsafe slots.initialize(repeating: Slot(key: 0, entry: 0), count: slotCount)
    }

    @inline(__always)
    private mutating func find(_ key: UInt64, _ word: Int64, _ text: UnsafePointer<UInt8>?, _ limit: Int) -> UInt32? {
        let mask = slotCount - 1
        var slot = home(key)
        var probes = 0
        while true {
            let found = unsafe slots[slot]
            if found.entry == 0 { break }
            if found.key == key {
                guard let text = unsafe text else { return found.entry - 1 }
                if unsafe sameText(entries[Int(found.entry - 1)], word, text) { return found.entry - 1 }
            }
            slot = (slot + 1) & mask
            probes += 1
            if probes > Self.probesMax { return nil }
        }
        if count == limit { return nil }
        unsafe entries[count] = word
        count += 1
        unsafe slots[slot] = Slot(key: key, entry: UInt32(count))
        if count * 2 > slotCount { grow() }
        return UInt32(count - 1)
    }

    @inline(__always)
    private func home(_ key: UInt64) -> Int {
        let mixed = (key ^ (key >> 32)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> UInt64(64 - slotCount.trailingZeroBitCount))
    }

    /// `limit` keeps the table from growing past `slotsMax`, for which there is memory.
    @inline(never)
    private mutating func grow() {
        guard slotCount < Self.slotsMax else { return }
        let oldCount = slotCount
        let old = UnsafeMutablePointer<Slot>.allocate(capacity: oldCount)
        unsafe old.update(from: slots, count: oldCount)
        slotCount = oldCount * 4 <= Self.slotsMax ? oldCount * 4 : Self.slotsMax
        unsafe slots.initialize(repeating: Slot(key: 0, entry: 0), count: slotCount)
        for i in 0..<oldCount where unsafe old[i].entry != 0 {
            var slot = unsafe home(old[i].key)
            while unsafe slots[slot].entry != 0 { slot = (slot + 1) & (slotCount - 1) }
            unsafe slots[slot] = old[i]
        }
        unsafe old.deallocate()
    }
}
