// The module map, and what Swift cannot call itself: C's variadic producer.
#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/// Copies `value` and `key` (NULL is Kafka's null) into the producer's queue. A `timestamp` of 0 is "now".
/// Takes `headers` (may be NULL) on success only.
rd_kafka_resp_err_t crdkafka_produce(
    rd_kafka_t *rk, const char *topic, int32_t partition, const void *key, size_t key_size, const void *value,
    size_t value_size, int64_t timestamp, rd_kafka_headers_t *headers);

/// As `crdkafka_produce`, without headers, to any partition by the key's hash. The message waits for no room.
rd_kafka_resp_err_t crdkafka_produce_keyed(
    rd_kafka_t *rk, rd_kafka_topic_t *topic, const void *key, size_t key_size, const void *value, size_t value_size,
    int64_t timestamp);
