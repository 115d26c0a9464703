// What the files of the world share.
#pragma once
#include "CWorld.h"

#include <errno.h>
#include <pthread.h>

extern world_plan the_plan;
extern world_report *the_report;

// Whether the calling thread is one of the world's.
bool world_is_here(void);

// Chance: a number from the seed; all draws go into the digest.
uint64_t chance(void);
static inline uint64_t chance_below(uint64_t limit) { return chance() % limit; }
static inline bool chance_one_in(uint32_t count) { return count != 0 && chance_below(count) == 0; }
void digest(uint64_t word);

// A point at which another thread may go on.
void point(uint32_t kind);
enum {
    at_lock = 1, at_wait, at_wake, at_start, at_end, at_sleep, at_disk, at_poll, at_topic, at_store,
};

// Between these no other thread goes on, unless the caller has to wait: what is done once waits by the system's own means.
void calm_begin(void);
void calm_end(void);

enum { never = INT64_MAX };
// The caller waits for `awaited`, or until monotonic nanoseconds; true if the time was over.
bool block(const void *awaited, int64_t deadline);
void wake_all(const void *awaited);
void wake_one(const void *awaited);

// Whether code of ours, or of RocksDB, called: others lock as often as their caches are cold.
bool is_ours(const void *address);

// Nanoseconds.
int64_t monotonic_now(void);
int64_t wall_now(void);
// Since the start of the first life.
int64_t elapsed(void);
void clock_advance(int64_t nanoseconds);
void clock_begin(void);

_Noreturn void crash(const char *where);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Where it is kept what was emitted, for as long as the report is.
void *world_emission_memory(const world_report *report);
size_t world_emission_room(void);

// The next definition of a function of libc.
void *next_definition(const char *name, const char *version);
