"""Topics to test against: real brokers, or librdkafka's mock cluster, which other processes can reach too.

confluent-kafka starts a mock by `test.mock.num.brokers`, but its topics always have 4 partitions and there is no admin
API. The C functions of the mock can say the partition count, so they are called directly.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import time
import uuid

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
                                   ResourceType)

Message = tuple[int, int, bytes | None, bytes | None]  # partition, timestamp in ms, key, value


class Cluster:
    def __init__(self, brokers: str) -> None:
        self.brokers = brokers
        self.look_again()

    def look_again(self) -> None:
        """A producer believes for a while in what it knew of a topic."""
        # Idempotent: what a retry sends again, as a topic's first batches often are, keeps its place.
        self.producer = Producer({"bootstrap.servers": self.brokers, "linger.ms": 5, "enable.idempotence": True})

    def unique(self, name: str) -> str:
        return f"{name}_{uuid.uuid4().hex[:12]}"

    def produce(self, topic: str, messages: list[Message]) -> None:
        failed = []
        for partition, timestamp, key, value in messages:
            self.producer.produce(topic, value=value, key=key, partition=partition, timestamp=timestamp,
                                  on_delivery=lambda error, _: failed.append(error) if error else None)
            self.producer.poll(0)
        assert self.producer.flush(30) == 0 and not failed, failed

    def wait_for_group(self, group: str, ends: dict[str, list[int]], timeout: float = 40) -> None:
        """Until the group's committed offsets have reached the ends (per partition) of its topics."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": group, "enable.auto.commit": False})
        wanted = {(topic, p): end for topic, counts in ends.items() for p, end in enumerate(counts) if end}
        deadline = time.monotonic() + timeout
        try:
            while True:
                committed = consumer.committed([TopicPartition(*key) for key in wanted], timeout=10)
                behind = {(c.topic, c.partition): c.offset for c in committed if c.offset < wanted[c.topic, c.partition]}
                if not behind:
                    return
                assert time.monotonic() < deadline, f"group {group} stays at {behind}, ends {wanted}"
                time.sleep(0.1)
        finally:
            consumer.close()

    def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that the partition holds, and the end of what readers of committed records are given."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": "watermarks"})
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        finally:
            consumer.close()

    def low(self, topic: str, partition: int) -> int:
        return self.watermarks(topic, partition)[0]


class RealCluster(Cluster):
    def __init__(self, brokers: str) -> None:
        super().__init__(brokers)
        # Futures die with their client, so one lives as long as all of them.
        self.admin = AdminClient({"bootstrap.servers": brokers})
        self.created: list[str] = []

    def topic(self, name: str, partitions: int) -> str:
        unique = self.unique(name)
        self.create(unique, partitions)
        self.created.append(unique)
        return unique

    def create(self, topic: str, partitions: int) -> None:
        """A topic that may have been deleted a moment ago."""
        # Events are years old: neither their age nor how far it lies from the broker's clock may matter.
        config = {"retention.ms": "-1", "message.timestamp.type": "CreateTime"}
        deadline = time.monotonic() + 30
        while True:
            try:
                self.admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1, config=config)])[topic].result(30)
                return self.look_again()
            except KafkaException as failure:
                assert failure.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS and time.monotonic() < deadline, failure
                time.sleep(0.1)

    def delete(self, topic: str) -> None:
        self.admin.delete_topics([topic])[topic].result(30)

    def add_partitions(self, topic: str, count: int) -> None:
        now = len(self.admin.list_topics(topic, timeout=10).topics[topic].partitions)
        self.admin.create_partitions([NewPartitions(topic, now + count)])[topic].result(30)
        self.look_again()

    def forget(self, topic: str, partition: int, offset: int) -> int:
        """Deletes what is before the offset; gives the first that is left."""
        until = TopicPartition(topic, partition, offset)
        self.admin.delete_records([until])[until].result(30)
        return self.low(topic, partition)

    def alter(self, topic: str, settings: dict[str, str]) -> None:
        """Sets these of the topic's settings; the others stay."""
        entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        self.admin.incremental_alter_configs([resource])[resource].result(30)

    def close(self) -> None:
        self.producer.flush(10)
        for deleted in self.admin.delete_topics(self.created).values() if self.created else []:
            deleted.exception(30)  # a test may have deleted it


class MockCluster(Cluster):
    def __init__(self, brokers: int = 1) -> None:
        path = ctypes.util.find_library("rdkafka") or "librdkafka.so.1"
        self.library = ctypes.CDLL(path)
        pointer = ctypes.c_void_p
        self.library.rd_kafka_new.restype = pointer
        self.library.rd_kafka_new.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
        self.library.rd_kafka_destroy.argtypes = [pointer]
        self.library.rd_kafka_mock_cluster_new.restype = pointer
        self.library.rd_kafka_mock_cluster_new.argtypes = [pointer, ctypes.c_int]
        self.library.rd_kafka_mock_cluster_destroy.argtypes = [pointer]
        self.library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        self.library.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
        self.library.rd_kafka_mock_topic_create.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
        self.library.rd_kafka_mock_partition_set_leader.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32]
        for name in ("rd_kafka_mock_broker_set_down", "rd_kafka_mock_broker_set_up"):
            getattr(self.library, name).argtypes = [pointer, ctypes.c_int32]
        producer_type = 0
        self.client = self.library.rd_kafka_new(producer_type, None, ctypes.create_string_buffer(512), 512)
        self.mock = self.library.rd_kafka_mock_cluster_new(self.client, brokers)
        super().__init__(self.library.rd_kafka_mock_cluster_bootstraps(self.mock).decode())

    def topic(self, name: str, partitions: int) -> str:
        unique = self.unique(name)
        error = self.library.rd_kafka_mock_topic_create(self.mock, unique.encode(), partitions, 1)
        assert error == 0, f"the mock refused topic {unique}: {error}"
        return unique

    def move_leader(self, topic: str, partition: int, broker: int) -> None:
        """Brokers are numbered from 1."""
        error = self.library.rd_kafka_mock_partition_set_leader(self.mock, topic.encode(), partition, broker)
        assert error == 0, error

    def set_broker(self, broker: int, down: bool) -> None:
        change = self.library.rd_kafka_mock_broker_set_down if down else self.library.rd_kafka_mock_broker_set_up
        error = change(self.mock, broker)
        assert error == 0, error

    def forget(self, topic: str, partition: int, offset: int) -> int:
        """The mock forgets by itself: it keeps 5 MB."""
        return self.low(topic, partition)

    def close(self) -> None:
        self.producer.flush(10)
        self.library.rd_kafka_mock_cluster_destroy(self.mock)
        self.library.rd_kafka_destroy(self.client)
