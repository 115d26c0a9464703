/// An instant of event time: microseconds since the Unix epoch, UTC.
@frozen
public struct EventTime: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var microseconds: Int64

    @inlinable public init(microseconds: Int64) { self.microseconds = microseconds }

    /// Held at the ends of what there is: a Kafka timestamp may be any number.
    @inlinable public init(milliseconds: Int64) {
        let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000)
        microseconds = overflow ? (milliseconds < 0 ? .min : .max) : product
    }

    public static let distantPast = EventTime(microseconds: .min)
    public static let distantFuture = EventTime(microseconds: .max)

    @inlinable public static func < (a: EventTime, b: EventTime) -> Bool { a.microseconds < b.microseconds }

    /// Saturating: the distant past and future stay where they are.
    @inlinable public static func - (time: EventTime, span: TimeSpan) -> EventTime {
        EventTime(microseconds: saturatingSubtract(time.microseconds, span.microseconds))
    }

    @inlinable public static func + (time: EventTime, span: TimeSpan) -> EventTime {
        EventTime(microseconds: saturatingSubtract(time.microseconds, 0 - span.microseconds))
    }
}

/// A length of time in microseconds, never negative where a pipeline file states it.
@frozen
public struct TimeSpan: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var microseconds: Int64

    @inlinable public init(microseconds: Int64) { self.microseconds = microseconds }

    public static let zero = TimeSpan(microseconds: 0)
    /// Longer than any that a pipeline file may state.
    public static let endless = TimeSpan(microseconds: .max)
    @inlinable public static func milliseconds(_ n: Int64) -> TimeSpan { TimeSpan(microseconds: n * 1_000) }
    @inlinable public static func seconds(_ n: Int64) -> TimeSpan { TimeSpan(microseconds: n * 1_000_000) }

    @inlinable public static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.microseconds < b.microseconds }
    @inlinable public static func + (a: TimeSpan, b: TimeSpan) -> TimeSpan {
        TimeSpan(microseconds: saturatingSubtract(a.microseconds, 0 - b.microseconds))
    }
}

/// `a - b`, held at the ends of `Int64`. Ends of `Int64` as `a` stay: they stand for "no bound".
@inlinable
public func saturatingSubtract(_ a: Int64, _ b: Int64) -> Int64 {
    if a == .min || a == .max { return a }
    let (difference, overflow) = a.subtractingReportingOverflow(b)
    return overflow ? (b > 0 ? .min : .max) : difference
}
