internal import Aggregates
internal import Records

/// Tiles in place of the older events of a long log: see `TileRule`.
///
/// What a tile holds and what is still events are told apart by nothing but where they lie, so whole chunks become tiles, wherever
/// in a tile they end: a window whose older edge is one between tiles adds up both.
extension TimeLog {
    /// Whether older events of the log have become tiles.
    public var hasTiles: Bool { hasManyChunks && tree.header[0].tiles != 0 }

    private var tiles: TileLog? {
        guard hasManyChunks else { return nil }
        return unsafe UnsafeRawPointer(bitPattern: tree.header[0].tiles).map {
            unsafe Unmanaged<TileLog>.fromOpaque($0).takeUnretainedValue()
        }
    }

    /// The time of the newest event that is part of a tile: what lies at or before it is no more known event by event.
    public var tiledThrough: Int64 { tiles?.newest ?? .min }

    /// How many events lie in the tiles of a range.
    public func tiledEvents(_ range: Range<Int64>) -> Int { tiles?.eventCount(range) ?? 0 }

    /// How many of those have a value in a column.
    public func tiledValues(_ column: Int, _ range: Range<Int64>, _ layout: LogLayout) -> Int {
        tiles?.valueCount(column, range, layout) ?? 0
    }

    /// One row of sums over the tiles of a range; nil where there is no tile. `memo` numbers the edge that asks, below the
    /// layout's `hintCount`.
    public func tileSums(_ range: Range<Int64>, memo: Int, _ layout: LogLayout) -> TileRows? {
        tiles?.sums(range, memo: memo, layout)
    }

    var tileBlockCount: Int { tiles?.blocks.count ?? 0 }

    /// Calls `body` with every block of tiles that a store does not have as it is, which it then has.
    public func takeDirtyTiles(_ body: (TileBlock) -> Void) { tiles?.takeDirty(body) }

    /// Takes the tiles that a store kept. Gives the bytes of memory held. Requires: many chunks, and no tiles yet.
    public mutating func install(tiles blocks: [TileBlock], _ layout: LogLayout) -> Int {
        guard !blocks.isEmpty else { return 0 }
        let tiles = TileLog(blocks)
        unsafe tree.header[0].tiles = UInt(bitPattern: Unmanaged.passRetained(tiles).toOpaque())
        return tiles.bytes(layout)
    }

    /// Gives the bytes of memory that were held.
    func freeTiles(_ layout: LogLayout) -> Int {
        guard let tiles else { return 0 }
        let held = tiles.bytes(layout)
        unsafe Unmanaged.passUnretained(tiles).release()
        tree.header[0].tiles = 0
        return held
    }

    /// Whether a chunk may become part of tiles: no window that is yet to be evaluated needs one of its events.
    ///
    /// A window's edge stays where it is if at most the rule's number of events lie behind the one before it that is between
    /// tiles. Behind the edge before this chunk's last tile are more, and windows to come end later, when there are not fewer.
    func maySettle(_ chunk: Chunk, _ horizon: LogHorizon, _ rule: TileRule, _ layout: LogLayout) -> Bool {
        guard horizon.ended > .min, horizon.exactReach > .min else { return false }
        let tile = rule.tile(of: chunk.lastTime(layout))
        guard rule.edge(beforeTile: tile &+ 1) <= min(horizon.ended, horizon.exactReach) else { return false }
        let start = position(after: rule.edge(beforeTile: tile), layout)
        let behind = count(from: start, to: position(after: horizon.ended, layout), layout)
        guard behind + tiledEvents(tile..<tile &+ 1) > rule.rawEvents else { return false }
        // Sums over numbers beyond all measure are not kept in so many words.
        for index in 0..<layout.columnCount {
            let column = layout.column(index)
            if column.kind == .double, column.summaryAt >= 0, DoubleMoments(chunk, column, layout).isWide { return false }
        }
        return true
    }

    /// Makes a chunk's events part of tiles. The chunk stays the caller's.
    func settle(_ chunk: Chunk, _ rule: TileRule, bytes: inout Int, _ layout: LogLayout) {
        if tiles == nil {
            unsafe tree.header[0].tiles = UInt(bitPattern: Unmanaged.passRetained(TileLog()).toOpaque())
        } else {
            bytes -= tiles!.bytes(layout)
        }
        let tiles = tiles!
        tiles.add(chunk, rule, layout) { tree.nextChunkID() }
        bytes += tiles.bytes(layout)
    }

    /// Tiles out of every window's reach leave.
    mutating func trimTiles(_ horizon: Int64, removed: inout [UInt32], bytes: inout Int, _ layout: LogLayout) {
        guard let tiles else { return }
        bytes -= tiles.bytes(layout)
        trimmedThrough = max(trimmedThrough, tiles.trim(horizon, removed: &removed))
        bytes += tiles.bytes(layout)
    }
}
