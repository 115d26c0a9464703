internal import Records

/// What a commit fixes of the offline log: which segments hold rows that are in no part yet, and which parts are to be
/// published.
///
///     format u8 | logs varint { view text | segments varint { name text | length varint } | parts varint { name text } }
public struct LogState: Equatable, Sendable {
    public struct ViewState: Equatable, Sendable {
        public var view: String
        /// Committed bytes by file name.
        public var segments: [SegmentState] = []
        public var parts: [String] = []
    }

    public struct SegmentState: Equatable, Sendable {
        public var name: String
        public var length: UInt64
    }

    public var views: [ViewState]

    public init(views: [ViewState]) { self.views = views }

    static let format: UInt8 = 1

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
        guard try reader.read(UInt8.self) == LogState.format else { throw CorruptBytes() }
        for _ in 0..<(try reader.readVarint()) {
            var view = ViewState(view: try reader.readString())
            for _ in 0..<(try reader.readVarint()) {
                let name = try reader.readString()
                view.segments.append(SegmentState(name: name, length: try reader.readVarint()))
            }
            for _ in 0..<(try reader.readVarint()) { view.parts.append(try reader.readString()) }
            views.append(view)
        }
    }
}
