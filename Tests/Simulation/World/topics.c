// A broker, in place of librdkafka: topics that were written before the life began.
#define _GNU_SOURCE
#include "topics.h"

#include <stdlib.h>
#include <string.h>

struct rd_kafka_topic_s topics[topics_max];
int topics_count;
static int partitions_count;

// MARK: - What topics hold

void world_topics_clear(void) {
    for (int topic = 0; topic < topics_count; topic++) {
        for (int index = 0; index < topics[topic].partitions_count; index++) {
            partition *partition = &topics[topic].partitions[index];
            for (size_t place = 0; place < partition->count; place++) {
                free(partition->records[place].key);
                free(partition->records[place].value);
            }
            free(partition->records);
        }
    }
    memset(topics, 0, sizeof topics);
    topics_count = partitions_count = 0;
}

int world_topic_add(const char *name, int count, bool is_output) {
    struct rd_kafka_topic_s *topic = &topics[topics_count];
    if (topics_count == topics_max || partitions_count + count > world_partitions_max) abort();
    strncpy(topic->name, name, sizeof topic->name - 1);
    topic->partitions_count = count;
    topic->is_output = is_output;
    topic->first = partitions_count;
    partitions_count += count;
    return topics_count++;
}

void world_message_add(
    int topic, int32_t index, int64_t offset, int64_t timestamp, const char *key, const void *value, size_t size,
    int64_t available
) {
    partition *partition = &topics[topic].partitions[index];
    if (partition->count == partition->capacity) {
        partition->capacity = partition->capacity ? partition->capacity * 2 : 64;
        partition->records = realloc(partition->records, partition->capacity * sizeof *partition->records);
    }
    record *record = &partition->records[partition->count++];
    *record = (typeof(*record)){
        .offset = offset, .timestamp = timestamp, .available = available, .value_size = size, .is_null = value == NULL,
    };
    if (key) record->key = strdup(key);
    if (value) {
        record->value = malloc(size ? size : 1);
        memcpy(record->value, value, size);
    }
}

partition *find_place(const rd_kafka_topic_partition_t *place, int *number) {
    for (int index = 0; index < topics_count; index++) {
        if (strcmp(topics[index].name, place->topic) != 0) continue;
        if (place->partition < 0 || place->partition >= topics[index].partitions_count) break;
        *number = topics[index].first + place->partition;
        return &topics[index].partitions[place->partition];
    }
    fail("%s[%d] is asked for, and is nowhere", place->topic, place->partition);
}

partition *find(const rd_kafka_topic_partition_t *place, int64_t **group) {
    int number;
    partition *partition = find_place(place, &number);
    if (group) *group = &the_report->group_offsets[number];
    return partition;
}

bool is_there(const record *record) { return record->available * 1000 <= elapsed(); }

int64_t end_of(const partition *partition) {
    int64_t end = 0;
    for (size_t place = 0; place < partition->count && is_there(&partition->records[place]); place++) {
        end = partition->records[place].offset + 1;
    }
    return end;
}

record *next_of(const partition *partition) {
    for (size_t place = 0; place < partition->count; place++) {
        if (partition->records[place].offset >= partition->position) return &partition->records[place];
    }
    return NULL;
}

// Brokers that are busy, elsewhere or gone for a moment.
static rd_kafka_resp_err_t refusal(void) {
    point(at_topic);
    if (!chance_one_in(the_plan.refuse_one_in)) return RD_KAFKA_RESP_ERR_NO_ERROR;
    the_report->faults += 1;
    return RD_KAFKA_RESP_ERR__TRANSPORT;
}

// MARK: - What is asked of brokers

rd_kafka_resp_err_t rd_kafka_metadata(
    rd_kafka_t *client, int all, rd_kafka_topic_t *only, const struct rd_kafka_metadata **result, int timeout
) {
    (void)client, (void)all, (void)only, (void)timeout;
    rd_kafka_resp_err_t code = refusal();
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    struct rd_kafka_metadata *metadata = calloc(1, sizeof *metadata);
    metadata->topic_cnt = topics_count;
    metadata->topics = calloc(topics_max, sizeof *metadata->topics);
    for (int topic = 0; topic < topics_count; topic++) {
        metadata->topics[topic].topic = topics[topic].name;
        metadata->topics[topic].partition_cnt = topics[topic].partitions_count;
    }
    *result = metadata;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rd_kafka_metadata_destroy(const struct rd_kafka_metadata *metadata) {
    free(metadata->topics);
    free((void *)metadata);
}

rd_kafka_resp_err_t rd_kafka_query_watermark_offsets(
    rd_kafka_t *client, const char *topic, int32_t index, int64_t *low, int64_t *high, int timeout
) {
    (void)client, (void)timeout;
    rd_kafka_topic_partition_t place = {.topic = (char *)topic, .partition = index};
    rd_kafka_resp_err_t code = refusal();
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    *low = 0;
    *high = end_of(find(&place, NULL));
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_get_watermark_offsets(
    rd_kafka_t *client, const char *topic, int32_t index, int64_t *low, int64_t *high
) {
    (void)client;
    rd_kafka_topic_partition_t place = {.topic = (char *)topic, .partition = index};
    *low = 0;
    *high = end_of(find(&place, NULL));
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_offsets_for_times(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list, int timeout) {
    (void)client, (void)timeout;
    rd_kafka_resp_err_t code = refusal();
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    for (int index = 0; index < list->cnt; index++) {
        partition *partition = find(&list->elems[index], NULL);
        size_t place = 0;
        while (place < partition->count && partition->records[place].timestamp < list->elems[index].offset) place++;
        list->elems[index].offset = place < partition->count ? partition->records[place].offset : RD_KAFKA_OFFSET_END;
        list->elems[index].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void commit(const rd_kafka_topic_partition_list_t *list) {
    for (int index = 0; index < list->cnt; index++) {
        int64_t *group;
        find(&list->elems[index], &group);
        if (list->elems[index].offset > *group) *group = list->elems[index].offset;
        digest((uint64_t)list->elems[index].offset);
    }
}

rd_kafka_resp_err_t rd_kafka_commit(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list, int is_async) {
    (void)client, (void)is_async;
    rd_kafka_resp_err_t code = refusal();
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) commit(list);
    return code;
}

rd_kafka_resp_err_t rd_kafka_commit_queue(
    rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list, rd_kafka_queue_t *answers,
    void (*call)(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *), void *opaque
) {
    (void)answers, (void)call, (void)opaque;
    return rd_kafka_commit(client, list, 1);
}

rd_kafka_event_t *rd_kafka_queue_poll(rd_kafka_queue_t *queue, int timeout) {
    (void)timeout;
    point(at_topic);
    return (rd_kafka_event_t *)queue;
}
rd_kafka_resp_err_t rd_kafka_event_error(rd_kafka_event_t *event) {
    (void)event;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
void rd_kafka_event_destroy(rd_kafka_event_t *event) { (void)event; }
