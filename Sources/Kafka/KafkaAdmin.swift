import CRdKafka

/// Creates topics, for tests and tools: Freshet itself never does.
public final class KafkaAdmin: Sendable {
    private let client: Client

    public init(_ configuration: KafkaConfiguration, log: @escaping KafkaLog) throws(KafkaError) {
        client = try Client(RD_KAFKA_PRODUCER, configuration, defaults: [], log: log)
    }

    /// `replication` -1 is the cluster's default; `properties` are the topic's: `retention.ms`, `cleanup.policy`.
    /// Returns when the cluster has accepted it; the brokers may take a moment more to know it.
    public func createTopic(
        _ topic: String, partitions: Int, replication: Int = -1, properties: [(name: String, value: String)] = [],
        timeout: Duration
    ) throws(KafkaError) {
        let operation = "create topic"
        var problem = [CChar](repeating: 0, count: 512)
        var order = unsafe rd_kafka_NewTopic_new(topic, Int32(partitions), Int32(replication), &problem, problem.count)
        guard unsafe order != nil else {
            throw KafkaError(operation, at: topic, RD_KAFKA_RESP_ERR__INVALID_ARG, text: Client.text(problem))
        }
        defer { unsafe rd_kafka_NewTopic_destroy(order) }
        for (name, value) in properties {
            try KafkaError.check(unsafe rd_kafka_NewTopic_set_config(order, name, value), operation, at: "\(topic) \(name)")
        }
        let options = unsafe rd_kafka_AdminOptions_new(client.handle, RD_KAFKA_ADMIN_OP_CREATETOPICS)
        defer { unsafe rd_kafka_AdminOptions_destroy(options) }
        let milliseconds = max(1, min(3_600_000, Bounds.milliseconds(timeout)))
        var code = unsafe rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, &problem, problem.count)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR {
            code = unsafe rd_kafka_AdminOptions_set_operation_timeout(options, milliseconds, &problem, problem.count)
        }
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(operation, at: topic, code, text: Client.text(problem)) }

        let answers = unsafe rd_kafka_queue_new(client.handle)
        defer { unsafe rd_kafka_queue_destroy(answers) }
        unsafe rd_kafka_CreateTopics(client.handle, &order, 1, options, answers)
        // The request ends by its own timeout; the second more only keeps a lost answer from hanging the caller.
        guard let event = unsafe rd_kafka_queue_poll(answers, milliseconds + 1000) else {
            throw KafkaError(operation, at: topic, RD_KAFKA_RESP_ERR__TIMED_OUT)
        }
        defer { unsafe rd_kafka_event_destroy(event) }
        code = unsafe rd_kafka_event_error(event)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            throw KafkaError(operation, at: topic, code, text: unsafe String(cString: rd_kafka_event_error_string(event)))
        }
        var count = 0
        let topics = unsafe rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
        for index in 0..<count {
            let result = unsafe topics![index]
            let code = unsafe rd_kafka_topic_result_error(result)
            if code != RD_KAFKA_RESP_ERR_NO_ERROR {
                let text = unsafe rd_kafka_topic_result_error_string(result).map { unsafe String(cString: $0) }
                throw KafkaError(operation, at: topic, code, text: text)
            }
        }
    }
}
