internal import CRocksDB

extension DatabaseOptions {
    /// RocksDB's form of the options. The caller destroys it, after the database and before the horizons.
    func makeNative(path: String, horizons: OpaquePointer) -> OpaquePointer {
        let native: OpaquePointer = unsafe rocksdb_options_create()
        unsafe rocksdb_options_set_create_if_missing(native, createIfMissing ? 1 : 0)
        unsafe rocksdb_options_set_paranoid_checks(native, paranoidChecks ? 1 : 0)
        unsafe rocksdb_options_set_max_open_files(native, readOnly ? -1 : Int32(openFilesMax))
        if let files {
            var place: OpaquePointer? = unsafe rocksdb_dbpath_create(files, .max)
            unsafe rocksdb_options_set_db_paths(native, &place, 1)
            unsafe rocksdb_dbpath_destroy(place)
            unsafe rocksdb_options_set_wal_dir(native, files)
        }
        if dropsExpiredRows {
            unsafe rocksdb_options_set_compaction_filter_factory(native, freshet_expiry_filter_factory_create(horizons))
        }
        unsafe setWrites(native)
        unsafe setTables(native)
        unsafe setLog(native, path)
        return unsafe native
    }

    private func setWrites(_ native: OpaquePointer) {
        unsafe rocksdb_options_set_write_buffer_size(native, memtableBytes)
        unsafe rocksdb_options_set_max_write_buffer_number(native, Int32(memtablesMax))
        unsafe rocksdb_options_set_memtable_prefix_bloom_size_ratio(native, memtableFilterShare)
        unsafe rocksdb_options_set_memtable_whole_key_filtering(native, 1)
        // One thread writes: nothing is gained by letting several fill a memtable, or spin for their turn.
        unsafe rocksdb_options_set_allow_concurrent_memtable_write(native, 0)
        unsafe rocksdb_options_set_enable_write_thread_adaptive_yield(native, 0)
        // A log that ends within a batch was cut by a crash, and is replayed up to it. Any other damage may be to batches that
        // were synced: to go on without them would take back in silence what others were told. It is an error.
        let recovery =
            dropsBehindDamage ? rocksdb_point_in_time_recovery : rocksdb_tolerate_corrupted_tail_records_recovery
        unsafe rocksdb_options_set_wal_recovery_mode(native, Int32(recovery))
        unsafe rocksdb_options_set_wal_bytes_per_sync(native, UInt64(writeBackBytes))
        unsafe rocksdb_options_set_bytes_per_sync(native, UInt64(writeBackBytes))

        unsafe rocksdb_options_set_max_background_jobs(native, Int32(backgroundThreads))
        unsafe rocksdb_options_set_level0_file_num_compaction_trigger(native, Int32(levelZeroFiles.compact))
        unsafe rocksdb_options_set_level0_slowdown_writes_trigger(native, Int32(levelZeroFiles.slowDown))
        unsafe rocksdb_options_set_level0_stop_writes_trigger(native, Int32(levelZeroFiles.stop))
        unsafe rocksdb_options_set_target_file_size_base(native, UInt64(tableFileBytes))
        unsafe rocksdb_options_set_max_bytes_for_level_base(native, UInt64(levelOneBytes))
        unsafe rocksdb_options_set_max_bytes_for_level_multiplier(native, Double(levelFactor))
        // Levels sized from the last one up: at most a third of the space is rows that were overwritten.
        unsafe rocksdb_options_set_level_compaction_dynamic_level_bytes(native, 1)
    }

    private func setTables(_ native: OpaquePointer) {
        let table: OpaquePointer = unsafe rocksdb_block_based_options_create()
        defer { unsafe rocksdb_block_based_options_destroy(table) }
        unsafe rocksdb_block_based_options_set_block_size(table, blockBytes)
        unsafe rocksdb_block_based_options_set_format_version(table, 5)
        if filterBitsPerKey > 0 {
            // The table options take the policy over.
            unsafe rocksdb_block_based_options_set_filter_policy(
                table, rocksdb_filterpolicy_create_bloom_full(Double(filterBitsPerKey)))
        }
        // Indexes and filters stay with their open files. In the cache they would drive each other out once they outgrow it,
        // and every read would then read whole ones again.
        unsafe rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 0)

        let cacheOptions: OpaquePointer = unsafe rocksdb_lru_cache_options_create()
        defer { unsafe rocksdb_lru_cache_options_destroy(cacheOptions) }
        unsafe rocksdb_lru_cache_options_set_capacity(cacheOptions, blockCacheBytes)
        // Few readers, so few shards: a shard must have room for a large value.
        unsafe rocksdb_lru_cache_options_set_num_shard_bits(cacheOptions, 2)
        let cache: OpaquePointer = unsafe rocksdb_cache_create_lru_opts(cacheOptions)
        defer { unsafe rocksdb_cache_destroy(cache) }
        unsafe rocksdb_block_based_options_set_block_cache(table, cache)
        unsafe rocksdb_options_set_block_based_table_factory(native, table)

        let kind =
            switch compression {
            case .none: rocksdb_no_compression
            case .lz4: rocksdb_lz4_compression
            case .zstd: rocksdb_zstd_compression
            }
        var kinds = [rocksdb_no_compression, rocksdb_no_compression, kind].map { Int32($0) }
        unsafe rocksdb_options_set_compression_per_level(native, &kinds, kinds.count)
    }

    /// RocksDB's own text log: warnings only, 4 MiB at the most, none of a reader; and no statistics thread.
    private func setLog(_ native: OpaquePointer, _ path: String) {
        if !readOnly { unsafe freshet_keep_diary(native, path, 4 << 20) }
        unsafe rocksdb_options_set_stats_dump_period_sec(native, 0)
        unsafe rocksdb_options_set_stats_persist_period_sec(native, 0)
    }
}
