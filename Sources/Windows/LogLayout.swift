public import Aggregates
internal import Records

/// What a view's time logs keep of each event, one column per input of the view, and in which lanes of a chunk.
///
/// Plain memory that is made once per view; whoever made it calls `deallocate`.
public struct LogLayout: BitwiseCopyable, Sendable {
    public enum Kind: UInt8, Sendable, BitwiseCopyable {
        /// Only whether there is a value.
        case presence
        /// int64, bool, timestamp, decimal: a whole number.
        case integer
        /// A double's bits, -0.0 kept as 0.0.
        case double
        case text
    }

    public struct Column: Sendable, Equatable, BitwiseCopyable {
        public var kind: Kind
        public var needs: Needs
        /// The lane that says which events have a value.
        var validityLane: Int
        /// The lane of the values; -1 for presence.
        var wordLane: Int
        /// Where the column's summaries begin among those that are kept per chunk, in bytes; -1 where it has none.
        var summaryAt: Int
        /// Which of the columns of its kind with sums it is; -1 where it has none.
        var summaryOrdinal: Int
        /// Whether it keeps summaries of whole chunks, and is of the kind.
        public func hasSummary(_ kind: Kind) -> Bool { summaryAt >= 0 && self.kind == kind }
        /// The lane that flags the last occurrences of values, in long logs; -1 where nobody counts distinct ones.
        var lastLane: Int
        /// Position of the number of last occurrences among the counts that are kept per chunk: behind those of the columns' values.
        var lastCount: Int
    }

    private let lane: Lane<Column>
    public let columnCount: Int
    /// Whether events keep their partition and offset, to order those of one time.
    public let isOrdered: Bool
    /// Bytes of the summaries of a chunk.
    let summaryBytes: Int
    /// Bytes of a memo.
    let memoBytes: Int
    /// Memos that a log of many chunks keeps, one per window and column: the evaluator numbers them.
    public let memoCount: Int
    /// Edges whose places a log of many chunks remembers.
    public let hintCount: Int
    let laneCount: Int
    let hasText: Bool
    /// Columns whose distinct values are counted.
    let distinctCount: Int
    /// Columns of integers, and of doubles, that keep summaries.
    public let integerSummaries: Int
    public let doubleSummaries: Int
    /// Where older events of long logs become tiles; nil: nowhere.
    public let tiles: TileRule?
    /// Where a chunk's first lane begins: behind the header and a form per lane.
    let lanesAt: Int

    static let timeLane = 0
    static let offsetLane = 1
    static let partitionLane = 2

    /// - Parameter isOrdered: whether events keep their partition and offset even if no column needs them.
    public init(
        _ columns: [(kind: Kind, needs: Needs)], memoCount: Int = 0, hintCount: Int = 0, isOrdered: Bool = false,
        tiles: TileRule? = nil
    ) {
        self.tiles = tiles
        self.memoCount = memoCount
        self.hintCount = hintCount
        let isOrdered = isOrdered || columns.contains { $0.needs.contains(.ends) }
        self.isOrdered = isOrdered
        hasText = columns.contains { $0.kind == .text }
        columnCount = columns.count
        lane = .allocate(columns.count)
        var next = isOrdered ? 3 : 1
        var summaryBytes = 0
        var distinct = 0
        var (integers, doubles) = (0, 0)
        for (index, (kind, needs)) in columns.enumerated() {
            let ownBytes = LogLayout.isSummarized(kind, needs) ? LogLayout.summaryBytes(kind) : 0
            let isDistinct = kind != .presence && needs.contains(.distinct)
            lane[index] = Column(
                kind: kind, needs: needs, validityLane: next, wordLane: kind == .presence ? -1 : next + 1,
                summaryAt: ownBytes > 0 ? summaryBytes : -1,
                summaryOrdinal: ownBytes == 0 || kind == .text ? -1 : kind == .integer ? integers : doubles,
                lastLane: isDistinct ? next + 2 : -1,
                lastCount: isDistinct ? columns.count + distinct : -1)
            next += kind == .presence ? 1 : isDistinct ? 3 : 2
            distinct += isDistinct ? 1 : 0
            summaryBytes += ownBytes
            integers += ownBytes > 0 && kind == .integer ? 1 : 0
            doubles += ownBytes > 0 && kind == .double ? 1 : 0
        }
        self.summaryBytes = summaryBytes
        memoBytes = LogLayout.aligned(
            columns.contains { $0.kind == .double }
                ? max(MemoryLayout<MiddleMemo<DoubleMoments>>.stride, MemoryLayout<MiddleMemo<Moments>>.stride)
                : MemoryLayout<MiddleMemo<Moments>>.stride)
        distinctCount = distinct
        integerSummaries = integers
        doubleSummaries = doubles
        laneCount = next
        lanesAt = Chunk.roundedUp(Chunk.formsAt + next)
    }

    /// Rounded up to what every summary is aligned to, since they lie one behind another.
    private static func aligned(_ bytes: Int) -> Int {
        let alignment = max(MemoryLayout<Moments>.alignment, MemoryLayout<DoubleMoments>.alignment)
        return (bytes + alignment - 1) / alignment * alignment
    }

    /// Whether long logs keep a summary of each chunk of a column.
    public static func isSummarized(_ kind: Kind, _ needs: Needs) -> Bool {
        switch kind {
        case .presence: false
        case .integer, .double: !needs.isDisjoint(with: [.sum, .squares, .extremes])
        case .text: needs.contains(.extremes)
        }
    }

    private static func summaryBytes(_ kind: Kind) -> Int {
        switch kind {
        case .integer: aligned(MemoryLayout<Moments>.stride)
        case .double: aligned(MemoryLayout<DoubleMoments>.stride)
        case .text: aligned(MemoryLayout<TextExtremes>.stride)
        case .presence: 0
        }
    }

    /// Counts that are kept per chunk and per group: of the values of each column, and of the last occurrences.
    var countCount: Int { columnCount &+ distinctCount }

    public func deallocate() { lane.deallocate() }

    @inline(__always)
    public func column(_ index: Int) -> Column { lane[index] }

    /// All columns, for what is not done per event.
    public var columns: [Column] { (0..<columnCount).map { lane[$0] } }
}
