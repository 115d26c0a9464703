// A producer of transactions, in place of librdkafka's: what was committed, rows and offsets, outlives the process that did it.
#define _GNU_SOURCE
#include "topics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { pending_max = 16 << 20, metadata_max = 1024 };

// Of the transaction that is open: it dies with its process.
static struct {
    bool is_ready, is_open, was_committed;
    char *rows;
    size_t size;
    int64_t next[world_partitions_max];
    char metadata[world_partitions_max][metadata_max];
} pending;

// What a broker has, in memory that is shared with the processes of all lives.
typedef struct {
    size_t size;
    // One more than the group's offset; 0 where it has none.
    int64_t next[world_partitions_max];
    char metadata[world_partitions_max][metadata_max];
    char rows[];
} emitted;

static emitted *broker(void) { return world_emission_memory(the_report); }

const char *world_emitted(const world_report *report, size_t *size) {
    emitted *emitted = world_emission_memory(report);
    *size = emitted->size;
    return emitted->rows;
}

void world_emitted_clear(const world_report *report) {
    memset(world_emission_memory(report), 0, sizeof(emitted));
}

// MARK: - Errors

struct rd_kafka_error_s {
    rd_kafka_resp_err_t code;
    bool is_retriable, requires_abort, is_fatal;
};

static rd_kafka_error_t *error(rd_kafka_resp_err_t code, bool is_retriable, bool requires_abort, bool is_fatal) {
    the_report->faults += 1;
    rd_kafka_error_t *error = malloc(sizeof *error);
    *error = (rd_kafka_error_t){code, is_retriable, requires_abort, is_fatal};
    return error;
}

rd_kafka_resp_err_t rd_kafka_error_code(const rd_kafka_error_t *error) { return error->code; }
const char *rd_kafka_error_string(const rd_kafka_error_t *error) { return rd_kafka_err2str(error->code); }
int rd_kafka_error_is_fatal(const rd_kafka_error_t *error) { return error->is_fatal; }
int rd_kafka_error_is_retriable(const rd_kafka_error_t *error) { return error->is_retriable; }
int rd_kafka_error_txn_requires_abort(const rd_kafka_error_t *error) { return error->requires_abort; }
void rd_kafka_error_destroy(rd_kafka_error_t *error) { free(error); }

// Brokers that are busy or gone for a moment; now and then the transaction is lost, or somebody else has taken over.
static rd_kafka_error_t *refusal(bool is_in_transaction) {
    point(at_topic);
    if (!chance_one_in(the_plan.refuse_one_in)) return NULL;
    if (is_in_transaction && chance_one_in(8)) return error(RD_KAFKA_RESP_ERR__TIMED_OUT, false, true, false);
    if (is_in_transaction && chance_one_in(16)) return error(RD_KAFKA_RESP_ERR__FENCED, false, false, true);
    return error(RD_KAFKA_RESP_ERR__TRANSPORT, true, false, false);
}

// MARK: - Transactions

static void forget(void) {
    pending.is_open = pending.was_committed = false;
    pending.size = 0;
    memset(pending.next, 0, sizeof pending.next);
}

rd_kafka_error_t *rd_kafka_init_transactions(rd_kafka_t *client, int timeout) {
    (void)client, (void)timeout;
    if (pending.is_ready) fail("transactions are begun twice by one producer");
    rd_kafka_error_t *refused = refusal(false);
    if (refused) return refused;
    pending.is_ready = true;
    if (!pending.rows) pending.rows = malloc(pending_max);
    return NULL;
}

rd_kafka_error_t *rd_kafka_begin_transaction(rd_kafka_t *client) {
    (void)client;
    point(at_topic);
    if (!pending.is_ready || pending.is_open) fail("a transaction is begun %s", pending.is_ready ? "in another" : "too early");
    forget();
    pending.is_open = true;
    return NULL;
}

rd_kafka_resp_err_t rd_kafka_producev(rd_kafka_t *client, ...) {
    const void *value = NULL;
    size_t size = 0;
    va_list arguments;
    va_start(arguments, client);
    rd_kafka_vtype_t type;
    while ((type = va_arg(arguments, rd_kafka_vtype_t)) != RD_KAFKA_VTYPE_END) {
        switch (type) {
        case RD_KAFKA_VTYPE_RKT: va_arg(arguments, rd_kafka_topic_t *); break;
        case RD_KAFKA_VTYPE_PARTITION: va_arg(arguments, int32_t); break;
        case RD_KAFKA_VTYPE_MSGFLAGS: va_arg(arguments, int); break;
        case RD_KAFKA_VTYPE_TIMESTAMP: va_arg(arguments, int64_t); break;
        case RD_KAFKA_VTYPE_KEY:
            va_arg(arguments, const void *);
            va_arg(arguments, size_t);
            break;
        case RD_KAFKA_VTYPE_VALUE:
            value = va_arg(arguments, const void *);
            size = va_arg(arguments, size_t);
            break;
        default: fail("a message with a part of kind %d", type);
        }
    }
    va_end(arguments);
    if (!pending.is_open || pending.was_committed) fail("a message outside of a transaction");
    if (chance_one_in(the_plan.refuse_one_in * 4)) return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (pending.size + size + 1 > pending_max) fail("a transaction takes no more");
    memcpy(pending.rows + pending.size, value, size);
    pending.rows[pending.size + size] = '\n';
    pending.size += size + 1;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

int rd_kafka_poll(rd_kafka_t *client, int timeout) {
    (void)client, (void)timeout;
    point(at_topic);
    return 0;
}

rd_kafka_error_t *rd_kafka_send_offsets_to_transaction(
    rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list, const rd_kafka_consumer_group_metadata_t *group, int timeout
) {
    (void)client, (void)group, (void)timeout;
    if (!pending.is_open) fail("offsets outside of a transaction");
    rd_kafka_error_t *refused = refusal(true);
    if (refused) return refused;
    for (int index = 0; index < list->cnt; index++) {
        int place;
        find_place(&list->elems[index], &place);
        if (list->elems[index].metadata_size >= metadata_max) fail("metadata of %zu bytes", list->elems[index].metadata_size);
        pending.next[place] = list->elems[index].offset + 1;
        memcpy(pending.metadata[place], list->elems[index].metadata, list->elems[index].metadata_size);
        pending.metadata[place][list->elems[index].metadata_size] = 0;
    }
    return NULL;
}

static void commit_pending(void) {
    emitted *all = broker();
    if (all->size + pending.size > world_emission_room()) fail("more is emitted than there is room for");
    memcpy(all->rows + all->size, pending.rows, pending.size);
    for (int place = 0; place < world_partitions_max; place++) {
        if (pending.next[place] == 0) continue;
        if (pending.next[place] < all->next[place]) fail("what was emitted is gone back behind");
        all->next[place] = pending.next[place];
        memcpy(all->metadata[place], pending.metadata[place], metadata_max);
    }
    all->size += pending.size;
    digest(pending.size);
    pending.was_committed = true;
}

rd_kafka_error_t *rd_kafka_commit_transaction(rd_kafka_t *client, int timeout) {
    (void)client, (void)timeout;
    if (!pending.is_open) fail("no transaction is to be committed");
    rd_kafka_error_t *refused = refusal(!pending.was_committed);
    if (refused) {
        // An answer that is lost tells nothing of what it was.
        if (refused->is_retriable && !pending.was_committed && chance_one_in(2)) commit_pending();
        return refused;
    }
    if (!pending.was_committed) commit_pending();
    point(at_topic);
    forget();
    return NULL;
}

rd_kafka_error_t *rd_kafka_abort_transaction(rd_kafka_t *client, int timeout) {
    (void)client, (void)timeout;
    point(at_topic);
    forget();
    return NULL;
}

// MARK: - The group's offsets

rd_kafka_resp_err_t rd_kafka_committed(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list, int timeout) {
    (void)client, (void)timeout;
    point(at_topic);
    if (chance_one_in(the_plan.refuse_one_in)) {
        the_report->faults += 1;
        return RD_KAFKA_RESP_ERR__TRANSPORT;
    }
    for (int index = 0; index < list->cnt; index++) {
        int place;
        find_place(&list->elems[index], &place);
        int64_t next = broker()->next[place];
        list->elems[index].err = RD_KAFKA_RESP_ERR_NO_ERROR;
        list->elems[index].offset = next ? next - 1 : RD_KAFKA_OFFSET_INVALID;
        free(list->elems[index].metadata);
        list->elems[index].metadata = next ? strdup(broker()->metadata[place]) : NULL;
        list->elems[index].metadata_size = next ? strlen(broker()->metadata[place]) : 0;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
