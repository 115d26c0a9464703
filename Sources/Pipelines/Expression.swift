public import Records

/// A checked expression over a source's fields.
public indirect enum Expression: Hashable, Sendable {
    case field(Int, FieldType)
}
