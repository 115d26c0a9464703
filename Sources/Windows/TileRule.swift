/// Where the older events of a long log become tiles: sums over equal spans of time, in place of the events.
///
/// Tile `n` holds the events of `[n step, (n + 1) step)`, or of `(n step, (n + 1) step]` where windows are open on the left, so that
/// a window whose older end is a multiple of the step needs no event of its own.
public struct TileRule: BitwiseCopyable, Sendable {
    /// As many of the newest events stay events. At least a chunk's.
    public var rawEvents: Int
    /// The length of a tile, in microseconds.
    public var step: Int64
    /// 1 where a window's older end belongs to it: the edge before which events are out lies a microsecond earlier.
    public var olderShift: Int64

    public init(rawEvents: Int, step: Int64, olderShift: Int64) {
        self.rawEvents = rawEvents
        self.step = step
        self.olderShift = olderShift
    }

    /// The tile of an event.
    @inline(__always)
    public func tile(of time: Int64) -> Int64 { floorDivide(time &- 1 &+ olderShift) }

    /// The first tile all of whose events lie behind an edge. Requires: the edge is one between tiles.
    @inline(__always)
    public func tile(after edge: Int64) -> Int64 { floorDivide(edge &+ olderShift) }

    /// The newest edge between tiles at or before `edge`.
    @inline(__always)
    public func edge(before edge: Int64) -> Int64 {
        self.edge(beforeTile: floorDivide(edge &+ olderShift))
    }

    /// The edge behind which a tile begins.
    @inline(__always)
    public func edge(beforeTile tile: Int64) -> Int64 { tile &* step &- olderShift }

    @inline(__always)
    private func floorDivide(_ value: Int64) -> Int64 {
        let quotient = value / step
        return quotient &* step > value ? quotient &- 1 : quotient
    }
}

/// How far the events of a log are done with.
public struct LogHorizon: BitwiseCopyable, Sendable {
    /// Events at or before it are out of reach of every window.
    public var reach: Int64
    /// No window that is yet to be evaluated ends before it.
    public var ended: Int64
    /// Events at or before it are out of reach of the windows that are exact however many events there are.
    public var exactReach: Int64

    /// All of no log may become tiles.
    public init(reach: Int64) {
        self.init(reach: reach, ended: .min, exactReach: .min)
    }

    public init(reach: Int64, ended: Int64, exactReach: Int64) {
        self.reach = reach
        self.ended = ended
        self.exactReach = exactReach
    }
}
