// The consumer, in place of librdkafka's: what comes when, and how much at a time, is the seed's.
#define _GNU_SOURCE
#include "topics.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

struct rd_kafka_s {
    bool was_woken;
};

// How far a consumer goes back at a time.
enum { rewinds_max = 7 };

static struct rd_kafka_s consumer, producer;
static int64_t last_at;
static struct {
    int64_t after;
    void (*call)(void *);
    void *argument;
    bool was_called;
} quiet;

void world_when_quiet(int64_t microseconds, void (*call)(void *), void *argument) {
    quiet.after = microseconds * 1000;
    quiet.call = call;
    quiet.argument = argument;
}

// MARK: - Client

rd_kafka_t *rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *settings, char *problem, size_t size) {
    (void)problem, (void)size;
    rd_kafka_conf_destroy(settings);
    // All that is asked of it is a matter of one producer.
    if (type == RD_KAFKA_PRODUCER) return &producer;
    last_at = monotonic_now();
    return &consumer;
}

void rd_kafka_destroy_flags(rd_kafka_t *client, int flags) { (void)client, (void)flags; }
// Nothing is logged, so nobody asks.
void *rd_kafka_opaque(const rd_kafka_t *client) {
    (void)client;
    return NULL;
}
rd_kafka_resp_err_t rd_kafka_poll_set_consumer(rd_kafka_t *client) {
    (void)client;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
rd_kafka_resp_err_t rd_kafka_last_error(void) { return RD_KAFKA_RESP_ERR__FAIL; }
rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *client, const char *name, rd_kafka_topic_conf_t *settings) {
    (void)client, (void)settings;
    for (int index = 0; index < topics_count; index++) {
        if (strcmp(topics[index].name, name) == 0) return &topics[index];
    }
    return NULL;
}
void rd_kafka_topic_destroy(rd_kafka_topic_t *topic) { (void)topic; }
const char *rd_kafka_topic_name(const rd_kafka_topic_t *topic) { return topic->name; }

rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *client) { return (rd_kafka_queue_t *)client; }
rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *client) { return (rd_kafka_queue_t *)client; }
void rd_kafka_queue_destroy(rd_kafka_queue_t *queue) { (void)queue; }
void rd_kafka_queue_yield(rd_kafka_queue_t *queue) {
    consumer.was_woken = true;
    wake_all(queue);
    point(at_topic);
}

// MARK: - What is read

static void assign(const rd_kafka_topic_partition_list_t *list) {
    for (int index = 0; index < list->cnt; index++) {
        int64_t *group;
        partition *partition = find(&list->elems[index], &group);
        int64_t offset = list->elems[index].offset;
        if (partition->is_assigned) fail("%s[%d] is assigned twice", list->elems[index].topic, list->elems[index].partition);
        partition->position = offset == RD_KAFKA_OFFSET_BEGINNING ? 0 : offset;
        if (partition->position < 0) fail("no start position");
        // The last record that came may be looked at again, and those that had come before it once more.
        record *first = next_of(partition);
        int again = 0;
        for (; first && first < partition->records + partition->count && first->offset < *group; first++) again++;
        if (again > rewinds_max + 1) {
            fail(
                "%s[%d] is read from %lld on, though %lld were said to be done", list->elems[index].topic,
                list->elems[index].partition, (long long)partition->position, (long long)*group);
        }
        partition->is_assigned = true;
        partition->furthest = partition->position;
        partition->was_told_end = partition->is_paused = false;
    }
}

rd_kafka_resp_err_t rd_kafka_assign(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list) {
    (void)client;
    for (int topic = 0; topic < topics_count; topic++) {
        for (int index = 0; index < topics[topic].partitions_count; index++) {
            topics[topic].partitions[index].is_assigned = false;
        }
    }
    if (list) assign(list);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_error_t *rd_kafka_incremental_assign(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list) {
    (void)client;
    assign(list);
    return NULL;
}

rd_kafka_error_t *rd_kafka_incremental_unassign(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list) {
    (void)client;
    for (int index = 0; index < list->cnt; index++) find(&list->elems[index], NULL)->is_assigned = false;
    return NULL;
}

static rd_kafka_resp_err_t pause_all(rd_kafka_topic_partition_list_t *list, bool pause) {
    point(at_topic);
    for (int index = 0; index < list->cnt; index++) {
        partition *partition = find(&list->elems[index], NULL);
        partition->is_paused = pause;
        if (!pause) partition->was_told_end = false;
        list->elems[index].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_pause_partitions(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list) {
    (void)client;
    return pause_all(list, true);
}

rd_kafka_resp_err_t rd_kafka_resume_partitions(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list) {
    (void)client;
    return pause_all(list, false);
}

// MARK: - Messages

static rd_kafka_message_t *message_of(struct rd_kafka_topic_s *topic, int32_t index, record *record) {
    rd_kafka_message_t *message = calloc(1, sizeof *message);
    message->rkt = topic;
    message->partition = index;
    if (!record) {
        message->err = RD_KAFKA_RESP_ERR__PARTITION_EOF;
        message->offset = end_of(&topic->partitions[index]);
        return message;
    }
    message->offset = record->offset;
    message->payload = record->is_null ? NULL : record->value;
    message->len = record->value_size;
    message->key = record->key;
    message->key_len = record->key ? strlen(record->key) : 0;
    message->_private = record;
    return message;
}

void rd_kafka_message_destroy(rd_kafka_message_t *message) { free(message); }
int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *message, rd_kafka_timestamp_type_t *type) {
    const record *record = message->_private;
    *type = record->timestamp < 0 ? RD_KAFKA_TIMESTAMP_NOT_AVAILABLE : RD_KAFKA_TIMESTAMP_CREATE_TIME;
    return record->timestamp;
}
const char *rd_kafka_message_errstr(const rd_kafka_message_t *message) { return rd_kafka_err2str(message->err); }
// Records of these worlds have no headers.
rd_kafka_resp_err_t rd_kafka_message_headers(const rd_kafka_message_t *message, rd_kafka_headers_t **headers) {
    (void)message;
    *headers = NULL;
    return RD_KAFKA_RESP_ERR__NOENT;
}

// A partition that has something to say now: the next record, or nothing for its end.
static bool is_ready(partition *partition) {
    if (!partition->is_assigned || partition->is_paused) return false;
    record *record = next_of(partition);
    if (record && is_there(record)) return true;
    return !partition->was_told_end;
}

// What a consumer says now and then, and goes on.
static rd_kafka_message_t *complaint(void) {
    rd_kafka_message_t *message = calloc(1, sizeof *message);
    message->err = chance_one_in(2) ? RD_KAFKA_RESP_ERR__TRANSPORT : RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    return message;
}

static int take_from(struct rd_kafka_topic_s *topic, int32_t index, rd_kafka_message_t **messages, int most) {
    partition *partition = &topic->partitions[index];
    // The consumer went back: after a moved leader, or a pause.
    if (partition->position > partition->furthest) partition->furthest = partition->position;
    if (partition->position > 0 && chance_one_in(the_plan.rewind_one_in)) {
        int64_t earlier = partition->furthest - (int64_t)chance_below(rewinds_max + 1);
        if (earlier < partition->position) partition->position = earlier < 0 ? 0 : earlier;
    }
    int count = 0;
    if (chance_one_in(the_plan.refuse_one_in * 4)) messages[count++] = complaint();
    int wanted = 1 + (int)chance_below(the_plan.fetch_max ? the_plan.fetch_max : 1);
    while (count < most && count < wanted) {
        record *record = next_of(partition);
        if (record && !is_there(record)) record = NULL;
        if (!record && partition->was_told_end) break;
        messages[count++] = message_of(topic, index, record);
        last_at = monotonic_now();
        partition->was_told_end = record == NULL;
        if (!record) break;
        partition->position = record->offset + 1;
    }
    return count;
}

// When the next record of any partition that is read comes.
static int64_t soonest(void) {
    int64_t soonest = never;
    for (int topic = 0; topic < topics_count; topic++) {
        for (int index = 0; index < topics[topic].partitions_count; index++) {
            const partition *partition = &topics[topic].partitions[index];
            if (!partition->is_assigned || partition->is_paused) continue;
            record *record = next_of(partition);
            if (!record || is_there(record)) continue;
            int64_t at = monotonic_now() + record->available * 1000 - elapsed();
            if (at < soonest) soonest = at;
        }
    }
    return soonest;
}

static void look_for_quiet(void) {
    if (!quiet.call || quiet.was_called || monotonic_now() - last_at < quiet.after) return;
    for (int topic = 0; topic < topics_count; topic++) {
        if (topics[topic].is_output) continue;
        for (int index = 0; index < topics[topic].partitions_count; index++) {
            partition *partition = &topics[topic].partitions[index];
            if (!partition->is_assigned || !partition->was_told_end || next_of(partition)) return;
        }
    }
    quiet.was_called = true;
    quiet.call(quiet.argument);
}

ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *queue, int timeout, rd_kafka_message_t **messages, size_t size) {
    point(at_poll);
    look_for_quiet();
    int64_t deadline = monotonic_now() + (int64_t)timeout * 1000000 * (1 + (int64_t)chance_below(4));
    while (true) {
        int count = 0;
        while (count < (int)size) {
            struct { struct rd_kafka_topic_s *topic; int32_t index; } ready[world_partitions_max];
            int ready_count = 0;
            for (int topic = 0; topic < topics_count; topic++) {
                for (int index = 0; index < topics[topic].partitions_count; index++) {
                    if (!is_ready(&topics[topic].partitions[index])) continue;
                    ready[ready_count].topic = &topics[topic];
                    ready[ready_count++].index = index;
                }
            }
            // Not all that could come does.
            if (ready_count == 0 || (timeout == 0 && chance_one_in(3))) break;
            uint64_t chosen = chance_below((uint64_t)ready_count);
            count += take_from(ready[chosen].topic, ready[chosen].index, messages + count, (int)size - count);
        }
        if (count > 0) {
            point(at_poll);
            return count;
        }
        if (timeout == 0 || consumer.was_woken || monotonic_now() >= deadline) {
            consumer.was_woken = false;
            return 0;
        }
        int64_t soon = soonest();
        // Where all was read that there is for long, time may pass: no partition falls silent by accident.
        if (soon > monotonic_now() + 60000000000) deadline += (int64_t)chance_below(240000000000);
        block(queue, soon < deadline ? soon : deadline);
    }
}
