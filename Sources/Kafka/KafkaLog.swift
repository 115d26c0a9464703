/// Receives librdkafka's log lines. It is called from librdkafka's own threads, several at once: it must be quick,
/// and must not keep the consumer or producer alive (that client would be destroyed on one of its own threads).
public typealias KafkaLog = @Sendable (KafkaLogLevel, String) -> Void

/// syslog's severities, as librdkafka uses them.
public enum KafkaLogLevel: Int32, Comparable, Sendable {
    case emergency = 0
    case alert, critical, error, warning, notice, info, debug

    /// The more severe is the smaller, as in syslog.
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
