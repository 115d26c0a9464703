/// A field of a source as its records bring it.
public struct RecordField: Hashable, Sendable {
    /// The keys that lead to it, outermost first, joined by dots.
    public var name: String
    public var type: FieldType
    /// Whether it may be absent or null.
    public var optional: Bool
    /// What a timestamp's number or text means; of no other type.
    public var unit: TimeUnit
    /// Whether its values are written to the batch; it is checked in any case.
    public var stored: Bool

    public init(name: String, type: FieldType, optional: Bool, unit: TimeUnit, stored: Bool) {
        self.name = name
        self.type = type
        self.optional = optional
        self.unit = unit
        self.stored = stored
    }
}

/// A record's bytes, not owned: valid while the decoder reads them.
@unsafe
public struct RawRecord {
    /// Nil where the topic has a null message.
    public var value: UnsafeRawBufferPointer?
    /// How many bytes behind the value may be read, whatever they hold. From 64 on, a record is decoded in place; else it is copied.
    public var readableBytes: Int

    public init(value: UnsafeRawBufferPointer?, readableBytes: Int) {
        unsafe self.value = unsafe value
        unsafe self.readableBytes = readableBytes
    }
}
