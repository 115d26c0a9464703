internal import Records

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

    /// Copies numbers of another lane. Requires: they are as narrow as this one is.
    func copy(from other: PackedLane, at source: Int, to target: Int, count: Int) {
        if other.width == width {
            guard width > 0, count > 0 else { return }
            unsafe (base + target &* width).copyMemory(from: other.base + source &* width, byteCount: count &* width)
        } else {
            for row in 0..<count { self[target &+ row] = other[source &+ row] }
        }
    }
}

/// The numbers of a lane as what they stand for: integers that are counted from a number, or texts that are codes of a dictionary.
@safe @frozen
public struct ColumnWords: BitwiseCopyable, @unchecked Sendable {
    let lane: PackedLane
    /// Where a dictionary, or the number that integers are counted from, lies; nil where the numbers are what they are.
    let front: UnsafeMutableRawPointer?
    /// What integers are counted from.
    let reference: Int64
    /// Whether the lane holds codes of texts.
    public let isCoded: Bool

    @inline(__always)
    init(_ lane: PackedLane) {
        self.lane = lane
        unsafe front = nil
        reference = 0
        isCoded = false
    }

    init(_ lane: PackedLane, front: UnsafeMutableRawPointer, isText: Bool) {
        self.lane = lane
        unsafe self.front = unsafe front
        reference = isText ? 0 : unsafe front.load(as: Int64.self)
        isCoded = isText
    }

    @inline(__always)
    public subscript(_ row: Int) -> Int64 {
        isCoded ? unsafe front!.load(fromByteOffset: 8 &* Int(lane[row]), as: Int64.self) : integer(row)
    }

    /// Requires: not texts.
    @inline(__always)
    func integer(_ row: Int) -> Int64 { reference &+ lane[row] }

    /// Requires: the lane holds the number.
    @inline(__always)
    func set(_ row: Int, _ number: Int64) { lane[row] = number &- reference }

    /// Copies integers or doubles of another lane. Requires: the lane holds them.
    func copy(from other: ColumnWords, at source: Int, to target: Int, count: Int) {
        if reference == other.reference { return lane.copy(from: other.lane, at: source, to: target, count: count) }
        // Where there is no value, whatever there is stays within the lane's bytes.
        for row in 0..<count { set(target &+ row, other.integer(source &+ row)) }
    }

    /// The code of a text. Requires: a dictionary.
    @inline(__always)
    public func code(_ row: Int) -> Int { Int(lane[row]) }
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
