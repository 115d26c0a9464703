/// How a database behaves and what it may use. Every default is bounded: the memory that one database adds is at most
/// `memtableBytes * memtablesMax` + one write batch + `blockCacheBytes` + the indexes and filters of `openFilesMax` table files
/// + the blocks that running reads and compactions hold.
public struct DatabaseOptions: Equatable, Sendable {
    // MARK: Behaviour

    /// Makes the directory (its parent must exist) where there is none. Off: opening what does not exist is an error.
    public var createIfMissing = true

    /// Opens beside a process that has the database open for writing, and takes no lock. Sees what was committed when it
    /// opened, the log's tail included, and nothing later. Writes are errors. Keeps every table file open, whatever
    /// `openFilesMax` says: the writer deletes the files of which it has no more need.
    public var readOnly = false

    /// Checks files and invariants on every open, read and compaction, and refuses writes once one is broken. Off: bad
    /// bytes that a compaction meets spread.
    public var paranoidChecks = true

    /// Lets compactions drop rows at or below the horizons of `setExpiryHorizon`. Off: horizons have no effect.
    public var dropsExpiredRows = true

    /// Logs every write before it takes effect, so that it survives the process. Off: what was not flushed is gone once the
    /// database is closed or its process dies. For data that nobody opens again.
    public var keepsJournal = true

    /// Opens a database whose journal is damaged as of the last write before that, and drops what comes behind. Off: such a journal is an
    /// error, unless it only ends too early. For who has found out that nobody was promised what is dropped: see `endsWithLastWrite`.
    public var dropsBehindDamage = false

    /// Where tables and journals are, if not in the database's own folder.
    public var files: String?

    // MARK: Performance

    /// Bytes of recent writes that are held in memory before they go to a table file. Larger: fewer, larger files, less
    /// rewriting, a longer replay of the log at opening.
    public var memtableBytes = 32 << 20

    /// Memtables held at once, the one being filled included; writes wait where all are full.
    public var memtablesMax = 3

    /// The part of a memtable that is a filter of its keys, which spares reads of other keys the walk through it: a walk
    /// costs more than all the rest of a read. 2 in 100 are some 16 bits per row of 100 bytes. 0: none.
    public var memtableFilterShare = 0.02

    /// Bytes of uncompressed blocks that are held in memory. Reads may exceed it by the blocks they hold while they run
    /// (`multiGet`: at most 256), since a hard limit would make reads of large values fail.
    public var blockCacheBytes = 16 << 20

    /// Bytes of a block before compression: what a miss of the cache reads and decompresses. Larger: smaller indexes and
    /// faster scans, but random reads cost in proportion, and the cache holds fewer of the rows that are asked for.
    public var blockBytes = 1 << 10

    /// Bits per key of the filter that spares reads of absent keys the table file; 10 lets 1 in 100 through. 0: none.
    public var filterBitsPerKey = 10

    /// Of the levels below the first two. What is in those is soon rewritten, and read most.
    public var compression = Compression.lz4

    /// Threads for flushes and compactions; RocksDB shares them among the databases of a process.
    public var backgroundThreads = 2

    /// Table files held open, with their indexes and filters in memory: about a thirtieth of their size where rows are small.
    /// Fewer: less memory, and reads that open a file first, which costs as much as hundreds of them.
    public var openFilesMax = 512

    /// Files of level 0 at which a compaction starts, writes slow down, and writes stop. Each is a memtable, so the first
    /// bounds what a read has to look through, the last what a burst can pile up.
    public var levelZeroFiles = LevelZeroFiles(compact: 4, slowDown: 20, stop: 36)

    /// Bytes of a table file.
    public var tableFileBytes = 32 << 20

    /// Bytes up to which there is one level below level 0, and how many times the one above it a level may hold where there
    /// are more. A row is rewritten about so often on its way through each. Larger factors: fewer levels, less space.
    public var levelOneBytes = 512 << 20
    public var levelFactor = 4

    /// Bytes after which the kernel is asked to write back what has been appended to a file, so that a synchronous write
    /// does not meet a mountain of it. 0: left to the kernel.
    public var writeBackBytes = 1 << 20

    public init() {}

    public enum Compression: Sendable {
        case none
        /// Fast both ways.
        case lz4
        /// About a third smaller than LZ4, and several times as slow to write.
        case zstd
    }

    public struct LevelZeroFiles: Equatable, Sendable {
        public var compact, slowDown, stop: Int

        public init(compact: Int, slowDown: Int, stop: Int) {
            self.compact = compact
            self.slowDown = slowDown
            self.stop = stop
        }
    }
}
