/// The bounds of the offline log, each with its reason.
public enum Bounds {
    /// Rows of a view that one thread gathers before they become Parquet parts: large enough that a part reads well, small
    /// enough that 100 columns of them stay below 128 MiB.
    public static let gatheredRowsMax = 131_072
    /// Rows for which one thread keeps memory of parts that are written, for a view: what the next parts need at once.
    static let spareRowsMax = gatheredRowsMax
    /// Microseconds after which gathered rows become parts even if they are few: how stale the parts may be for a reader.
    public static let gatheredAgeMax: Int64 = 300_000_000
    /// Bytes of text that one thread gathers for a view, for the same reason as the rows.
    public static let gatheredTextMax = 64 << 20
    /// Rows that move from a shard to the log at once: those of 25 values stay in a second-level cache. Not fewer than a batch
    /// has events.
    public static let rowBufferRows = 2048
}
