// The disk of the world: one folder. What changes there is done and journalled, so that whoever started the life can tell
// which states a crash of the machine may leave; any operation may fail, take long, do a part, or be the last.
#define _GNU_SOURCE
#include "tasks.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { descriptors_max = 4096, path_max = 1024 };

static char folder[path_max];
static size_t folder_length;

static struct {
    bool is_here, is_folder, appends;
    uint64_t file;
    char path[256];
} descriptors[descriptors_max];

void disk_begin(const char *path) {
    folder_length = strlen(path);
    memcpy(folder, path, folder_length + 1);
}

static bool is_here(const char *path) {
    return world_is_here() && path && strncmp(path, folder, folder_length) == 0
        && (path[folder_length] == '/' || path[folder_length] == 0);
}

static bool is_open_here(int descriptor) {
    return world_is_here() && descriptor >= 0 && descriptor < descriptors_max && descriptors[descriptor].is_here;
}

// MARK: - Journal

static void note(
    uint32_t kind, const char *path, const char *other, uint64_t file, int64_t offset, const void *data, size_t size
) {
    uint8_t *end = (uint8_t *)world_journal(the_report) + the_report->journal_size;
    // Paths without the folder's.
    if (path) path += folder_length;
    if (other) other += folder_length;
    world_change change = {
        kind, path ? (uint32_t)strlen(path) : 0, other ? (uint32_t)strlen(other) : 0, (uint32_t)size, file, offset,
    };
    size_t needed = sizeof change + change.path_size + change.other_size + size;
    if (needed > journal_room()) fail("more is written than the journal takes");
    memcpy(end, &change, sizeof change);
    end += sizeof change;
    if (path) memcpy(end, path, change.path_size);
    end += change.path_size;
    if (other) memcpy(end, other, change.other_size);
    end += change.other_size;
    if (size) memcpy(end, data, size);
    the_report->journal_size += needed;
    digest(kind);
    digest(size);
}

// MARK: - Faults

enum { reads = 1, writes = 2 };
// What an operation is to do instead of passing: an errno, or
enum { passes = 0, is_last = -1 };

static int meet(int kind) {
    static const char nothing;
    if (chance_one_in(the_plan.slow_one_in)) {
        block(&nothing, monotonic_now() + (int64_t)chance_below(500000000));
    } else {
        point(at_disk);
    }
    uint64_t number = ++the_report->operations;
    if (number == the_plan.crash_at_operation) return is_last;
    bool is_failing = the_plan.fail_at_operation != 0 && number >= the_plan.fail_at_operation
        && number - the_plan.fail_at_operation < the_plan.failures;
    if (!is_failing || (kind == reads && the_plan.fail_with == ENOSPC)) return passes;
    the_report->faults += 1;
    return the_plan.fail_with;
}

static size_t part_of(size_t size) { return size == 0 ? 0 : chance_below(size + 1); }

// An operation that is done or not, never in part.
#define WHOLE(kind, act) \
    int fault = meet(kind); \
    if (fault == is_last) { \
        if (chance_one_in(2)) { act; } \
        crash(__func__); \
    } \
    if (fault != passes) { \
        errno = fault; \
        return -1; \
    }

// MARK: - Opening

static int open_at(int from, const char *path, int flags, mode_t mode) {
    if (!is_here(path)) return (int)syscall(SYS_openat, from, path, flags, mode);
    bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
    struct stat status;
    bool existed = syscall(SYS_newfstatat, AT_FDCWD, path, &status, 0) == 0;
    int fault = meet(changes ? writes : reads);
    if (fault > 0) {
        errno = fault;
        return -1;
    }
    if (fault == is_last && !(changes && chance_one_in(2))) crash("open");
    int opened = (int)syscall(SYS_openat, from, path, flags, mode);
    if (opened < 0) {
        if (fault == is_last) crash("open");
        return opened;
    }
    if (opened >= descriptors_max) fail("more than %d files are open", descriptors_max);
    syscall(SYS_newfstatat, AT_FDCWD, path, &status, 0);
    if (!existed && (flags & O_CREAT)) note(world_create, path, NULL, status.st_ino, 0, NULL, 0);
    if (existed && (flags & O_TRUNC)) note(world_truncate, NULL, NULL, status.st_ino, 0, NULL, 0);
    if (fault == is_last) crash("open");
    descriptors[opened].is_here = true;
    descriptors[opened].is_folder = S_ISDIR(status.st_mode);
    descriptors[opened].appends = (flags & O_APPEND) != 0;
    descriptors[opened].file = status.st_ino;
    strncpy(descriptors[opened].path, path, sizeof descriptors[opened].path - 1);
    return opened;
}

#define MODE_FROM(flags) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }

int open(const char *path, int flags, ...) {
    MODE_FROM(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE_FROM(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int from, const char *path, int flags, ...) {
    MODE_FROM(flags)
    return open_at(from, path, flags, mode);
}

int openat64(int from, const char *path, int flags, ...) {
    MODE_FROM(flags)
    return open_at(from, path, flags, mode);
}

int close(int descriptor) {
    if (is_open_here(descriptor)) memset(&descriptors[descriptor], 0, sizeof descriptors[descriptor]);
    return (int)syscall(SYS_close, descriptor);
}

// MARK: - Reading

// How much of a transfer is done: a system may do less than it is asked for.
static size_t shortened(size_t size) {
    return size > 1 && chance_one_in(the_plan.short_one_in) ? 1 + chance_below(size) : size;
}

static bool is_interrupted(void) { return chance_one_in(the_plan.short_one_in * 2); }

static ssize_t read_at(int descriptor, void *target, size_t size, off_t offset, bool is_positioned) {
    if (is_open_here(descriptor)) {
        WHOLE(reads, (void)0)
        if (is_interrupted()) {
            errno = EINTR;
            return -1;
        }
        // RocksDB takes a short read for the end of the file.
        if (!is_positioned) size = shortened(size);
    }
    return is_positioned ? syscall(SYS_pread64, descriptor, target, size, offset) : syscall(SYS_read, descriptor, target, size);
}

ssize_t read(int descriptor, void *target, size_t size) { return read_at(descriptor, target, size, 0, false); }
ssize_t pread(int descriptor, void *target, size_t size, off_t offset) {
    return read_at(descriptor, target, size, offset, true);
}
ssize_t pread64(int descriptor, void *target, size_t size, off_t offset) {
    return read_at(descriptor, target, size, offset, true);
}

// MARK: - Writing

static ssize_t do_write(int descriptor, const void *source, size_t size, off_t offset) {
    if (size == 0) return 0;
    ssize_t written = syscall(SYS_pwrite64, descriptor, source, size, offset);
    if (written > 0) note(world_write, NULL, NULL, descriptors[descriptor].file, offset, source, (size_t)written);
    return written;
}

static ssize_t write_at(int descriptor, const void *source, size_t size, off_t offset, bool is_positioned) {
    if (!is_open_here(descriptor)) {
        return is_positioned ? syscall(SYS_pwrite64, descriptor, source, size, offset)
                             : syscall(SYS_write, descriptor, source, size);
    }
    int fault = meet(writes);
    if (!is_positioned) {
        offset = syscall(SYS_lseek, descriptor, 0, descriptors[descriptor].appends ? SEEK_END : SEEK_CUR);
    }
    // What is overwritten is so at once, within a sector: nobody ever sees half of it.
    struct stat status;
    bool is_whole = syscall(SYS_fstat, descriptor, &status) == 0 && offset / 512 == (offset + (off_t)size - 1) / 512
        && offset + (off_t)size <= status.st_size;
    if (fault == is_last) {
        do_write(descriptor, source, is_whole ? size * chance_below(2) : part_of(size), offset);
        crash("write");
    }
    if (fault > 0) {
        // A full disk takes what still goes in.
        size_t part = fault == ENOSPC && !is_whole && chance_one_in(2) ? part_of(size) : 0;
        if (part == 0 || part == size) {
            errno = fault;
            return -1;
        }
        size = part;
    } else if (is_interrupted()) {
        errno = EINTR;
        return -1;
    } else if (!is_whole) {
        size = shortened(size);
    }
    ssize_t written = do_write(descriptor, source, size, offset);
    if (written > 0 && !is_positioned) syscall(SYS_lseek, descriptor, offset + written, SEEK_SET);
    return written;
}

ssize_t write(int descriptor, const void *source, size_t size) { return write_at(descriptor, source, size, 0, false); }
ssize_t pwrite(int descriptor, const void *source, size_t size, off_t offset) {
    return write_at(descriptor, source, size, offset, true);
}
ssize_t pwrite64(int descriptor, const void *source, size_t size, off_t offset) {
    return write_at(descriptor, source, size, offset, true);
}

ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
    if (!is_open_here(descriptor)) return syscall(SYS_writev, descriptor, pieces, count);
    // A part of what was asked for, which is as good.
    for (int index = 0; index < count; index++) {
        if (pieces[index].iov_len > 0) return write(descriptor, pieces[index].iov_base, pieces[index].iov_len);
    }
    return 0;
}

static int truncate_open(int descriptor, off_t length) {
    if (!is_open_here(descriptor)) return (int)syscall(SYS_ftruncate, descriptor, length);
    WHOLE(
        writes, if (syscall(SYS_ftruncate, descriptor, length) == 0)
            note(world_truncate, NULL, NULL, descriptors[descriptor].file, length, NULL, 0))
    int result = (int)syscall(SYS_ftruncate, descriptor, length);
    if (result == 0) note(world_truncate, NULL, NULL, descriptors[descriptor].file, length, NULL, 0);
    return result;
}

int ftruncate(int descriptor, off_t length) { return truncate_open(descriptor, length); }
int ftruncate64(int descriptor, off_t length) { return truncate_open(descriptor, length); }

static int truncate_named(const char *path, off_t length) {
    if (!is_here(path)) return (int)syscall(SYS_truncate, path, length);
    int descriptor = open_at(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    int result = truncate_open(descriptor, length);
    int error = errno;
    close(descriptor);
    errno = error;
    return result;
}

int truncate(const char *path, off_t length) { return truncate_named(path, length); }
int truncate64(const char *path, off_t length) { return truncate_named(path, length); }

// Space that is set aside shows in no file's bytes.
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    if (!is_open_here(descriptor)) return (int)syscall(SYS_fallocate, descriptor, mode, offset, length);
    errno = EOPNOTSUPP;
    return -1;
}

// MARK: - Syncing

static int sync_open(int descriptor, int number) {
    if (!is_open_here(descriptor)) return (int)syscall(number, descriptor);
    int fault = meet(writes);
    uint32_t kind = descriptors[descriptor].is_folder ? world_sync_folder : world_sync;
    const char *path = descriptors[descriptor].is_folder ? descriptors[descriptor].path : NULL;
    if (fault == is_last) {
        if (chance_one_in(2)) note(kind, path, NULL, descriptors[descriptor].file, 0, NULL, 0);
        crash("fsync");
    }
    if (fault > 0) {
        // What was not on disk may never get there by another sync: the system has let go of it.
        if (kind == world_sync) note(world_sync_failed, NULL, NULL, descriptors[descriptor].file, 0, NULL, 0);
        errno = fault;
        return -1;
    }
    note(kind, path, NULL, descriptors[descriptor].file, 0, NULL, 0);
    return 0;
}

int fsync(int descriptor) { return sync_open(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return sync_open(descriptor, SYS_fdatasync); }

// It promises nothing.
int sync_file_range(int descriptor, off_t offset, off_t length, unsigned int flags) {
    if (is_open_here(descriptor)) return 0;
    return (int)syscall(SYS_sync_file_range, descriptor, offset, length, flags);
}

// MARK: - Names

int rename(const char *old, const char *new) {
    if (!is_here(old)) return (int)syscall(SYS_rename, old, new);
    WHOLE(writes, if (syscall(SYS_rename, old, new) == 0) note(world_rename, old, new, 0, 0, NULL, 0))
    int result = (int)syscall(SYS_rename, old, new);
    if (result == 0) note(world_rename, old, new, 0, 0, NULL, 0);
    return result;
}

int unlink(const char *path) {
    if (!is_here(path)) return (int)syscall(SYS_unlink, path);
    WHOLE(writes, if (syscall(SYS_unlink, path) == 0) note(world_remove, path, NULL, 0, 0, NULL, 0))
    int result = (int)syscall(SYS_unlink, path);
    if (result == 0) note(world_remove, path, NULL, 0, 0, NULL, 0);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    if (!is_here(path)) return (int)syscall(SYS_mkdir, path, mode);
    WHOLE(writes, if (syscall(SYS_mkdir, path, mode) == 0) note(world_make_folder, path, NULL, 0, 0, NULL, 0))
    int result = (int)syscall(SYS_mkdir, path, mode);
    if (result == 0) note(world_make_folder, path, NULL, 0, 0, NULL, 0);
    return result;
}

int rmdir(const char *path) {
    if (!is_here(path)) return (int)syscall(SYS_rmdir, path);
    WHOLE(writes, if (syscall(SYS_rmdir, path) == 0) note(world_remove_folder, path, NULL, 0, 0, NULL, 0))
    int result = (int)syscall(SYS_rmdir, path);
    if (result == 0) note(world_remove_folder, path, NULL, 0, 0, NULL, 0);
    return result;
}
