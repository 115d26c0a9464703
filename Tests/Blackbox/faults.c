// Preloaded into the binary under test: a disk that is full, and a wall clock that can be set.
//
//   FAULTS_FULL=BYTES    so many may be written below FAULTS_UNDER, then there is no space left; the last write is cut short
//   FAULTS_UNDER=FOLDER
//   FAULTS_CLOCK=FILE    8 bytes, little endian: microseconds that the wall clock is ahead, read at each look at it
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static atomic_llong left = LLONG_MAX;
static const char *under;
static const volatile int64_t *ahead;

__attribute__((constructor)) static void begin(void) {
    const char *full = getenv("FAULTS_FULL"), *clock = getenv("FAULTS_CLOCK");
    under = getenv("FAULTS_UNDER");
    if (full) left = atoll(full);
    if (clock) {
        int file = open(clock, O_RDONLY);
        void *page = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
        if (file < 0 || page == MAP_FAILED) abort();
        ahead = page;
    }
}

static int counts(int file) {
    if (!under) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, under, strlen(under)) == 0;
}

// How many of `size` bytes there is room for: whole blocks, as file systems have it, so that what is smaller is there or not.
static size_t take(int file, size_t size) {
    if (size == 0 || !counts(file)) return size;
    long long before = atomic_load(&left);
    while (1) {
        long long room = before >= (long long)size ? (long long)size : before < 0 ? 0 : before / 512 * 512;
        if (atomic_compare_exchange_weak(&left, &before, before - room)) return (size_t)room;
    }
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FULL(size, room) if ((size) > 0 && (room) == 0) { errno = ENOSPC; return -1; }

ssize_t write(int file, const void *bytes, size_t size) {
    static __typeof__(&write) next;
    if (!next) next = NEXT(write);
    size_t room = take(file, size);
    FULL(size, room);
    return next(file, bytes, room);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) {
    static __typeof__(&pwrite) next;
    if (!next) next = NEXT(pwrite);
    size_t room = take(file, size);
    FULL(size, room);
    return next(file, bytes, room, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) {
    static __typeof__(&pwrite64) next;
    if (!next) next = NEXT(pwrite64);
    size_t room = take(file, size);
    FULL(size, room);
    return next(file, bytes, room, offset);
}

int fallocate(int file, int mode, off_t offset, off_t size) {
    static __typeof__(&fallocate) next;
    if (!next) next = NEXT(fallocate);
    if (counts(file) && atomic_load(&left) <= 0) { errno = ENOSPC; return -1; }
    return next(file, mode, offset, size);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static __typeof__(&clock_gettime) next;
    if (!next) next = NEXT(clock_gettime);
    int result = next(clock, time);
    if (result == 0 && ahead && clock == CLOCK_REALTIME) {
        int64_t nanoseconds = time->tv_nsec + *ahead % 1000000 * 1000;
        time->tv_sec += *ahead / 1000000;
        if (nanoseconds < 0) { nanoseconds += 1000000000; time->tv_sec -= 1; }
        if (nanoseconds >= 1000000000) { nanoseconds -= 1000000000; time->tv_sec += 1; }
        time->tv_nsec = nanoseconds;
    }
    return result;
}
