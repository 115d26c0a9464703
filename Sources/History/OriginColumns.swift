internal import Parquet
internal import Pipelines
internal import Records

/// The names of the columns that say where an event came from: an archive's files have them beside those of the fields.
struct OriginColumns: Hashable, Sendable {
    let partition: String
    let offset: String
    /// The Kafka time stamp.
    let timestamp: String

    /// What they are called beside a source's fields: `partition`, `offset`, `timestamp`, each with as many `_` before it as it
    /// takes to be the name of no field.
    init(beside fields: [RecordField]) {
        let taken = Set(fields.map(\.name))
        func free(_ name: String) -> String {
            var name = name
            while taken.contains(name) { name = "_" + name }
            return name
        }
        self.init(partition: free("partition"), offset: free("offset"), timestamp: free("timestamp"))
    }

    private init(partition: String, offset: String, timestamp: String) {
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
    }

    /// What a file that was written as an archive says they are called in it; nil for other files. Fields may have got these
    /// names since.
    init?(writtenIn metadata: [(String, String)]) {
        guard metadata.contains(where: { $0.0 == Self.sourceKey }) else { return nil }
        let names = metadata.last { $0.0 == Self.key }?.1.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard let names else {
            self.init(beside: [])
            return
        }
        guard names.count == 3 else { return nil }
        self.init(partition: names[0], offset: names[1], timestamp: names[2])
    }

    /// What an archive's files say of themselves.
    func metadata(of source: SourcePlan) -> [(String, String)] {
        [(Self.sourceKey, source.name), (Self.key, "\(partition),\(offset),\(timestamp)")]
    }

    private static let sourceKey = "freshet.source"
    private static let key = "freshet.origin"

    func contains(_ name: String) -> Bool { name == partition || name == offset || name == timestamp }
}
