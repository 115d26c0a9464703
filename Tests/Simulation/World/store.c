// RocksDB as the worker uses it, but with flushes and compactions at any time, and small enough to have them at all.
#define _GNU_SOURCE
#include "world.h"

#include <rocksdb/c.h>

void rocksdb_write(
    rocksdb_t *database, const rocksdb_writeoptions_t *options, rocksdb_writebatch_t *batch, char **error
) {
    static void (*next)(rocksdb_t *, const rocksdb_writeoptions_t *, rocksdb_writebatch_t *, char **);
    if (!next) next = (void (*)(rocksdb_t *, const rocksdb_writeoptions_t *, rocksdb_writebatch_t *, char **))
        next_definition("rocksdb_write", NULL);
    point(at_store);
    next(database, options, batch, error);
    if (!world_is_here() || *error) return;
    if (chance_one_in(the_plan.flush_one_in)) {
        // What goes wrong shows in the next write.
        char *ignored = NULL;
        rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
        rocksdb_flushoptions_set_wait(flush, (unsigned char)chance_below(2));
        rocksdb_flush(database, flush, &ignored);
        if (ignored) rocksdb_free(ignored);
        rocksdb_flushoptions_destroy(flush);
    }
    if (chance_one_in(the_plan.compact_one_in)) rocksdb_compact_range(database, NULL, 0, NULL, 0);
}

void rocksdb_options_set_write_buffer_size(rocksdb_options_t *options, size_t size) {
    static void (*next)(rocksdb_options_t *, size_t);
    if (!next) next = (void (*)(rocksdb_options_t *, size_t))next_definition("rocksdb_options_set_write_buffer_size", NULL);
    // It starts so many at each opening, however few files there are.
    rocksdb_options_set_max_file_opening_threads(options, 1);
    // The least that RocksDB takes.
    next(options, world_is_here() ? 64 << 10 : size);
}
