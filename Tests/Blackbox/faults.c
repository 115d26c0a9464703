// Preloaded into the binary under test: a disk that is full, a wall clock that can be set, and a diary of what reached the disk when.
//
//   FAULTS_FULL=BYTES    so many may be written below FAULTS_UNDER, then there is no space left; the last write is cut short
//   FAULTS_UNDER=FOLDER
//   FAULTS_DIARY=FILE    a line is added for each of these below FAULTS_UNDER: `write FILE`, before it is done; `sync FILE`, before, and
//                        `synced FILE`, after it was done; `rename OLD NEW` and `remove FILE`, after
//   FAULTS_LAST=NUMBER   the process ends in place of so manieth a renaming of a hidden file
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
static int diary = -1;
static atomic_int renames_left;

__attribute__((constructor)) static void begin(void) {
    const char *full = getenv("FAULTS_FULL"), *clock = getenv("FAULTS_CLOCK");
    under = getenv("FAULTS_UNDER");
    if (full) left = atoll(full);
    const char *file = getenv("FAULTS_DIARY"), *last = getenv("FAULTS_LAST");
    if (file) diary = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (last) atomic_store(&renames_left, atoi(last));
    if (clock) {
        int file = open(clock, O_RDONLY);
        void *page = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
        if (file < 0 || page == MAP_FAILED) abort();
        ahead = page;
    }
}

static int is_under(const char *path) { return under && strncmp(path, under, strlen(under)) == 0; }

static int find(int file, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_under(path);
}

static int counts(int file) {
    char path[PATH_MAX];
    return under && find(file, path);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t (*write_bytes(void))(int, const void *, size_t) {
    static __typeof__(&write) next;
    if (!next) next = NEXT(write);
    return next;
}

// One line, so that those of several threads do not mix.
static void note(const char *what, const char *path, const char *other) {
    char line[2 * PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "%s %s%s%s\n", what, path, other ? " " : "", other ? other : "");
    if (write_bytes()(diary, line, (size_t)length) != length) abort();
}

static void note_file(const char *what, int file) {
    char path[PATH_MAX];
    if (diary >= 0 && file != diary && find(file, path)) note(what, path, NULL);
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

#define FULL(size, room) if ((size) > 0 && (room) == 0) { errno = ENOSPC; return -1; }

ssize_t write(int file, const void *bytes, size_t size) {
    size_t room = take(file, size);
    FULL(size, room);
    note_file("write", file);
    return write_bytes()(file, bytes, room);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) {
    static __typeof__(&pwrite) next;
    if (!next) next = NEXT(pwrite);
    size_t room = take(file, size);
    FULL(size, room);
    note_file("write", file);
    return next(file, bytes, room, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) {
    static __typeof__(&pwrite64) next;
    if (!next) next = NEXT(pwrite64);
    size_t room = take(file, size);
    FULL(size, room);
    note_file("write", file);
    return next(file, bytes, room, offset);
}

int fsync(int file) {
    static __typeof__(&fsync) next;
    if (!next) next = NEXT(fsync);
    note_file("sync", file);
    int result = next(file);
    if (result == 0) note_file("synced", file);
    return result;
}

int fdatasync(int file) {
    static __typeof__(&fdatasync) next;
    if (!next) next = NEXT(fdatasync);
    note_file("sync", file);
    int result = next(file);
    if (result == 0) note_file("synced", file);
    return result;
}

int rename(const char *old, const char *new) {
    static __typeof__(&rename) next;
    if (!next) next = NEXT(rename);
    const char *slash = strrchr(old, '/');
    int is_hidden = is_under(old) && slash && slash[1] == '.';
    if (is_hidden && atomic_load(&renames_left) > 0 && atomic_fetch_sub(&renames_left, 1) == 1) _exit(137);
    int result = next(old, new);
    if (result == 0 && diary >= 0 && is_under(old)) note("rename", old, new);
    return result;
}

int unlink(const char *path) {
    static __typeof__(&unlink) next;
    if (!next) next = NEXT(unlink);
    int result = next(path);
    if (result == 0 && diary >= 0 && is_under(path)) note("remove", path, NULL);
    return result;
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
