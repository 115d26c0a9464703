public import Aggregates
internal import Records

/// What a view's time logs keep of each event, one entry per input of the view.
public struct LogLayout: Sendable, Equatable {
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
        /// Position among the 64-bit lanes of a chunk.
        var lane: Int
        /// Position among the columns that keep moments per chunk, or -1.
        var moments: Int
    }

    public let columns: [Column]
    /// Whether events keep their partition and offset, to order those of one time.
    public let isOrdered: Bool
    let momentCount: Int
    /// 64-bit words per event beside the time and the offset.
    let wordLanes: Int
    let hasText: Bool

    public init(_ columns: [(kind: Kind, needs: Needs)]) {
        var lane = 0
        var moments = 0
        self.columns = columns.map { kind, needs in
            let keepsMoments = kind == .integer && !needs.isDisjoint(with: [.sum, .squares, .extremes])
            defer {
                lane += kind == .presence ? 0 : 1
                moments += keepsMoments ? 1 : 0
            }
            return Column(
                kind: kind, needs: needs, lane: kind == .presence ? -1 : lane, moments: keepsMoments ? moments : -1)
        }
        isOrdered = columns.contains { $0.needs.contains(.ends) }
        momentCount = moments
        wordLanes = lane
        hasText = columns.contains { $0.kind == .text }
    }

    var bytesPerEvent: Int { 8 + 8 * wordLanes + (isOrdered ? 12 : 0) }
    var firstWordLane: Int { isOrdered ? 2 : 1 }
}
