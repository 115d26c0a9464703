#include "CRocksDB.h"

#include <malloc.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t shard;
    int64_t newest_time_max;
} horizon;

// Sorted by shard. The lock is taken once per shard and compaction, not once per row.
struct freshet_horizons {
    pthread_mutex_t lock;
    horizon *entries;
    size_t count, capacity;
};

freshet_horizons *freshet_horizons_create(void) {
    freshet_horizons *horizons = calloc(1, sizeof *horizons);
    if (!horizons) abort();
    pthread_mutex_init(&horizons->lock, NULL);
    return horizons;
}

void freshet_horizons_destroy(freshet_horizons *horizons) {
    pthread_mutex_destroy(&horizons->lock);
    free(horizons->entries);
    free(horizons);
}

// The first entry whose shard is not below `shard`.
static size_t lower_bound(const freshet_horizons *horizons, uint32_t shard) {
    size_t low = 0, high = horizons->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (horizons->entries[middle].shard < shard) low = middle + 1; else high = middle;
    }
    return low;
}

void freshet_horizons_raise(freshet_horizons *horizons, uint32_t shard, int64_t newest_time_max) {
    pthread_mutex_lock(&horizons->lock);
    size_t place = lower_bound(horizons, shard);
    horizon *entry = horizons->entries + place;
    if (place < horizons->count && entry->shard == shard) {
        if (newest_time_max > entry->newest_time_max) entry->newest_time_max = newest_time_max;
    } else {
        if (horizons->count == horizons->capacity) {
            size_t capacity = horizons->capacity ? horizons->capacity * 2 : 16;
            horizon *grown = realloc(horizons->entries, capacity * sizeof *grown);
            if (!grown) abort();
            horizons->entries = grown;
            horizons->capacity = capacity;
            entry = grown + place;
        }
        memmove(entry + 1, entry, (horizons->count - place) * sizeof *entry);
        *entry = (horizon){shard, newest_time_max};
        horizons->count += 1;
    }
    pthread_mutex_unlock(&horizons->lock);
}

bool freshet_horizons_find(freshet_horizons *horizons, uint32_t shard, int64_t *newest_time_max) {
    pthread_mutex_lock(&horizons->lock);
    size_t place = lower_bound(horizons, shard);
    bool found = place < horizons->count && horizons->entries[place].shard == shard;
    if (found) *newest_time_max = horizons->entries[place].newest_time_max;
    pthread_mutex_unlock(&horizons->lock);
    return found;
}

// One per (sub)compaction, so one thread at a time. A compaction meets keys in order, so it looks up each shard once and
// keeps the answer: a horizon raised meanwhile drops rows in the next compaction.
typedef struct {
    freshet_horizons *horizons;
    bool has_shard, may_drop;
    uint32_t shard;
    int64_t newest_time_max;
} expiry_filter;

static unsigned char drops_row(
    void *state, int level, const char *key, size_t key_length, const char *value, size_t value_length,
    char **new_value, size_t *new_value_length, unsigned char *value_changed
) {
    (void)level, (void)new_value, (void)new_value_length, (void)value_changed;
    expiry_filter *filter = state;
    if (key_length < 4 || value_length < 8) return 0;

    uint32_t shard;
    memcpy(&shard, key, sizeof shard);
    shard = __builtin_bswap32(shard);
    if (!filter->has_shard || shard != filter->shard) {
        filter->has_shard = true;
        filter->shard = shard;
        filter->may_drop =
            shard != FRESHET_META_SHARD && freshet_horizons_find(filter->horizons, shard, &filter->newest_time_max);
    }
    if (!filter->may_drop) return 0;

    int64_t newest_time;
    memcpy(&newest_time, value, sizeof newest_time);
    return newest_time <= filter->newest_time_max;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stored times are little endian");

static const char *filter_name(void *state) {
    (void)state;
    return "freshet.expiry";
}

static rocksdb_compactionfilter_t *create_filter(void *state, rocksdb_compactionfiltercontext_t *context) {
    (void)context;
    expiry_filter *filter = calloc(1, sizeof *filter);
    if (!filter) abort();
    filter->horizons = state;
    return rocksdb_compactionfilter_create(filter, free, drops_row, filter_name);
}

static void keep_horizons(void *state) { (void)state; }

rocksdb_compactionfilterfactory_t *freshet_expiry_filter_factory_create(freshet_horizons *horizons) {
    return rocksdb_compactionfilterfactory_create(horizons, keep_horizons, create_filter, filter_name);
}

// Memtables, commits and parts come and go. From 1 MiB on each is a mapping of its own, which the system gets back at once;
// glibc would raise that bound by itself and keep the holes.
void freshet_return_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
    // Evicted logs leave by the hundred thousand. Kept apart in glibc's fast lists, they are merged with their neighbours at the
    // next request of a kilobyte, all at once and out of the cache.
    mallopt(M_MXFAST, 0);
}
