/// The sizes that this module limits, each with its reason.
enum Bounds {
    /// Rows of a row group: bounds the scratch memory to about 20 bytes a row. A caller with more rows writes more groups.
    static let rowsOfGroup = 1 << 20
    /// Rows of a data page: a reader decodes whole pages, and 8-byte values then stay at 512 KiB.
    static let rowsOfPage = 1 << 16
    /// Uncompressed bytes of a page of texts, unless one text alone is longer.
    static let bytesOfPage = 1 << 20
    /// A larger dictionary leaves the second-level caches of writer and reader, and its indices save too little.
    static let dictionaryEntries = 1 << 16
    static let dictionaryBytes = 1 << 20
    /// Longer texts are not worth their place in the footer, which every reader reads first.
    static let statisticsBytes = 64
    /// Collected output goes to the file when there is this much of it.
    static let writeBytes = 1 << 20

    // What is read. A reader's memory is, for each chosen column, a window of the file, a page, the dictionary and the batch;
    // these bounds keep a damaged or malicious file from asking for more.

    /// Bytes of a page, compressed or not; other writers' pages have about a megabyte, unless a single text is longer.
    static let bytesOfPageRead = 1 << 30
    /// Bytes of a page's header: with statistics of texts it may hold some of the column's values.
    static let bytesOfHeaderRead = 1 << 24
    /// Bytes of a footer, which holds some hundred for each column of each row group.
    static let bytesOfFooterRead = 1 << 28
    /// Structures within structures of a footer; the format's own are seven deep.
    static let footerDepth = 32
    /// A column chunk is read in pieces of this many bytes, unless a page is longer.
    static let windowBytes = 1 << 18
    /// Values of a block of differences. Writers use 128 or 256; what is kept for a block is a byte for each part of it.
    static let deltaBlockValues = 1 << 20
    /// Indices of a dictionary that are unpacked at a time: they stay in the first-level cache.
    static let indicesAtATime = 1024
    /// With texts, a batch is filled in steps of this many rows and ends early once it has `textOfBatch` bytes of them, so
    /// that long texts do not multiply with the rows of a batch.
    static let rowsOfStep = 1024
    static let textOfBatch = 1 << 26
    /// A word has 32 bits for the place of a text; prefixes that are used again can ask for any amount.
    static let textOfBatchMax = 1 << 31
}
