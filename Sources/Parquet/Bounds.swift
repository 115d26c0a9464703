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
    /// Rows of a row group that is read: other writers' largest default. A damaged file then cannot ask for all memory.
    static let rowsOfGroupRead = 1 << 26
    /// Uncompressed bytes of a page that is read, and bytes of a footer, for the same reason.
    static let bytesOfPageRead = 1 << 30
    static let bytesOfFooterRead = 1 << 28
    /// Structures within structures of a footer; the format's own are five deep.
    static let footerDepth = 32
}
