/// Where the cluster is, and what the user wants librdkafka to do otherwise than Freshet's defaults.
public struct KafkaConfiguration: Sendable {
    /// `host:port,host:port`.
    public var brokers: String
    /// librdkafka's properties by name. They come last and override everything, `brokers` and `clientID` too.
    /// A name that librdkafka does not know, or a value that it refuses, fails the client's `init`.
    public var properties: [(name: String, value: String)]
    /// What the brokers' logs and quotas call this client.
    public var clientID: String

    public init(brokers: String, properties: [(name: String, value: String)] = [], clientID: String = "freshet") {
        self.brokers = brokers
        self.properties = properties
        self.clientID = clientID
    }
}

/// One partition of one topic.
public struct TopicPartition: Hashable, Sendable, CustomStringConvertible {
    public var topic: String
    public var partition: Int32

    public init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    public var description: String { "\(topic)[\(partition)]" }
}

/// What a consumer group has committed of a partition, or is to.
public struct CommittedPosition: Hashable, Sendable {
    public var partition: TopicPartition
    public var nextOffset: Int64
    /// The committer's own; brokers take 4096 bytes of it by default.
    public var metadata: String

    public init(_ partition: TopicPartition, nextOffset: Int64, metadata: String) {
        self.partition = partition
        self.nextOffset = nextOffset
        self.metadata = metadata
    }
}

/// Where to start to read a partition.
public enum StartPosition: Hashable, Sendable {
    case offset(Int64)
    case beginning
    case end
}
