// A world of its own for one life of the worker: threads, clocks, disk and topics, all of them driven by a seed.
//
// The definitions of libc's and librdkafka's functions in this module take their places for the whole process, Swift's
// runtime and RocksDB included: the dynamic linker finds them first, in the executable. Before `world_begin` they pass on.
//
//   tasks.c    one thread runs at a time; which one, the seed says at every point where threads can meet
//   locks.c    mutexes, conditions, read-write locks, thread start and end: where they meet
//   clock.c    time stands still but for what the seed adds, and jumps to the next timer where all wait
//   disk.c     files below one folder: every change is journalled; operations fail, are slow, or are the last ones
//   topics.c   a broker: partitions that were written before the life began
//   consumer.c what is fetched of them, and when
//   producer.c transactions, and what they left
//   store.c    RocksDB's flushes and compactions, called for at any time
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What one life is to meet. Rates are "one in so many", 0 for never.
typedef struct {
    uint64_t seed;
    // Threads: how many points pass before another one runs, and whether they have priorities that change now and then.
    uint32_t switch_one_in;
    bool has_priorities;
    // Clocks.
    int64_t wall_microseconds;
    uint32_t wall_jump_one_in;
    // Disk: numbers of operations, from 1; 0 for never.
    uint64_t crash_at_operation;
    uint64_t fail_at_operation, failures;
    int fail_with;
    uint32_t short_one_in, slow_one_in;
    // Any point, numbered from 1.
    uint64_t crash_at_point;
    // Topics.
    uint32_t fetch_max, rewind_one_in, refuse_one_in;
    // Store.
    uint32_t flush_one_in, compact_one_in;
} world_plan;

typedef enum {
    world_running = 0,
    // The worker came to its end, or stopped with an error of the world.
    world_ended,
    world_stopped,
    // Everything stopped at one instant.
    world_crashed,
    // What must not happen, did.
    world_failed,
} world_outcome;

enum { world_partitions_max = 16 };

// What is known of a life after its end; in memory that is shared with the process that started it.
typedef struct {
    uint32_t outcome;
    uint64_t points, operations, switches;
    // Errors that it was given.
    uint64_t faults;
    // Of all that the seed decided: equal digests mean equal lives.
    uint64_t digest;
    int64_t wall_microseconds;
    char text[4096];
    // Microseconds that all lives took by the world's clock: what was written to topics meanwhile stays there.
    int64_t elapsed;
    // The group's offsets, by the partition's place in the topics; over all lives.
    int64_t group_offsets[world_partitions_max];
    size_t journal_size;
} world_report;

// One change of the disk, followed by `path_size` and `other_size` and `data_size` bytes.
typedef struct {
    uint32_t kind;
    uint32_t path_size, other_size, data_size;
    // Of the file.
    uint64_t file;
    int64_t offset;
} world_change;

enum {
    world_create = 1,   // path, file
    world_write,        // file, offset, data
    world_truncate,     // file, offset: the new length
    world_sync,         // file
    world_sync_failed,  // file
    world_sync_folder,  // path
    world_rename,       // path, other
    world_remove,       // path
    world_make_folder,  // path
    world_remove_folder // path
};

// Starts the program anew where addresses or hashes of Swift would differ from run to run. Call first.
void world_settle(char **arguments);

// Memory for a report and its journal, shared with processes that are forked.
world_report *world_report_create(void);
const uint8_t *world_journal(const world_report *report);
// The rows that transactions committed, a line each; over all lives.
const char *world_emitted(const world_report *report, size_t *size);
void world_emitted_clear(const world_report *report);

// The process becomes one thread of the world; `folder` is its disk.
void world_begin(const world_plan *plan, const char *folder, world_report *report);
// Leaves the world at once: the process ends.
_Noreturn void world_end(world_outcome outcome, const char *text);

// Fork, wait, and files that are none of the world's.
int world_fork(void);
// The exit status, or minus the signal; -1000 where it took longer than it may.
int world_wait(int process, unsigned seconds_max);
_Noreturn void world_exit(int status);
void world_sleep(int64_t microseconds);
// Keeps the process, and those that it will fork, on one processor: threads that run one at a time change over faster there.
void world_settle_on_processor(int number);

// Before the world begins: what topics hold. `available` is in microseconds since the start of the first life. NULL is Kafka's null.
void world_topics_clear(void);
int world_topic_add(const char *name, int partitions, bool is_output);
void world_message_add(
    int topic, int32_t partition, int64_t offset, int64_t timestamp_milliseconds, const char *key, const void *value,
    size_t value_size, int64_t available);
// Called on the polling thread once all was read and nothing has come for so long.
void world_when_quiet(int64_t microseconds, void (*call)(void *), void *argument);
