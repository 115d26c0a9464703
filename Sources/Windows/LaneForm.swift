internal import Records

/// How a lane holds its numbers: the bytes that each takes, and the words that lie behind all lanes for it, its front.
///
///     bits 0…3   bytes of a number: 0 1 2 4 8
///     bits 4…7   0: no word, the numbers are what they are
///                n, integers: one word, from which they are counted
///                n, texts: 2^(n-1) words, the texts of a dictionary; the numbers are its codes
struct LaneForm: BitwiseCopyable, Equatable {
    let rawValue: UInt8

    @inline(__always)
    init(rawValue: UInt8) { self.rawValue = rawValue }

    @inline(__always)
    static func plain(_ width: Int) -> LaneForm { LaneForm(rawValue: UInt8(truncatingIfNeeded: width)) }

    /// Integers, counted from one of their own.
    @inline(__always)
    static func framed(_ width: Int) -> LaneForm { LaneForm(rawValue: UInt8(truncatingIfNeeded: 16 &+ width)) }

    /// Codes of texts. A dictionary of one needs none.
    static func coded(entriesLog2: Int) -> LaneForm {
        LaneForm(rawValue: UInt8((entriesLog2 + 1) * 16 + (entriesLog2 == 0 ? 0 : 1)))
    }

    @inline(__always)
    var width: Int { Int(rawValue & 15) }
    /// Whether it has a front.
    @inline(__always)
    var hasFront: Bool { rawValue > 15 }
    @inline(__always)
    var frontBytes: Int { (4 &<< Int(rawValue >> 4)) & ~7 }
    var frontWords: Int { frontBytes / 8 }

    /// Most lanes have no front.
    @inline(__always)
    func bytes(capacity: Int) -> Int {
        if rawValue < 16 { return Chunk.roundedUp(capacity &* Int(rawValue)) }
        return frontBytes &+ Chunk.roundedUp(capacity &* width)
    }
}

/// The form of each lane of a chunk that is to be made, and what the words of its front begin as.
struct LaneForms: BitwiseCopyable {
    let forms: Lane<UInt8>
    let fronts: Lane<Int64>

    @inline(__always)
    subscript(_ lane: Int) -> LaneForm {
        get { LaneForm(rawValue: forms[lane]) }
        nonmutating set { forms[lane] = newValue.rawValue }
    }

    @inline(__always)
    func set(_ lane: Int, _ frame: NumberFrame) {
        forms[lane] = frame.form.rawValue
        fronts[lane] = frame.reference
    }

    /// Lends `body` room for the forms, on the stack.
    @inline(__always)
    static func with<R>(_ layout: LogLayout, _ body: (LaneForms) -> R) -> R {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: layout.laneCount) { forms in
            unsafe withUnsafeTemporaryAllocation(of: Int64.self, capacity: layout.laneCount) { fronts in
                unsafe body(
                    LaneForms(
                        forms: Lane(forms.baseAddress!, count: layout.laneCount),
                        fronts: Lane(fronts.baseAddress!, count: layout.laneCount)))
            }
        }
    }

    /// Makes lanes for the flags of last occurrences.
    func flagLast(_ layout: LogLayout) {
        for index in 0..<layout.columnCount where layout.column(index).lastLane >= 0 {
            self[layout.column(index).lastLane] = .plain(1)
        }
    }
}

/// The least and the greatest of some integers.
struct NumberRange: BitwiseCopyable {
    var least = Int64.max
    var greatest = Int64.min

    @inline(__always)
    mutating func add(_ number: Int64) {
        if number < least { least = number }
        if number > greatest { greatest = number }
    }
}

/// The narrowest form for some integers: as they are, or counted from one in their middle, so that the frame reaches as far
/// on either side.
struct NumberFrame: BitwiseCopyable {
    var form: LaneForm
    var reference: Int64

    init(form: LaneForm, reference: Int64) {
        self.form = form
        self.reference = reference
    }

    init(_ range: NumberRange, capacity: Int) {
        self.init(form: .plain(0), reference: 0)
        guard range.least <= range.greatest else { return }
        let width = max(PackedLane.width(of: range.least), PackedLane.width(of: range.greatest))
        form = .plain(width)
        guard width > 1 else { return }
        let spread = UInt64(bitPattern: range.greatest &- range.least)
        guard spread <= NumberFrame.spreadMax(width: 4) else { return }
        let framed = LaneForm.framed(
            spread == 0 ? 0 : spread <= NumberFrame.spreadMax(width: 1) ? 1 : spread <= NumberFrame.spreadMax(width: 2) ? 2 : 4)
        guard framed.bytes(capacity: capacity) < form.bytes(capacity: capacity) else { return }
        form = framed
        reference = range.least &+ Int64((spread + 1) >> 1)
    }

    /// How far the numbers of a new frame lie apart at most, of one, two or four bytes: four fifths of what it holds. One that its
    /// numbers fill to the brim would be made anew for every event to come.
    @inline(__always)
    static func spreadMax(width: Int) -> UInt64 { ((1 &<< UInt64(8 &* width)) &- 1) / 5 &* 4 }

    /// Whether a lane of a form holds a number that is counted from `reference`.
    @inline(__always)
    static func holds(_ number: Int64, width: Int, reference: Int64) -> Bool {
        let (distance, overflow) = number.subtractingReportingOverflow(reference)
        return !overflow && PackedLane.width(of: distance) <= width
    }
}
