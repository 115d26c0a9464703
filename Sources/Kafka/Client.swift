import CRdKafka
import Synchronization

/// What librdkafka's callbacks reach through the client's opaque pointer. It outlives the client.
final class CallbackContext: Sendable {
    let log: KafkaLog
    let deliveries = Mutex(Deliveries())

    init(log: @escaping KafkaLog) { self.log = log }

    static func of(opaque: UnsafeMutableRawPointer?) -> CallbackContext? {
        unsafe opaque.map { unsafe Unmanaged<CallbackContext>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// Owns one `rd_kafka_t`, its threads and its callbacks' context.
///
/// All that belongs to the client (messages, queues, topic handles) must be gone before it is: whoever holds such a
/// thing holds the client too, and releases it last.
@safe final class Client: @unchecked Sendable {
    let handle: OpaquePointer
    let brokers: String
    let context: CallbackContext

    init(
        _ type: rd_kafka_type_t, _ configuration: KafkaConfiguration, defaults: [(name: String, value: String)],
        group: String? = nil, log: @escaping KafkaLog
    ) throws(KafkaError) {
        var properties = defaults
        properties.append(("bootstrap.servers", configuration.brokers))
        properties.append(("client.id", configuration.clientID))
        if let group { properties.append(("group.id", group)) }
        properties += configuration.properties
        brokers = configuration.brokers
        context = CallbackContext(log: log)

        let settings: OpaquePointer = unsafe rd_kafka_conf_new()
        do throws(KafkaError) {
            for (name, value) in properties { try unsafe Self.set(name, to: value, in: settings) }
        } catch {
            unsafe rd_kafka_conf_destroy(settings)
            throw error
        }
        unsafe rd_kafka_conf_set_opaque(settings, Unmanaged.passUnretained(context).toOpaque())
        unsafe rd_kafka_conf_set_log_cb(settings) { client, level, facility, text in
            // A line logged before the client has its configuration has no context to go to.
            guard let client = unsafe client, let text = unsafe text, let facility = unsafe facility,
                let context = unsafe CallbackContext.of(opaque: rd_kafka_opaque(client))
            else { return }
            context.log(
                KafkaLogLevel(rawValue: level) ?? .debug,
                unsafe String(cString: facility) + " " + String(cString: text))
        }
        if type == RD_KAFKA_PRODUCER {
            unsafe rd_kafka_conf_set_dr_msg_cb(settings) { _, message, opaque in
                guard let message = unsafe message, let context = unsafe CallbackContext.of(opaque: opaque) else { return }
                context.deliveries.withLock { unsafe $0.count(message) }
            }
        } else {
            unsafe rd_kafka_conf_set_offset_commit_cb(settings) { _, code, _, opaque in
                guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR__NO_OFFSET else { return }
                unsafe CallbackContext.of(opaque: opaque)?.log(
                    .warning, "COMMIT offsets for lag tools were not committed: \(String(cString: rd_kafka_err2str(code)))")
            }
        }
        var problem = [CChar](repeating: 0, count: 512)
        guard let handle = unsafe rd_kafka_new(type, settings, &problem, problem.count) else {
            let code = rd_kafka_last_error()
            unsafe rd_kafka_conf_destroy(settings)
            throw KafkaError("start a client of", at: configuration.brokers, code, text: Self.text(problem))
        }
        unsafe self.handle = unsafe handle
    }

    deinit {
        // Joins librdkafka's threads: after it no callback runs, and the context may go. A consumer has no group to leave,
        // and closing it by librdkafka's own rules would wait a minute for a commit that no broker answers.
        unsafe rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
    }

    /// The place names the property only: its value may be a password.
    private static func set(_ name: String, to value: String, in settings: OpaquePointer) throws(KafkaError) {
        var problem = [CChar](repeating: 0, count: 512)
        let result = unsafe rd_kafka_conf_set(settings, name, value, &problem, problem.count)
        if result != RD_KAFKA_CONF_OK {
            let code = result == RD_KAFKA_CONF_UNKNOWN ? RD_KAFKA_RESP_ERR__NOT_CONFIGURED : RD_KAFKA_RESP_ERR__INVALID_ARG
            throw KafkaError("set librdkafka property", at: name, code, text: text(problem))
        }
    }

    static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The reason behind `_FATAL`, which is all that a call on a broken client says.
    func error(_ operation: String, at place: String, _ code: rd_kafka_resp_err_t) -> KafkaError {
        guard code == RD_KAFKA_RESP_ERR__FATAL else { return KafkaError(operation, at: place, code) }
        var text = [CChar](repeating: 0, count: 512)
        let reason = unsafe rd_kafka_fatal_error(handle, &text, text.count)
        var error = KafkaError(operation, at: place, reason, text: Self.text(text))
        error.isFatal = true
        error.isRetriable = false
        return error
    }
}
