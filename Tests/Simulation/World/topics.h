// What the topics of the world hold, for their broker and for their consumer.
#pragma once
#include "world.h"

#include <librdkafka/rdkafka.h>

typedef struct {
    int64_t offset, timestamp, available;
    char *key;
    void *value;
    size_t value_size;
    bool is_null;
} record;

typedef struct {
    record *records;
    size_t count, capacity;
    // The consumer's: what comes next, whether it reads, and whether it was told of the end.
    int64_t position, furthest;
    bool is_assigned, is_paused, was_told_end;
} partition;

struct rd_kafka_topic_s {
    char name[64];
    int partitions_count, first;
    // Nobody reads it.
    bool is_output;
    partition partitions[world_partitions_max];
};

enum { topics_max = 4 };
extern struct rd_kafka_topic_s topics[topics_max];
extern int topics_count;

// The partition of a list's element, and the group's offset of it.
partition *find(const rd_kafka_topic_partition_t *place, int64_t **group);
// And its number among the partitions of all topics.
partition *find_place(const rd_kafka_topic_partition_t *place, int *number);
bool is_there(const record *record);
// The next offset to be written.
int64_t end_of(const partition *partition);
// The record that a partition's position is at or before.
record *next_of(const partition *partition);
