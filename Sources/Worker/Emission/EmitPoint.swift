internal import Engine
internal import Kafka
internal import Pipelines
internal import Records

/// How far emission has come: what a transaction fixes beside its rows, as offsets of a consumer group.
///
/// Each partition of each source's topic has an offset, that of the source that is furthest behind, and with it the metadata
///
///     freshet/1 COMMIT PARTITIONS TIME                decimal numbers: the commit's, how many partitions the topic had, and when it
///                                                     was, in microseconds by the wall clock
///     NEXT:WATERMARK:VIEWS:NAME                       a line for each source of the topic: the next offset in this partition,
///     …                                               the source's watermark in microseconds, its views' digest in hexadecimal
struct EmitPoint: Equatable, Sendable {
    struct Source: Equatable, Sendable {
        var name: String
        var topic: String
        /// Next offset by partition.
        var positions: [Int32: Int64]
        /// Rows in `final` mode are out up to here.
        var watermark: EventTime
        /// Of the views that emit, and their modes.
        var views: UInt64
    }

    /// Of the commit, counted from 1 since emission to the topic began.
    var number: UInt64
    var sources: [Source]
    /// By the wall clock: no row that was emitted so far was made later.
    var time = EventTime.distantPast

    func source(_ name: String) -> Source? { sources.first { $0.name == name } }

    /// Which views of a source emit rows, and when: two points of different digests have rows of different events.
    static func digest(_ plan: Plan, source: Int) -> UInt64 {
        let lines = plan.views.filter { $0.source == source && $0.snapshots != .none }.map {
            "\($0.name) \($0.snapshots.rawValue)\n"
        }
        return unsafe Array(lines.sorted().joined().utf8).withUnsafeBytes { unsafe EntityKey.hash($0) }
    }

    // MARK: - As offsets of a group

    var committed: [CommittedPosition] {
        var positions: [CommittedPosition] = []
        for topic in Set(sources.map(\.topic)).sorted() {
            let sources = sources.filter { $0.topic == topic }
            let partitions = Set(sources.flatMap(\.positions.keys)).sorted()
            for partition in partitions {
                var metadata = "freshet/1 \(number) \(partitions.count) \(time.microseconds)"
                for source in sources {
                    let next = source.positions[partition] ?? 0
                    metadata += "\n\(next):\(source.watermark.microseconds):\(String(source.views, radix: 16)):\(source.name)"
                }
                let next = sources.map { $0.positions[partition] ?? 0 }.min()!
                positions.append(
                    CommittedPosition(TopicPartition(topic, partition), nextOffset: next, metadata: metadata))
            }
        }
        return positions
    }

    /// What a group has committed; nil if that is nothing.
    ///
    /// - Parameters:
    ///   - committed: all that the group has of the sources' topics.
    ///   - group: for messages.
    init?(_ committed: [CommittedPosition], group: String) throws(WorkerError) {
        number = 0
        sources = []
        for topic in Set(committed.map(\.partition.topic)).sorted() {
            let positions = committed.filter { $0.partition.topic == topic }
            func foreign(_ position: CommittedPosition, _ why: String) -> WorkerError {
                WorkerError(
                    "the offset of group \(group) for \(position.partition) \(why): they say up to where rows were emitted, and"
                        + " nobody else may commit them. Delete the group's offsets to begin emission anew", isInput: true)
            }
            var header: (number: UInt64, partitions: Int, time: EventTime)?
            for position in positions {
                guard let entry = EmitPoint.parse(position.metadata), entry.sources.map(\.next).min() == position.nextOffset
                else { throw foreign(position, "was not committed by this program") }
                if let header, header != (entry.number, entry.partitions, entry.time) {
                    throw foreign(position, "is not of the same commit as the topic's others")
                }
                header = (entry.number, entry.partitions, entry.time)
                for (name, next, watermark, views) in entry.sources {
                    let index = sources.firstIndex { $0.name == name && $0.topic == topic } ?? sources.count
                    if index == sources.count {
                        sources.append(Source(name: name, topic: topic, positions: [:], watermark: watermark, views: views))
                    }
                    sources[index].positions[position.partition.partition] = next
                }
            }
            guard let header else { continue }
            guard positions.count == header.partitions else {
                throw foreign(positions[0], "counts \(header.partitions) partitions, the group has offsets of \(positions.count)")
            }
            number = max(number, header.number)
            time = max(time, header.time)
        }
        if sources.isEmpty { return nil }
    }

    private typealias Entry = (
        number: UInt64, partitions: Int, time: EventTime,
        sources: [(name: String, next: Int64, watermark: EventTime, views: UInt64)]
    )

    private static func parse(_ metadata: String) -> Entry? {
        let lines = metadata.split(separator: "\n", omittingEmptySubsequences: false)
        let head = lines[0].split(separator: " ")
        guard head.count == 4, head[0] == "freshet/1", let number = UInt64(head[1]), let partitions = Int(head[2]),
            let time = Int64(head[3]), lines.count > 1
        else { return nil }
        var entry: Entry = (number, partitions, EventTime(microseconds: time), [])
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 3)
            guard parts.count == 4, let next = Int64(parts[0]), next >= 0, let watermark = Int64(parts[1]),
                let views = UInt64(parts[2], radix: 16)
            else { return nil }
            entry.sources.append((String(parts[3]), next, EventTime(microseconds: watermark), views))
        }
        return entry
    }

    init(number: UInt64, sources: [Source]) {
        self.number = number
        self.sources = sources
    }
}
