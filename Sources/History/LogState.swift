internal import Records

/// What a commit fixes of the offline log: which segments hold rows that are in no part yet, which parts are to be
/// published, and when the newest row was made.
///
///     format u8 | logs varint { view text | segments varint { name text | length varint } | parts varint { name text } |
///                               newest created i64 }
///
/// Format 1 had no `newest created`.
public struct LogState: Equatable, Sendable {
    public struct ViewState: Equatable, Sendable {
        public var view: String
        /// Committed bytes by file name.
        public var segments: [SegmentState] = []
        public var parts: [String] = []
        /// The greatest `created` of all rows, in microseconds; the least number where there are none.
        public var newestCreated = Int64.min

        /// Within that of all logs: an archive's name says its fields too, behind a space.
        public var folder: String { String(view.prefix { $0 != " " }) }

        /// Whether there is nothing to fix.
        public var isEmpty: Bool { segments.isEmpty && parts.isEmpty && newestCreated == .min }
    }

    public struct SegmentState: Equatable, Sendable {
        public var name: String
        public var length: UInt64
    }

    public var views: [ViewState]

    public init(views: [ViewState]) { self.views = views }

    static let format: UInt8 = 2

    public func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(LogState.format)
        writer.append(varint: UInt64(views.count))
        for view in views {
            writer.append(view.view)
            writer.append(varint: UInt64(view.segments.count))
            for segment in view.segments {
                writer.append(segment.name)
                writer.append(varint: segment.length)
            }
            writer.append(varint: UInt64(view.parts.count))
            for part in view.parts { writer.append(part) }
            writer.append(view.newestCreated)
        }
        return unsafe writer.withBytes { unsafe Array($0) }
    }

    public init(decoding bytes: [UInt8]) throws(HistoryError) {
        let decoded = unsafe bytes.withUnsafeBytes { bytes in
            var reader = unsafe ByteReader(bytes)
            return try? LogState(reading: &reader)
        }
        guard let decoded else { throw HistoryError("the offline log's state is corrupt or of another format version") }
        self = decoded
    }

    private init(reading reader: inout ByteReader) throws(CorruptBytes) {
        views = []
        guard reader.remaining > 0 else { return }
        let format = try reader.read(UInt8.self)
        guard format == 1 || format == LogState.format else { throw CorruptBytes() }
        for _ in 0..<(try reader.readVarint()) {
            var view = ViewState(view: try reader.readString())
            for _ in 0..<(try reader.readVarint()) {
                let name = try reader.readString()
                view.segments.append(SegmentState(name: name, length: try reader.readVarint()))
            }
            for _ in 0..<(try reader.readVarint()) { view.parts.append(try reader.readString()) }
            if format > 1 { view.newestCreated = try reader.read(Int64.self) }
            views.append(view)
        }
    }
}
