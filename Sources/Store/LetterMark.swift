public import Records
internal import RocksDB

/// Which record a dead letter is of.
public struct LetterID: Hashable, Sendable {
    public var source: String
    public var partition: Int32
    public var offset: Int64

    public init(source: String, partition: Int32, offset: Int64) {
        self.source = source
        self.partition = partition
        self.offset = offset
    }
}

/// What became of a dead letter that was tried again: a row of the store, written with what the letter changed.
///
///     format u8 | is kept u8 | at i64 | [reason text | error text]
public struct LetterMark: Equatable, Sendable {
    /// When it was tried, by the wall clock.
    public var at: EventTime
    /// Why it is a dead letter still; nil: its record was applied.
    public var kept: Rejection?

    public init(at: EventTime, kept: Rejection?) {
        self.at = at
        self.kept = kept
    }

    public var isFed: Bool { kept == nil }

    private static let format: UInt8 = 1

    func encode(into writer: inout ByteWriter) {
        writer.append(LetterMark.format)
        writer.append(UInt8(isFed ? 0 : 1))
        writer.append(at.microseconds)
        guard let kept else { return }
        writer.append(kept.reason.rawValue)
        writer.append(kept.error)
    }

    init(decoding reader: inout ByteReader) throws(CorruptBytes) {
        guard try reader.read(UInt8.self) == LetterMark.format else { throw CorruptBytes() }
        let isKept = try reader.read(UInt8.self)
        at = EventTime(microseconds: try reader.read(Int64.self))
        guard isKept != 0 else { return }
        guard let reason = RejectionReason(rawValue: try reader.readString()) else { throw CorruptBytes() }
        kept = Rejection(reason, try reader.readString())
    }
}

extension CommitRows {
    /// Takes marks, to be written with the changes that the letters made.
    public func append(_ marks: [LetterID: LetterMark]) {
        for (id, mark) in marks { put(key: { StateKey.append(id, to: &$0) }, value: { mark.encode(into: &$0) }) }
    }
}

extension StateStore {
    /// What became of a letter; nil: it was never tried again.
    public func mark(of id: LetterID) throws(StoreError) -> LetterMark? {
        var key = ByteWriter()
        StateKey.append(id, to: &key)
        return try row(key, "dead letter's") { (reader: inout ByteReader) throws(CorruptBytes) in
            try LetterMark(decoding: &reader)
        }
    }
}
