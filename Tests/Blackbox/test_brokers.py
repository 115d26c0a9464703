"""What real brokers do and the mock does not: transactions, compaction, retention, partitions that are added, time lookup."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewPartitions

import generate
import oracle
from cluster import Cluster, RealCluster
from freshet import Freshet, Log, compare_rows
from pipeline import Pipeline, View
from test_kafka import Topic, Worker, check, features_of, pipeline_on, rfc3339, without_flush

DAY = 86_400_000
BATCH = 40  # records of some 400 bytes, that have to fit into a small segment together


@pytest.fixture
def brokers(cluster: Cluster) -> RealCluster:
    if not isinstance(cluster, RealCluster):
        pytest.skip("FRESHET_TEST_BROKERS names no brokers")
    return cluster


def moved(line: bytes, milliseconds: int) -> bytes:
    event = json.loads(line)
    return line.replace(str(event["event_time"]).encode(), str(event["event_time"] + milliseconds).encode())


class TransactionalTopic(Topic):
    """A topic that producers write to in transactions of their own, one beside the other, and what was committed of it.

    What is taken back would show: its events come a day after the others, so that all that follows them would be late.
    """

    def __init__(self, cluster: RealCluster, partitions: int, producers: int) -> None:
        super().__init__(cluster, partitions)
        self.open: dict[int, list[oracle.Arrival]] = {}
        self.producers = []
        for number in range(producers):
            producer = Producer({"bootstrap.servers": cluster.brokers, "transactional.id": f"{self.name}-{number}", "linger.ms": 0})
            producer.init_transactions(30)
            self.producers.append(producer)

    def write(self, number: int, lines: list[bytes], taken_back: bool = False) -> None:
        """More of a producer's transaction, on the brokers when this returns."""
        if number not in self.open:
            self.producers[number].begin_transaction()
            self.open[number] = []

        def delivered(error: object, message: object) -> None:
            assert error is None, error
            self.open[number].append(oracle.Arrival(message.partition(), message.offset(), message.value()))

        for line in lines:
            event = json.loads(line)
            line, stamp = (moved(line, DAY), event["event_time"] + DAY) if taken_back else (line, event["event_time"])
            self.producers[number].produce(self.name, line, event["customer"].encode(), self.partition_of(event["customer"]),
                                           timestamp=stamp, on_delivery=delivered)
        assert self.producers[number].flush(30) == 0

    def commit(self, number: int) -> None:
        self.producers[number].commit_transaction(30)
        self.arrivals += self.open.pop(number)

    def take_back(self, number: int) -> None:
        self.producers[number].abort_transaction(30)
        del self.open[number]

    def settle(self) -> None:
        """The arrivals in their order; the ends, which lie behind the last transactions' markers."""
        self.arrivals.sort(key=lambda a: (a.partition, a.offset))
        self.ends = [self.cluster.watermarks(self.name, partition)[1] for partition in range(len(self.ends))]

    def first_open(self, partition: int) -> int:
        """Where readers of committed records have to stop."""
        return min((a.offset for arrivals in self.open.values() for a in arrivals if a.partition == partition), default=1 << 62)


def write_transactions(topic: TransactionalTopic, lines: list[bytes], seed: int) -> None:
    """Chunks of lines by one producer or another, a share of them with transactions that are taken back."""
    rng = random.Random(seed)
    # Which transactions will be taken back is known when they begin: their events are those that may not show.
    doomed: set[int] = set()
    position = 0
    while position < len(lines):
        number = rng.randrange(len(topic.producers))
        if number not in topic.open and rng.random() < 0.4:
            doomed.add(number)
        count = rng.randrange(1, 40)
        if number in doomed:
            topic.write(number, rng.choices(lines, k=count), taken_back=True)
        else:
            topic.write(number, lines[position : position + count])
            position += count
        if rng.random() < 0.5:
            (topic.take_back if number in doomed else topic.commit)(number)
            doomed.discard(number)
    for number in sorted(topic.open):
        (topic.take_back if number in doomed else topic.commit)(number)
    # In the end every partition has records that were taken back, and markers after markers.
    topic.write(0, lines, taken_back=True)
    topic.take_back(0)
    topic.settle()


def replay(freshet: Freshet, cluster: Cluster, pipeline: Pipeline, name: str, *flags: object) -> Log:
    log = Log(freshet.directory / name)
    freshet.run("replay", freshet.write(pipeline), "--brokers", cluster.brokers, "--log", log.path, *flags)
    return log


@pytest.mark.parametrize("outcome", ["commit", "take_back"])
def test_a_replay_of_transactions(freshet: Freshet, brokers: RealCluster, outcome: str) -> None:
    """Only what was committed, up to the ends of when it began, though nothing but markers and records taken back lies there."""
    topic = TransactionalTopic(brokers, 3, 4)
    lines = generate.schedule(101, 900)
    write_transactions(topic, lines, 101)
    pipeline = pipeline_on(topic.name, topic.name)
    log = replay(freshet, brokers, pipeline, "whole")
    check(log, pipeline, topic)
    assert log.dead() == sorted(oracle.apply(pipeline.sources[0], topic.arrivals)[1])
    first, last = (json.loads(lines[n])["event_time"] * 1000 for n in (300, 600))
    log = replay(freshet, brokers, pipeline, "part", "--from", rfc3339(first), "--to", rfc3339(last))
    expected = oracle.recount(pipeline, {"s": topic.arrivals})
    for view in pipeline.views:
        compare_rows(log.rows(view, generate.FIELDS), [r for r in expected[view.name] if first <= r["event_timestamp"] < last])

    # A transaction that is still open ends a replay; what was committed behind it comes when it is closed.
    more = [moved(line, 2 * DAY) for line in generate.schedule(102, 300)]
    topic.write(1, more[:50])
    topic.write(2, more[50:200])
    topic.commit(2)
    topic.settle()
    everything = topic.arrivals
    topic.arrivals = [a for a in everything if a.offset < topic.first_open(a.partition)]
    assert len(topic.arrivals) < len(everything)
    check(replay(freshet, brokers, pipeline, "open"), pipeline, topic)
    worker = Worker(freshet, brokers, pipeline)
    replay(freshet, brokers, pipeline, worker.log.path.name, "--state", worker.state)
    topic.arrivals = everything
    getattr(topic, outcome)(1)
    topic.settle()
    check(replay(freshet, brokers, pipeline, "closed"), pipeline, topic)

    # A run goes on from where the replay had to end.
    topic.flush()
    worker.until_done(topic)
    check(worker.log, pipeline, topic)


def test_a_live_run_over_transactions(freshet: Freshet, brokers: RealCluster) -> None:
    """Stops and starts; its position comes past the last markers, so that no lag is left and no retention finds it behind."""
    topic = TransactionalTopic(brokers, 2, 3)
    pipeline = pipeline_on(topic.name, topic.name)
    worker = Worker(freshet, brokers, pipeline, "--commit-interval", "100ms")
    lines = generate.schedule(103, 900)
    for start in range(0, 900, 300):
        write_transactions(topic, lines[start : start + 300], start)
        worker.until_done(topic)
    # All is deleted that was read, and that was all.
    assert [brokers.forget(topic.name, partition, end) for partition, end in enumerate(topic.ends)] == topic.ends
    topic.flush()
    worker.until_done(topic)
    check(worker.log, pipeline, topic)


def test_what_a_run_has_not_read_is_gone(freshet: Freshet, brokers: RealCluster) -> None:
    """It stops and says where, and so does a replay with its state, whether the partition still holds something or nothing."""
    topic = Topic(brokers, 2)
    pipeline = pipeline_on(topic.name, topic.name)
    worker = Worker(freshet, brokers, pipeline)
    lines = generate.schedule(104, 600)
    topic.produce(lines[:300])
    worker.until_done(topic)
    position = topic.ends[1]
    topic.produce(lines[300:])
    for until in (position + 5, topic.ends[1]):
        assert brokers.forget(topic.name, 1, until) == until
        for command in (worker.command, ["replay", *worker.command[1:]]):
            done = freshet.run(*command, expect=2)
            assert f"{topic.name}[1]" in done.stderr.decode() and "are gone" in done.stderr.decode(), done.stderr
            assert str(position) in done.stderr.decode()


def committed(cluster: RealCluster, topic: str, partition: int) -> list[oracle.Arrival]:
    """What a partition holds, by another reader."""
    consumer = Consumer({"bootstrap.servers": cluster.brokers, "group.id": "reader", "enable.auto.commit": False,
                         "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    arrivals, deadline = [], time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is not None and message.error():
                return arrivals
            if message is not None:
                arrivals.append(oracle.Arrival(partition, message.offset(), message.value()))
    finally:
        consumer.close()
    raise AssertionError(f"no end of {topic}[{partition}] came")


def wait(until: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"the brokers did not {what} within {seconds} s"
        time.sleep(0.3)


def test_a_compacted_topic(freshet: Freshet, brokers: RealCluster) -> None:
    """Offsets with gaps, in the middle and between a stop and the next start."""
    topic = Topic(brokers, 2)
    brokers.alter(topic.name, {"cleanup.policy": "compact", "segment.bytes": "60000", "min.cleanable.dirty.ratio": "0.01",
                               "min.compaction.lag.ms": "0", "max.compaction.lag.ms": "1000"})
    lines = generate.schedule(105, 1500)
    rng = random.Random(105)
    messages = []
    for line in lines:
        event = json.loads(line)
        # Half of the keys come again and again: only their last records stay.
        key = str(event["id"] if rng.random() < 0.5 else rng.randrange(30)).encode()
        messages.append((topic.partition_of(event["customer"]), event["event_time"], key, line))
    for start in range(0, len(messages), BATCH):
        brokers.produce(topic.name, messages[start : start + BATCH])
    ends = [brokers.watermarks(topic.name, partition)[1] for partition in range(2)]

    def held() -> list[oracle.Arrival]:
        return [arrival for partition in range(2) for arrival in committed(brokers, topic.name, partition)]

    wait(lambda: len(held()) < len(lines) * 4 // 5, "compact")
    time.sleep(1)
    topic.arrivals, topic.ends = held(), ends
    gaps = sum(1 for a, b in zip(topic.arrivals, topic.arrivals[1:]) if a.partition == b.partition and b.offset > a.offset + 1)
    assert gaps > 20
    pipeline = pipeline_on(topic.name, topic.name)
    check(replay(freshet, brokers, pipeline, "replayed"), pipeline, topic)

    worker = Worker(freshet, brokers, pipeline, "--commit-interval", "10ms")
    for _ in range(3):
        worker.for_seconds(rng.uniform(0.1, 0.5))
    topic.flush()
    worker.until_done(topic)
    check(worker.log, pipeline, topic)


def test_retention_by_age(freshet: Freshet, brokers: RealCluster) -> None:
    """The topic's retention deletes the older segments; a replay tells from when on its rows are exact, and they are."""
    topic = Topic(brokers, 1)
    brokers.alter(topic.name, {"segment.bytes": "60000"})
    lines = generate.schedule(106, 2000, sorted_=True)
    for start in range(0, len(lines), BATCH):
        topic.produce(lines[start : start + BATCH])
    middle = json.loads(lines[1000])["event_time"]
    altered = time.time()
    brokers.alter(topic.name, {"retention.ms": str(int(altered * 1000) - middle)})
    # Segments go one by one, those whose newest record is too old.
    wait(lambda: brokers.low(topic.name, 0) > 500, "delete old segments", 400)
    brokers.alter(topic.name, {"retention.ms": "-1"})
    time.sleep(1)
    low = brokers.low(topic.name, 0)
    # Until the broker next looks, minutes may pass, and what is too old grows with them.
    until = middle + (time.time() - altered) * 1000
    assert 500 < low <= sum(json.loads(line)["event_time"] <= until for line in lines) < 1900
    view = View("v", "s", ("customer",), features_of("10s", "5m"))
    pipeline = Pipeline(topic.name, (replace(generate.SOURCE, topic=topic.name),), (view,))
    exact = json.loads(lines[low])["event_time"] * 1000 + 5_000_000 + 300_000_000
    done = freshet.run("replay", freshet.write(pipeline), "--brokers", brokers.brokers, "--log", freshet.directory / "log",
                       "--from", rfc3339(exact))
    assert "does not hold all that view v needs, most likely by its retention" in done.stderr.decode()
    expected = [row for row in oracle.recount(pipeline, {"s": topic.arrivals})["v"] if row["event_timestamp"] >= exact]
    assert expected
    compare_rows(Log(freshet.directory / "log").rows(view, generate.FIELDS), expected)


@pytest.mark.parametrize("stamped", ["CreateTime", "LogAppendTime"])
def test_from_skips_what_no_row_needs(freshet: Freshet, brokers: RealCluster, stamped: str) -> None:
    """By the brokers' lookup of timestamps; where these are the times of arrival, nothing can be skipped."""
    topic = Topic(brokers, 2)
    brokers.alter(topic.name, {"message.timestamp.type": stamped})
    lines = generate.schedule(107, 4000)
    topic.produce(lines)
    view = View("v", "s", ("customer",), features_of("10s", "5m"))
    pipeline = Pipeline(topic.name, (replace(generate.SOURCE, topic=topic.name),), (view,))
    first = sorted(json.loads(line)["event_time"] for line in lines)[3900] * 1000
    done = freshet.run("replay", freshet.write(pipeline), "--brokers", brokers.brokers, "--log", freshet.directory / "log",
                       "--from", rfc3339(first))
    skipped = re.search(rb"behind its first (\d+) records", done.stderr)
    needed = [json.loads(a.raw)["event_time"] * 1000 > first - 300_000_000 - 3_600_000_000 for a in topic.arrivals]
    assert (int(skipped[1]) if skipped else 0) == (0 if stamped == "LogAppendTime" else pytest.approx(needed.count(False), rel=0.05))
    assert 1000 < needed.count(False)
    expected = [row for row in oracle.recount(pipeline, {"s": topic.arrivals})["v"] if row["event_timestamp"] >= first]
    compare_rows(Log(freshet.directory / "log").rows(view, generate.FIELDS), expected)


def test_partitions_that_are_added(freshet: Freshet, brokers: RealCluster) -> None:
    """A live run finds them, and reads what they held before it did."""
    topic = Topic(brokers, 1)
    pipeline = pipeline_on(topic.name, topic.name)
    worker = Worker(freshet, brokers, pipeline, "-X", "topic.metadata.refresh.interval.ms=1000")
    lines = generate.schedule(108, 600)
    early = [line for line in lines if json.loads(line)["customer"] < "c-2"]
    running = freshet.start(*worker.command)
    try:
        topic.produce(early)
        brokers.wait_for_group(pipeline.name, {topic.name: topic.ends})
        brokers.admin.create_partitions([NewPartitions(topic.name, 4)])[topic.name].result(30)
        topic.ends += [0, 0, 0]
        # Asked, the producer learns of them too.
        wait(lambda: len(brokers.producer.list_topics(topic.name, 10).topics[topic.name].partitions) == 4, "add partitions")
        newest = max(json.loads(line)["event_time"] for line in early)
        later = [moved(line, DAY) for line in lines if json.loads(line)["customer"] >= "c-2"]
        assert min(json.loads(line)["event_time"] for line in later) > newest
        kept = topic.partition_of
        topic.partition_of = lambda customer: 1 + sum(customer.encode()) % 3
        topic.produce(later)
        topic.partition_of = kept
        # The first one must not be far ahead before the others are known: a watermark waits only for partitions that are.
        brokers.wait_for_group(pipeline.name, {topic.name: topic.ends})
        topic.flush()
        brokers.wait_for_group(pipeline.name, {topic.name: topic.ends})
        running.stop()
    finally:
        running.process.kill()
    check(worker.log, pipeline, topic)
    assert {row["partition"] for row in without_flush(worker.log.rows(pipeline.views[0], generate.FIELDS))} == {0, 1, 2, 3}
