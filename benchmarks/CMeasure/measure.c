// The definitions of malloc and its kin here take the place of the C library's for the whole process, Swift's runtime and
// RocksDB included: the dynamic linker finds them first, in the executable or in what LD_PRELOAD names. They count and pass on.
//
// As a shared library (`cc -shared -fPIC`) it counts for any program, and writes the number to the file that
// MEASURE_ALLOCATIONS_TO names when the program ends.
#include "CMeasure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define CALLGRIND_DUMP_STATS_AT(name) ((void)(name))
#endif

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static uint64_t allocations;

static inline void count(void) { __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED); }

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}

void *calloc(size_t items, size_t size) {
    count();
    return __libc_calloc(items, size);
}

void *realloc(void *old, size_t size) {
    count();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
    count();
    void *memory = __libc_memalign(alignment, size);
    if (memory == NULL) return ENOMEM;
    *result = memory;
    return 0;
}

uint64_t measure_allocations(void) { return __atomic_load_n(&allocations, __ATOMIC_RELAXED); }

int measure_is_simulated(void) { return RUNNING_ON_VALGRIND; }

void measure_dump(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("MEASURE_ALLOCATIONS_TO");
    if (path == NULL) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%llu\n", (unsigned long long)measure_allocations());
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0) return;
    ssize_t written = write(file, text, (size_t)length);
    (void)written;
    close(file);
}
