public import Records

/// Everything that a commit fixes beside the entities themselves: one row, written in the same atomic write as they are.
///
///     format u8 | plan: length varint | bytes                  see Pipelines' KeptPlan
///     slices of exchanged views varint | rows from i64 | rows to i64
///     sources varint { partitions varint { partition zigzag | next offset zigzag | newest time i64 } |
///                      counters varint { count varint } }
///     shards varint { shard u32 | finished through i64 | expired through i64 |
///                     waiting varint { sequence varint | newest time i64 } | next sequence varint }
///     offline log: length varint | bytes                       see History's LogState
///     dead letters' committed length varint
///     emission u8: 0 none, 1 under way, 2 stopped cleanly | commit varint | topic: length varint | bytes
public struct Checkpoint: Equatable, Sendable {
    /// How far one partition was read.
    public struct Position: Equatable, Sendable {
        public var nextOffset: Int64
        /// The newest event time so far: the partition's watermark is this less the out-of-orderness.
        public var newest: EventTime

        public init(nextOffset: Int64, newest: EventTime) {
            self.nextOffset = nextOffset
            self.newest = newest
        }
    }

    public struct Source: Equatable, Sendable {
        public var positions: [Int32: Position] = [:]
        /// Applied events, then rejected ones by `RejectionReason`'s order.
        public var counters: [UInt64] = []

        public init() {}
    }

    public struct ShardState: Equatable, Sendable {
        public var finishedThrough = EventTime.distantPast
        public var expiredThrough = EventTime.distantPast
        /// The rows of waiting entries: sequence and newest time of each.
        public var pending: [PendingRun] = []
        public var nextSequence: UInt64 = 0

        public init() {}
    }

    public struct PendingRun: Equatable, Sendable {
        public var sequence: UInt64
        public var newest: Int64
    }

    /// How far rows were emitted to a topic.
    public struct Emission: Equatable, Sendable {
        public var topic: String
        /// Of the last commit that emitted, counted from 1.
        public var number: UInt64
        /// It was the last one of a run that stopped cleanly: nothing was emitted after it.
        public var isClosed: Bool

        public init(topic: String, number: UInt64, isClosed: Bool) {
            self.topic = topic
            self.number = number
            self.isClosed = isClosed
        }
    }

    /// The pipeline, and what the state keeps for it.
    public var plan: [UInt8]
    /// How many slices the views have whose rows are exchanged by hash.
    public var sliceCount: Int
    /// The event times whose rows came out, or will: from the first, up to, not including, the second.
    public var rowsFrom = EventTime.distantPast
    public var rowsTo = EventTime.distantFuture
    /// By the source's position in the plan.
    public var sources: [Source]
    /// By the numbers that the state has for views.
    public var shards: [ShardID: ShardState] = [:]
    public var offlineLog: [UInt8] = []
    public var deadLetterBytes: UInt64 = 0
    public var emission: Emission?

    public init(plan: [UInt8], sliceCount: Int, sourceCount: Int) {
        self.plan = plan
        self.sliceCount = sliceCount
        sources = Array(repeating: Source(), count: sourceCount)
    }

    /// Goes up with the format of the logs too: a state of another one is refused at the start, not at an entity's first event.
    static let format: UInt8 = 5

    func encode(into writer: inout ByteWriter) {
        writer.append(Checkpoint.format)
        writer.append(varint: UInt64(plan.count))
        unsafe plan.withUnsafeBytes { unsafe writer.append($0) }
        writer.append(varint: UInt64(sliceCount))
        writer.append(rowsFrom.microseconds)
        writer.append(rowsTo.microseconds)
        writer.append(varint: UInt64(sources.count))
        for source in sources {
            writer.append(varint: UInt64(source.positions.count))
            for (partition, position) in source.positions.sorted(by: { $0.key < $1.key }) {
                writer.append(zigzag: Int64(partition))
                writer.append(zigzag: position.nextOffset)
                writer.append(position.newest.microseconds)
            }
            writer.append(varint: UInt64(source.counters.count))
            for counter in source.counters { writer.append(varint: counter) }
        }
        writer.append(varint: UInt64(shards.count))
        for (shard, state) in shards.sorted(by: { $0.key < $1.key }) {
            writer.append(shard.number)
            writer.append(state.finishedThrough.microseconds)
            writer.append(state.expiredThrough.microseconds)
            writer.append(varint: UInt64(state.pending.count))
            for run in state.pending {
                writer.append(varint: run.sequence)
                writer.append(run.newest)
            }
            writer.append(varint: state.nextSequence)
        }
        writer.append(varint: UInt64(offlineLog.count))
        unsafe offlineLog.withUnsafeBytes { unsafe writer.append($0) }
        writer.append(varint: deadLetterBytes)
        writer.append(UInt8(emission.map { $0.isClosed ? 2 : 1 } ?? 0))
        guard let emission else { return }
        writer.append(varint: emission.number)
        writer.append(emission.topic)
    }

    init(decoding reader: inout ByteReader) throws(CorruptBytes) {
        guard try reader.read(UInt8.self) == Checkpoint.format else { throw CorruptBytes() }
        plan = try Checkpoint.bytes(&reader)
        let slices = try reader.readVarint()
        guard slices > 0, slices <= UInt64(ShardID.sliceMax) else { throw CorruptBytes() }
        sliceCount = Int(slices)
        rowsFrom = EventTime(microseconds: try reader.read(Int64.self))
        rowsTo = EventTime(microseconds: try reader.read(Int64.self))
        sources = []
        for _ in 0..<(try reader.readVarint()) {
            var source = Source()
            for _ in 0..<(try reader.readVarint()) {
                let partition = Int32(truncatingIfNeeded: try reader.readZigzag())
                let nextOffset = try reader.readZigzag()
                let newest = EventTime(microseconds: try reader.read(Int64.self))
                source.positions[partition] = Position(nextOffset: nextOffset, newest: newest)
            }
            for _ in 0..<(try reader.readVarint()) { source.counters.append(try reader.readVarint()) }
            sources.append(source)
        }
        for _ in 0..<(try reader.readVarint()) {
            guard let shard = ShardID(number: try reader.read(UInt32.self)) else { throw CorruptBytes() }
            var state = ShardState()
            state.finishedThrough = EventTime(microseconds: try reader.read(Int64.self))
            state.expiredThrough = EventTime(microseconds: try reader.read(Int64.self))
            for _ in 0..<(try reader.readVarint()) {
                let sequence = try reader.readVarint()
                state.pending.append(PendingRun(sequence: sequence, newest: try reader.read(Int64.self)))
            }
            state.nextSequence = try reader.readVarint()
            shards[shard] = state
        }
        offlineLog = try Checkpoint.bytes(&reader)
        deadLetterBytes = try reader.readVarint()
        switch try reader.read(UInt8.self) {
        case 0: break
        case let kind where kind <= 2:
            let number = try reader.readVarint()
            emission = Emission(topic: try reader.readString(), number: number, isClosed: kind == 2)
        default: throw CorruptBytes()
        }
    }

    private static func bytes(_ reader: inout ByteReader) throws(CorruptBytes) -> [UInt8] {
        let length = try reader.readVarint()
        guard length <= UInt64(reader.remaining) else { throw CorruptBytes() }
        return unsafe Array(try reader.read(length: Int(length)))
    }

    /// Leaves behind the slices of a view that no plan will have again. Expiry drops their rows, and the next commit those that
    /// wait for the watermark.
    public mutating func leave(view number: Int) {
        for shard in shards.keys where shard.view == number { shards[shard]?.expiredThrough = .distantFuture }
    }

    /// The slices that were left behind.
    public var left: [ShardID: ShardState] { shards.filter { $0.value.expiredThrough == .distantFuture } }
}
