internal import CKernels
internal import Records

/// The unit in which a chunk counts time from its base: the coarsest in which all its times are whole.
public enum TimeUnit: UInt8, BitwiseCopyable, Sendable {
    case microsecond, millisecond, second

    @inline(__always)
    public var microseconds: Int64 {
        switch self {
        case .microsecond: 1
        case .millisecond: 1_000
        case .second: 1_000_000
        }
    }

    /// The whole units in a span, rounded down. Requires: the span is not negative.
    @inline(__always)
    func units(in span: UInt64) -> UInt64 {
        // Constant divisors: multiplications.
        switch self {
        case .microsecond: span
        case .millisecond: span / 1_000
        case .second: span / 1_000_000
        }
    }

    /// The coarsest unit, none coarser than this one, in which a span is whole.
    func dividing(_ span: UInt64) -> TimeUnit {
        if self == .second && span % 1_000_000 == 0 { return .second }
        return self != .microsecond && span % 1_000 == 0 ? .millisecond : .microsecond
    }
}

/// How a chunk counts time: since a base in some unit, or absolute where 32 bits do not reach.
struct TimeFrame {
    var base: Int64
    var unit: TimeUnit
    var width: Int

    static let absolute = TimeFrame(base: 0, unit: .microsecond, width: 8)

    /// The unsigned distance of a time from the base in units; nil where it is negative, not whole, or too long.
    @inline(__always)
    func units(_ time: Int64) -> UInt32? {
        guard time >= base else { return nil }
        let span = UInt64(bitPattern: time &- base)
        let units = unit.units(in: span)
        guard units <= UInt64(UInt32.max), units &* UInt64(unit.microseconds) == span else { return nil }
        return UInt32(truncatingIfNeeded: units)
    }
}

extension Chunk {
    var frame: TimeFrame {
        TimeFrame(base: header[0].timeBase, unit: header[0].unit, width: width(LogLayout.timeLane))
    }

    public func time(_ row: Int, _ layout: LogLayout) -> Int64 {
        let lane = lane(LogLayout.timeLane, layout)
        if lane.width == 8 { return lane[row] }
        return header[0].timeBase &+ lane.unsigned(row) &* header[0].unit.microseconds
    }

    func setTime(_ time: Int64, row: Int, _ layout: LogLayout) {
        let lane = lane(LogLayout.timeLane, layout)
        if lane.width == 8 {
            lane[row] = time
        } else {
            lane.unsignedWords[row] = frame.units(time)!
        }
    }

    func firstTime(_ layout: LogLayout) -> Int64 { time(0, layout) }
    func lastTime(_ layout: LogLayout) -> Int64 { time(count &- 1, layout) }

    @inline(__always)
    func fits(time: Int64) -> Bool { width(LogLayout.timeLane) == 8 || frame.units(time) != nil }

    /// The frame in which the events from `from` on and one more at `time` can be counted.
    func frame(from: Int, with time: Int64, _ layout: LogLayout) -> TimeFrame {
        guard from < count else { return TimeFrame(base: time, unit: .second, width: 4) }
        let (own, first) = (frame, min(self.time(from, layout), time))
        if own.width == 8 { return .absolute }
        let last = max(lastTime(layout), time)
        var unit = own.unit.dividing(UInt64(bitPattern: self.time(from, layout) &- first))
        unit = unit.dividing(UInt64(bitPattern: time &- first))
        // All own times are whole units apart from each other, and so from the first.
        let (span, overflow) = last.subtractingReportingOverflow(first)
        guard !overflow, unit.units(in: UInt64(span)) <= UInt64(UInt32.max) else { return .absolute }
        return TimeFrame(base: first, unit: unit, width: 4)
    }

    /// How many events have a time at or before `edge`.
    func position(after edge: Int64, _ layout: LogLayout) -> Int {
        let lane = lane(LogLayout.timeLane, layout)
        let count = count
        guard lane.width == 4 else { return lane.longWords.count(through: edge, of: count) }
        guard let units = floorUnits(edge) else { return 0 }
        return lane.unsignedWords.count(through: units, of: count)
    }

    /// `position(after:)`, which is near `hint` as a rule.
    @inline(__always)
    func position(after edge: Int64, near hint: Int, _ layout: LogLayout) -> Int {
        let lane = lane(LogLayout.timeLane, layout)
        guard lane.width == 4, hint <= count, let units = floorUnits(edge) else { return position(after: edge, layout) }
        let words = lane.unsignedWords
        var position = hint
        var steps = 0
        while position < count && words[position] <= units && steps < Chunk.nearSteps {
            (position, steps) = (position &+ 1, steps &+ 1)
        }
        if steps > 0 { return steps < Chunk.nearSteps ? position : self.position(after: edge, layout) }
        while position > 0 && words[position &- 1] > units && steps < Chunk.nearSteps {
            (position, steps) = (position &- 1, steps &+ 1)
        }
        return steps < Chunk.nearSteps ? position : self.position(after: edge, layout)
    }
    private static let nearSteps = 6

    /// The whole units from the base to an edge, cut to 32 bits; nil where the edge is before the base.
    @inline(__always)
    private func floorUnits(_ edge: Int64) -> UInt32? {
        let base = header[0].timeBase
        guard edge >= base else { return nil }
        return UInt32(clamping: header[0].unit.units(in: UInt64(bitPattern: edge &- base)))
    }

    /// `position(after:)` for several edges at once. `units` is room for one word each.
    @inline(__always)
    func positions(
        after edges: Lane<Int64>, count edgeCount: Int, units: Lane<UInt32>, into positions: Lane<UInt32>, _ layout: LogLayout
    ) {
        let lane = lane(LogLayout.timeLane, layout)
        guard lane.width == 4 else {
            for index in 0..<edgeCount { positions[index] = UInt32(position(after: edges[index], layout)) }
            return
        }
        for index in 0..<edgeCount { units[index] = floorUnits(edges[index]) ?? 0 }
        unsafe kernel_count32(
            lane.unsignedWords.pointer, count, units.pointer, edgeCount, positions.pointer)
        // The first event may lie on the base, before which nothing is.
        let base = header[0].timeBase
        for index in 0..<edgeCount where edges[index] < base { positions[index] = 0 }
    }
}
