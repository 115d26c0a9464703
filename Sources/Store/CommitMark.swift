public import Records

/// Which state this is, how many commits it has had, and what tells whether the world around it is still the same: one row,
/// written with every commit.
///
///     format u8 | state u64 | commits varint | time i64 |
///     topics varint { name text | partitions varint { partition zigzag | offset zigzag | fingerprint u64 } }
///
/// What names it elsewhere (the state's folder, that of the log) is written after the commit, so it never is ahead of this row
/// unless commits were taken back.
public struct CommitMark: Equatable, Sendable {
    /// The last record that was read of a partition: where the same offset holds another one, it is not the same topic.
    public struct LastRecord: Equatable, Sendable {
        public var offset: Int64
        public var fingerprint: UInt64

        public init(offset: Int64, fingerprint: UInt64) {
            self.offset = offset
            self.fingerprint = fingerprint
        }
    }

    /// A number that the state got when it began.
    public var state: UInt64
    public var commits: UInt64
    /// By the wall clock, which the next run does not go behind.
    public var time: EventTime
    public var topics: [String: [Int32: LastRecord]]

    public init(
        state: UInt64, commits: UInt64 = 0, time: EventTime = .distantPast, topics: [String: [Int32: LastRecord]] = [:]
    ) {
        self.state = state
        self.commits = commits
        self.time = time
        self.topics = topics
    }

    static let format: UInt8 = 1

    func encode(into writer: inout ByteWriter) {
        writer.append(CommitMark.format)
        writer.append(state)
        writer.append(varint: commits)
        writer.append(time.microseconds)
        writer.append(varint: UInt64(topics.count))
        for (name, partitions) in topics.sorted(by: { $0.key < $1.key }) {
            writer.append(name)
            writer.append(varint: UInt64(partitions.count))
            for (partition, last) in partitions.sorted(by: { $0.key < $1.key }) {
                writer.append(zigzag: Int64(partition))
                writer.append(zigzag: last.offset)
                writer.append(last.fingerprint)
            }
        }
    }

    init(decoding reader: inout ByteReader) throws(CorruptBytes) {
        guard try reader.read(UInt8.self) == CommitMark.format else { throw CorruptBytes() }
        state = try reader.read(UInt64.self)
        commits = try reader.readVarint()
        time = EventTime(microseconds: try reader.read(Int64.self))
        topics = [:]
        for _ in 0..<(try reader.readVarint()) {
            let name = try reader.readString()
            var partitions: [Int32: LastRecord] = [:]
            for _ in 0..<(try reader.readVarint()) {
                let partition = Int32(truncatingIfNeeded: try reader.readZigzag())
                let offset = try reader.readZigzag()
                partitions[partition] = LastRecord(offset: offset, fingerprint: try reader.read(UInt64.self))
            }
            topics[name] = partitions
        }
    }
}
