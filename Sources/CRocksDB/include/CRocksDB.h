// RocksDB's C API, the one callback that has to run on its compaction threads, the expiry filter, and its log of warnings.
#pragma once
#include <rocksdb/c.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Keys of expiring rows:   shard (4 bytes, big endian) | ...
// Their values:            newest event time (8 bytes, little endian, signed) | ...
// Rows of this shard are never dropped.
#define FRESHET_META_SHARD 0xFFFFFFFFu

// The horizons of all shards of one database: rows whose newest event time is at or below their shard's may go.
// Any thread may call any function; a horizon only rises.
typedef struct freshet_horizons freshet_horizons;

freshet_horizons *freshet_horizons_create(void);
// Requires: every factory made from it is destroyed.
void freshet_horizons_destroy(freshet_horizons *horizons);
void freshet_horizons_raise(freshet_horizons *horizons, uint32_t shard, int64_t newest_time_max);
// False where the shard has no horizon.
bool freshet_horizons_find(freshet_horizons *horizons, uint32_t shard, int64_t *newest_time_max);

// The options that it is given to own the factory; the horizons stay the caller's.
rocksdb_compactionfilterfactory_t *freshet_expiry_filter_factory_create(freshet_horizons *horizons);

// Warnings go to `directory`/LOG, which begins anew when it would grow beyond `bytes_max`. What cannot be written is dropped.
void freshet_keep_diary(rocksdb_options_t *options, const char *directory, size_t bytes_max);

// Has the allocator give large blocks back to the system when they are freed. Before other threads start.
void freshet_return_memory(void);

#ifdef __cplusplus
}
#endif
