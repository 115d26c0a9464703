internal import Records

/// Logs as a store reads them back, chunk by chunk.
extension TimeLog {
    /// Frees a chunk that was never installed.
    public static func discard(_ chunk: Chunk, _ layout: LogLayout) { chunk.free(layout) }

    /// A log of one chunk, as it was stored. Gives the bytes of memory held. Requires: the log is empty.
    public mutating func install(_ chunk: Chunk, _ layout: LogLayout) -> Int {
        guard chunk.count > 0 else {
            chunk.free(layout)
            return 0
        }
        self.chunk = chunk.narrowed(capacity: Chunk.capacity(for: chunk.count), isOneOfMany: false, layout)
        self.chunk.state = .stored
        return self.chunk.bytes(layout)
    }

    /// A log of many chunks, as they were stored, in any order. Gives the bytes of memory held.
    /// Requires: the log is empty and there is at least one chunk, none of which is empty.
    public mutating func install(chunks: [Chunk], nextChunkID: UInt32, _ layout: LogLayout) -> Int {
        let ordered = chunks.sorted { a, b in
            let (timeA, timeB) = (a.firstTime(layout), b.firstTime(layout))
            if timeA != timeB { return timeA < timeB }
            guard layout.isOrdered else { return a.lastTime(layout) < b.lastTime(layout) }
            return (a.partition(0, layout), a.offset(0, layout)) < (b.partition(0, layout), b.offset(0, layout))
        }
        let newest = ordered.map { $0.lastTime(layout) }.max()!
        let groupCount = (ordered.count + ChunkGroup.chunkMax - 1) / ChunkGroup.chunkMax
        var tree = ChunkTree.allocate(capacity: groupCount + 1, layout)
        tree.header[0].nextChunkID = nextChunkID
        var bytes = tree.bytes(layout)
        for index in 0..<groupCount {
            let members = ordered[(index * ChunkGroup.chunkMax)..<min(ordered.count, (index + 1) * ChunkGroup.chunkMax)]
            let group = ChunkGroup.allocate(capacity: groupCount > 1 ? ChunkGroup.chunkMax : max(4, members.count), layout)
            bytes += ChunkGroup.bytes(capacity: group.capacity, layout)
            for chunk in members {
                let narrow = chunk.narrowed(capacity: Chunk.capacity(for: chunk.count), isOneOfMany: true, layout)
                narrow.state = .stored
                bytes += narrow.bytes(layout)
                group.insert(narrow, at: group.count, layout)
            }
            group.summarize(layout)
            tree = tree.inserting(group, at: index, layout)
        }
        tree.header[0].newest = newest
        self.tree = tree
        return bytes
    }

    /// How many chunks and blocks of tiles there are, which a store keeps apart. Requires: `hasManyChunks`.
    public func partCount(_ layout: LogLayout) -> Int {
        (0..<tree.count).reduce(tileBlockCount) { $0 + tree.group($1, layout).count }
    }

    /// The id that the next chunk will get. Requires: `hasManyChunks`.
    public var nextChunkID: UInt32 { tree.header[0].nextChunkID }
}
