"""Offsets that hold no record: markers of transactions, what was aborted, what compaction and retention took. They need real brokers."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

import generate
import oracle
from cluster import Cluster, MockCluster
from freshet import Freshet, Log, compare_rows
from test_bounded import between, times_of
from test_kafka import FLUSH, check, pipeline_on, rfc3339, without_flush

PARTITIONS = 3


class GappyTopic:
    """A topic, and what is to be read of it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.name = cluster.topic("freshet_gaps", PARTITIONS)
        self.arrivals: list[oracle.Arrival] = []

    def partition_of(self, line: bytes) -> int:
        return sum(json.loads(line)["customer"].encode()) % PARTITIONS

    def transaction(self, producer: Producer, lines: list[bytes], ending: str) -> list[tuple]:
        """Gives partition, offset and value of each."""
        placed: list[tuple] = []
        producer.begin_transaction()
        for line in lines:
            producer.produce(self.name, value=line, partition=self.partition_of(line), timestamp=json.loads(line)["event_time"],
                             on_delivery=lambda error, message: placed.append((message.partition(), message.offset(), message.value())))
        producer.flush(30)
        assert len(placed) == len(lines)
        if ending == "commit":
            producer.commit_transaction(30)
            self.arrivals += [oracle.Arrival(*place) for place in placed]
        elif ending == "abort":
            producer.abort_transaction(30)
        return placed


@pytest.fixture
def producer(cluster: Cluster) -> Iterator[Producer]:
    if isinstance(cluster, MockCluster):
        pytest.skip("the mock has neither transactions nor compaction; FRESHET_TEST_BROKERS names brokers that have")
    made = Producer({"bootstrap.servers": cluster.brokers, "transactional.id": f"freshet-{uuid.uuid4()}"})
    made.init_transactions(30)
    yield made


@pytest.mark.parametrize("last", ["commit", "abort", "open"])
def test_transactions(freshet: Freshet, cluster: Cluster, producer: Producer, last: str) -> None:
    """What was aborted is not there, a topic may end in a marker, or in a transaction that nobody ended: a replay ends before it."""
    rng = random.Random(len(last))
    topic = GappyTopic(cluster)
    lines = generate.schedule(95, 900)
    pieces = [lines[start : start + 60] for start in range(0, 900, 60)]
    for number, piece in enumerate(pieces):
        ending = last if number == len(pieces) - 1 else rng.choice(["commit", "commit", "abort"])
        topic.transaction(producer, piece, ending)
    topic.arrivals.sort(key=lambda a: (a.partition, a.offset))
    pipeline = pipeline_on(topic.name, f"gaps_{topic.name}")
    path, log = freshet.write(pipeline), Log(freshet.directory / "log")
    freshet.run("replay", path, "--brokers", cluster.brokers, "--log", log.path)
    expected = oracle.recount(pipeline, {"s": topic.arrivals})
    for view in pipeline.views:
        compare_rows(log.rows(view, generate.FIELDS), expected[view.name])
    moments = times_of(lines)
    part = Log(freshet.directory / "part")
    freshet.run("replay", path, "--brokers", cluster.brokers, "--log", part.path, "--from", rfc3339(moments[300]), "--to", rfc3339(moments[700]))
    for view in pipeline.views:
        compare_rows(part.rows(view, generate.FIELDS), between(expected[view.name], moments[300], moments[700]))
    # With a state, and on as a worker, once the open one has ended.
    freshet.run("replay", path, "--brokers", cluster.brokers, "--log", freshet.directory / "kept", "--state", freshet.directory / "state")
    if last == "open":
        producer.abort_transaction(30)
    after = max(moments) // 1000 + 3_600_000
    flush = [generate.line({"id": "0", "customer": json.dumps(f"{FLUSH}{chr(65 + p)}"), "terminal": json.dumps(FLUSH), "event_time": str(after),
                            "shop": "0", "amount": "0", "fraud": "0"}, rng) for p in range(PARTITIONS)]
    assert {topic.partition_of(line) for line in flush} == set(range(PARTITIONS))
    ends = {partition: offset + 1 for partition, offset, _ in topic.transaction(producer, flush, "commit")}
    kept = Log(freshet.directory / "kept")
    running = freshet.start("run", path, "--brokers", cluster.brokers, "--state", freshet.directory / "state", "--log", kept.path)
    cluster.wait_for_group(pipeline.name, {topic.name: [ends[partition] for partition in range(PARTITIONS)]})
    running.stop()
    for view in pipeline.views:
        compare_rows(without_flush(kept.rows(view, generate.FIELDS)), expected[view.name])


def test_compaction(freshet: Freshet, cluster: Cluster, producer: Producer) -> None:
    """Older records of a key are gone, wherever they lay."""
    topic = GappyTopic(cluster)
    admin = AdminClient({"bootstrap.servers": cluster.brokers})
    config = {"cleanup.policy": "compact", "segment.ms": "200", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "100",
              "delete.retention.ms": "0"}
    resource = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=[
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in config.items()])
    admin.incremental_alter_configs([resource])[resource].result(30)
    lines = generate.schedule(96, 1200)
    for start in range(0, 1200, 200):
        cluster.produce(topic.name, [(topic.partition_of(line), json.loads(line)["event_time"], str(n % 150).encode(), line)
                                     for n, line in enumerate(lines[start : start + 200])])
        time.sleep(0.4)
    left: list[oracle.Arrival] = []
    deadline = time.monotonic() + 60
    while len(left) in (0, 1200) or left != (left := read_all(cluster, topic.name)):
        assert time.monotonic() < deadline, f"{len(left)} records are left"
        left = read_all(cluster, topic.name)
        time.sleep(2)
    topic.arrivals = left
    pipeline = pipeline_on(topic.name, f"gaps_{topic.name}")
    freshet.run("replay", freshet.write(pipeline), "--brokers", cluster.brokers, "--log", freshet.directory / "log")
    # What is gone may be gone further by then: a row's position says what was read.
    rows = Log(freshet.directory / "log").rows(pipeline.views[0], generate.FIELDS)
    places = {(row["partition"], row["offset"]) for row in rows}
    topic.arrivals = [arrival for arrival in left if (arrival.partition, arrival.offset) in places]
    assert 200 < len(topic.arrivals) < 1200
    check(Log(freshet.directory / "log"), pipeline, topic)


def read_all(cluster: Cluster, topic: str) -> list[oracle.Arrival]:
    """By another reader."""
    consumer = Consumer({"bootstrap.servers": cluster.brokers, "group.id": "all", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found, ended = [], 0
    while ended < PARTITIONS:
        message = consumer.poll(10)
        assert message is not None
        if message.error():
            ended += 1
        else:
            found.append(oracle.Arrival(message.partition(), message.offset(), message.value()))
    consumer.close()
    return sorted(found, key=lambda a: (a.partition, a.offset))
