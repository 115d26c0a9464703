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
    /// Rows of a row group in a part of events, unless a partition's last ones are fewer: what a reader of one partition has to
    /// pass over is less than this, and what a group costs is spread over as many.
    static let eventGroupRowsMin = 8192

    // What reading an archive takes, however large it is.

    /// Events of a file that are decoded at once, for each file and partition that is being read.
    static let eventBlockRows = 1024
    /// Stretches of one partition in the order of its offsets that are remembered: some 64 bytes each.
    static let eventRunsMax = 1 << 18
    /// Rows that may be passed over to get at the stretches, for each that is wanted: more, and the files are better read through.
    static let eventRowsPassedMax = 16
    /// Stretches that may be read at a time; each has a page of every column in memory.
    static let eventReadersMax = 4096
    /// Files that may be open at a time: systems allow a process 1024.
    static let eventFilesMax = 512
}
