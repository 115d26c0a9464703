import CRdKafka

/// librdkafka's mock brokers, in this process, for tests. They have no admin API, no transactions and no lookup by
/// time, create a topic when it is asked for by name, and keep 5 MB or 100,000 messages of a partition.
@safe public final class MockCluster: @unchecked Sendable {
    private let client: Client
    private let cluster: OpaquePointer

    public init(brokers: Int) throws(KafkaError) {
        client = try Client(RD_KAFKA_PRODUCER, KafkaConfiguration(brokers: "", clientID: "mock"), defaults: []) { _, _ in }
        guard let cluster = unsafe rd_kafka_mock_cluster_new(client.handle, Int32(brokers)) else {
            throw KafkaError("start mock cluster of", at: "\(brokers) brokers", RD_KAFKA_RESP_ERR__FAIL)
        }
        unsafe self.cluster = unsafe cluster
    }

    deinit { unsafe rd_kafka_mock_cluster_destroy(cluster) }

    /// For `KafkaConfiguration.brokers`.
    public var bootstrapServers: String { unsafe String(cString: rd_kafka_mock_cluster_bootstraps(cluster)) }

    public func createTopic(_ topic: String, partitions: Int, replication: Int = 1) throws(KafkaError) {
        let code = unsafe rd_kafka_mock_topic_create(cluster, topic, Int32(partitions), Int32(replication))
        try KafkaError.check(code, "create topic", at: topic)
    }

    /// Takes a broker, numbered from 1, off the network, or puts it back.
    public func setBroker(_ broker: Int, down: Bool) throws(KafkaError) {
        let code =
            unsafe down
            ? rd_kafka_mock_broker_set_down(cluster, Int32(broker)) : rd_kafka_mock_broker_set_up(cluster, Int32(broker))
        try KafkaError.check(code, down ? "stop" : "start", at: "broker \(broker)")
    }
}
