"""A topic full of a file's events, on librdkafka's mock cluster in a process of its own: topics.py FILE TOPIC PARTITIONS

Prints the brokers' address once the topic is filled, and serves until standard input ends. Records go to partitions by customer. The
mock keeps 5 MB of each partition, so that there have to be enough of them.
"""

import ctypes
import ctypes.util
import re
import subprocess
import sys
import zlib
from contextlib import contextmanager

PRODUCER, COPY = 0, 2


@contextmanager
def filled(path, topic="transactions", partitions=100):
    """The brokers' address of a cluster with such a topic."""
    process = subprocess.Popen([sys.executable, __file__, path, topic, str(partitions)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(30)


def main():
    path, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
    library = ctypes.CDLL(ctypes.util.find_library("rdkafka") or "librdkafka.so.1")
    pointer, text, size, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
    for name, result, arguments in [
        ("rd_kafka_conf_new", pointer, []), ("rd_kafka_conf_set", number, [pointer, text, text, text, size]),
        ("rd_kafka_new", pointer, [number, pointer, text, size]), ("rd_kafka_topic_new", pointer, [pointer, text, pointer]),
        ("rd_kafka_produce", number, [pointer, ctypes.c_int32, number, text, size, text, size, pointer]),
        ("rd_kafka_poll", number, [pointer, number]), ("rd_kafka_flush", number, [pointer, number]),
        ("rd_kafka_mock_cluster_new", pointer, [pointer, number]), ("rd_kafka_mock_cluster_bootstraps", text, [pointer]),
        ("rd_kafka_mock_topic_create", number, [pointer, text, number, number]),
    ]:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments

    def client(properties):
        configuration = library.rd_kafka_conf_new()
        problem = ctypes.create_string_buffer(512)
        for name, value in properties.items():
            if library.rd_kafka_conf_set(configuration, name.encode(), value.encode(), problem, 512) != 0:
                raise SystemExit(problem.value.decode())
        return library.rd_kafka_new(PRODUCER, configuration, problem, 512)

    cluster = library.rd_kafka_mock_cluster_new(client({"log_level": "0"}), 1)
    library.rd_kafka_mock_topic_create(cluster, topic.encode(), partitions, 1)
    brokers = library.rd_kafka_mock_cluster_bootstraps(cluster)
    producer = client({"bootstrap.servers": brokers.decode(), "linger.ms": "50", "batch.size": "1000000", "log_level": "0",
                       "queue.buffering.max.messages": "1000000", "enable.idempotence": "true"})
    handle = library.rd_kafka_topic_new(producer, topic.encode(), None)
    key_of = re.compile(rb'"customer_id":"([^"]*)"')
    with open(path, "rb") as lines:
        for count, line in enumerate(lines):
            line, key = line.rstrip(b"\n"), key_of.search(line)[1]
            partition = zlib.crc32(key) % partitions
            while library.rd_kafka_produce(handle, partition, COPY, line, len(line), key, len(key), None) != 0:
                library.rd_kafka_poll(producer, 50)
            if count % 10_000 == 0:
                library.rd_kafka_poll(producer, 0)
    if library.rd_kafka_flush(producer, 60_000) != 0:
        raise SystemExit("the mock did not take all records")
    print(brokers.decode(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
