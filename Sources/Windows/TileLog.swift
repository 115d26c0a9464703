/// Up to 64 neighbouring tiles: the unit in which a store keeps them.
public struct TileBlock: Sendable {
    public static let tilesMax: Int64 = 64

    /// Among the ids of the log's chunks.
    public let id: UInt32
    public internal(set) var state: Chunk.State
    /// The time of the newest event in it.
    public private(set) var newest: Int64
    /// The tiles that have events, ascending.
    public private(set) var numbers: [Int64] = []
    /// One per tile.
    public private(set) var rows = TileRows()
    /// One row: all of them.
    private(set) var total: TileRows

    init(id: UInt32, _ layout: LogLayout) {
        self.id = id
        state = .dirty
        newest = .min
        total = TileRows(layout)
    }

    /// As a store kept it. Requires: there is a tile; numbers ascend and belong to one block; one row for each.
    public init(id: UInt32, newest: Int64, numbers: [Int64], rows: TileRows, _ layout: LogLayout) {
        self.init(id: id, layout)
        state = .stored
        self.newest = newest
        self.numbers = numbers
        self.rows = rows
        for row in 0..<rows.count { total.merge(rows, row: row, layout) }
    }

    /// Which of all blocks it is.
    var number: Int64 { TileBlock.number(ofTile: numbers[0]) }

    /// The block of a tile.
    public static func number(ofTile tile: Int64) -> Int64 { tile >> 6 }

    func bytes(_ layout: LogLayout) -> Int {
        MemoryLayout<TileBlock>.stride + 8 * numbers.count + TileRows.bytes(rows: numbers.count + 1, layout)
    }

    /// The first tile at or after `tile`.
    func row(from tile: Int64) -> Int { partition(numbers.count) { numbers[$0] >= tile } }

    mutating func add(_ chunk: Chunk, event: Int, tile: Int64, _ layout: LogLayout) {
        let row = row(from: tile)
        if row == numbers.count || numbers[row] != tile {
            numbers.insert(tile, at: row)
            rows.insertRow(at: row, layout)
        }
        rows.add(chunk, event: event, row: row, layout)
        total.add(chunk, event: event, row: 0, layout)
        newest = max(newest, chunk.time(event, layout))
        state.insert(.dirty)
    }
}

/// The tiles of one long log, oldest first.
final class TileLog {
    private(set) var blocks: [TileBlock] = []
    /// The newest event that became part of a tile.
    private(set) var newest = Int64.min
    /// What was last summed for each edge.
    private var memos: [Memo] = []
    /// Sums of another version are void.
    private var version = 0

    private struct Memo {
        var version = -1
        var tiles: Range<Int64> = 0..<0
        var sums = TileRows()
    }

    init() {}

    /// As a store kept them. Requires: at most one block of each number.
    init(_ blocks: [TileBlock]) {
        self.blocks = blocks.sorted { $0.number < $1.number }
        newest = blocks.map(\.newest).max() ?? .min
    }

    func bytes(_ layout: LogLayout) -> Int {
        blocks.reduce(MemoryLayout<Memo>.stride * layout.hintCount) { $0 + $1.bytes(layout) }
    }

    /// Adds a chunk's events.
    func add(_ chunk: Chunk, _ rule: TileRule, _ layout: LogLayout, newID: () -> UInt32) {
        for event in 0..<chunk.count {
            let tile = rule.tile(of: chunk.time(event, layout))
            let number = TileBlock.number(ofTile: tile)
            let index = block(from: number)
            if index == blocks.count || blocks[index].number != number {
                blocks.insert(TileBlock(id: newID(), layout), at: index)
            }
            blocks[index].add(chunk, event: event, tile: tile, layout)
        }
        newest = max(newest, chunk.lastTime(layout))
        version += 1
    }

    private func block(from number: Int64) -> Int { partition(blocks.count) { blocks[$0].number >= number } }

    /// The blocks of which all events are at or before `horizon` leave. Gives the newest of their events.
    func trim(_ horizon: Int64, removed: inout [UInt32]) -> Int64 {
        var newest = Int64.min
        let leaving = blocks.prefix { $0.newest <= horizon }
        for block in leaving {
            newest = max(newest, block.newest)
            if block.state.contains(.stored) { removed.append(block.id) }
        }
        if !leaving.isEmpty {
            blocks.removeFirst(leaving.count)
            version += 1
        }
        return newest
    }

    /// How many events lie in the tiles of a range.
    func eventCount(_ tiles: Range<Int64>) -> Int {
        var count = 0
        forEach(tiles) { rows, row in count += rows.eventCount(row) }
        return count
    }

    /// How many of those events have a value in a column.
    func valueCount(_ column: Int, _ tiles: Range<Int64>, _ layout: LogLayout) -> Int {
        var count = 0
        forEach(tiles) { rows, row in count += rows.valueCount(row, column, layout) }
        return count
    }

    /// One row: all tiles of a range. `memo` numbers the edge that asks, below the layout's `hintCount`.
    func sums(_ tiles: Range<Int64>, memo: Int, _ layout: LogLayout) -> TileRows {
        if memos.isEmpty { memos = Array(repeating: Memo(), count: layout.hintCount) }
        if memos[memo].version != version || memos[memo].tiles != tiles {
            var sums = TileRows(layout)
            forEach(tiles) { rows, row in sums.merge(rows, row: row, layout) }
            memos[memo] = Memo(version: version, tiles: tiles, sums: sums)
        }
        return memos[memo].sums
    }

    /// Rows that together hold the tiles of a range: whole blocks and single tiles.
    private func forEach(_ tiles: Range<Int64>, _ body: (TileRows, Int) -> Void) {
        guard let first = blocks.first, let last = blocks.last, !tiles.isEmpty else { return }
        let low = max(tiles.lowerBound, first.numbers[0])
        let high = min(tiles.upperBound, last.numbers[last.numbers.count - 1] + 1)
        guard low < high else { return }
        var index = block(from: TileBlock.number(ofTile: low))
        while index < blocks.count, blocks[index].numbers[0] < high {
            let block = blocks[index]
            index += 1
            if block.numbers[0] >= low && block.numbers[block.numbers.count - 1] < high {
                body(block.total, 0)
                continue
            }
            for row in block.row(from: low)..<block.row(from: high) { body(block.rows, row) }
        }
    }

    /// Calls `body` with every block that a store does not have as it is, which it then has.
    func takeDirty(_ body: (TileBlock) -> Void) {
        for index in blocks.indices where blocks[index].state.contains(.dirty) {
            body(blocks[index])
            blocks[index].state = .stored
        }
    }
}

/// The first of `count` positions for which `isBehind` is true, which it is for all after one for which it is.
private func partition(_ count: Int, _ isBehind: (Int) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
        let middle = (low + high) / 2
        if isBehind(middle) { high = middle } else { low = middle + 1 }
    }
    return low
}
