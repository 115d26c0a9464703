internal import CRocksDB

extension Database {
    /// The shard whose rows never expire.
    public static let metaShard: UInt32 = FRESHET_META_SHARD

    /// Lets compactions drop rows of `shard` whose newest event time is at or below `newestTimeMax`.
    ///
    ///     key    shard (4 bytes, big endian) | ...
    ///     value  newest event time (8 bytes, little endian, signed; the horizon's unit) | ...
    ///
    /// Any thread may call it, at any time. A horizon only rises: a lower one is ignored. It is not stored: after an
    /// opening, nothing is dropped until it is set again. Rows with shorter values, of shards without a horizon and of
    /// `metaShard` stay.
    ///
    /// # Contract
    /// - *justified*: the watermark that makes these rows dead was committed, with `sync`, before the call; else a crash may
    ///   bring back the watermark without the rows (the caller's duty).
    /// - *dead*: when a row goes is up to RocksDB, so the caller treats one below the horizon like none (the caller's duty).
    /// - *overwritten*: a row is judged by its own value; dropping an old version never shows an older one (RocksDB).
    public func setExpiryHorizon(shard: UInt32, newestTimeMax: Int64) {
        precondition(shard != Self.metaShard, "rows of the meta shard never expire")
        withoutError { unsafe freshet_horizons_raise(horizons, shard, newestTimeMax) }
    }

    /// The horizon of `shard`, nil where none has been set since the opening.
    public func expiryHorizon(shard: UInt32) -> Int64? {
        withoutError {
            var newestTimeMax: Int64 = 0
            return unsafe freshet_horizons_find(horizons, shard, &newestTimeMax) ? newestTimeMax : nil
        }
    }
}
