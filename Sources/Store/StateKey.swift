internal import Records

/// The keys of the state's rows. All of one entity lie together, all of one shard lie together.
///
///     shard u32 | hash u64 | entity | 0                 the entity's head
///     shard u32 | hash u64 | entity | 1 | chunk id u32  one chunk, or block of tiles, of a long log
///     FFFFFFFF  | 0                                     the checkpoint
///     FFFFFFFF  | 1 | shard u32 | sequence u64          rows that wait for the watermark
///     FFFFFFFF  | 2                                     the mark of the last commit
///     FFFFFFFF  | 3 | source | 0 | partition u32 | offset u64   a dead letter that was tried again
///
/// Numbers are big endian, so that bytes sort as they do. A shard's number is its view's in the upper and its slice in the
/// lower 16 bits. Entities are prefix-free within a view.
enum StateKey {
    static let metaShard: UInt32 = 0xFFFF_FFFF

    enum Row: UInt8 { case head, chunk }
    enum Meta: UInt8 { case checkpoint, pending, mark, letter }

    static func append(
        entity: UnsafeRawBufferPointer, hash: UInt64, shard: ShardID, _ row: Row, chunk: UInt32 = 0, to writer: inout ByteWriter
    ) {
        writer.append(ordered: shard.number)
        writer.append(ordered: hash)
        unsafe writer.append(entity)
        writer.append(row.rawValue)
        if row == .chunk { writer.append(ordered: chunk) }
    }

    static func appendCheckpoint(to writer: inout ByteWriter) {
        writer.append(ordered: metaShard)
        writer.append(Meta.checkpoint.rawValue)
    }

    static func appendMark(to writer: inout ByteWriter) {
        writer.append(ordered: metaShard)
        writer.append(Meta.mark.rawValue)
    }

    static func append(_ letter: LetterID, to writer: inout ByteWriter) {
        writer.append(ordered: metaShard)
        writer.append(Meta.letter.rawValue)
        var source = letter.source
        source.withUTF8 { unsafe writer.append(UnsafeRawBufferPointer($0)) }
        writer.append(UInt8(0))
        writer.append(ordered: UInt32(bitPattern: letter.partition))
        writer.append(ordered: UInt64(bitPattern: letter.offset))
    }

    static func appendPending(_ shard: ShardID, sequence: UInt64, to writer: inout ByteWriter) {
        writer.append(ordered: metaShard)
        writer.append(Meta.pending.rawValue)
        writer.append(ordered: shard.number)
        writer.append(ordered: sequence)
    }
}

/// Which slice of which view.
public struct ShardID: Hashable, Comparable, Sendable {
    /// Position of the view in the plan; in the state its number there, which it keeps whatever other views come and go.
    public var view: Int
    public var slice: Int

    public static let viewMax = 0xFFFE
    public static let sliceMax = 0xFFFF

    public init(view: Int, slice: Int) {
        precondition(view >= 0 && view <= ShardID.viewMax && slice >= 0 && slice <= ShardID.sliceMax)
        self.view = view
        self.slice = slice
    }

    var number: UInt32 { UInt32(view) << 16 | UInt32(slice) }
    /// nil for a number that stands for no slice of a view.
    init?(number: UInt32) {
        guard Int(number >> 16) <= ShardID.viewMax else { return nil }
        self.init(view: Int(number >> 16), slice: Int(number & 0xFFFF))
    }

    public static func < (a: ShardID, b: ShardID) -> Bool { a.number < b.number }
}
