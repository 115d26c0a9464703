"""Clocks that are set, and records whose times are no times: nothing else becomes late by them."""

from __future__ import annotations

import json
import random
import struct
import time
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pyarrow.dataset as ds
import pytest

import generate
import oracle
from broker import Broker
from cluster import Cluster, RealCluster
from freshet import Freshet, original
from test_crash import check_dead, pipeline_on
from test_kafka import Topic, Worker, check

DAY = 86_400_000_000
HOUR_MS = 3_600_000


class Clock:
    """The wall clock of a preloaded binary."""

    def __init__(self, preload: str, directory: Path) -> None:
        self.file = directory / "clock"
        self.set(0)
        self.env = {"LD_PRELOAD": preload, "FAULTS_CLOCK": str(self.file)}

    def set(self, ahead: int) -> None:
        # In place: the binary has it mapped.
        with open(self.file, "r+b" if self.file.exists() else "w+b") as file:
            file.write(struct.pack("<q", ahead))


def created(worker: Worker, partition: int) -> list[int]:
    """When the rows of the first view and one of its shards were made, in the order in which they became due."""
    table = ds.dataset(worker.log.path / worker.pipeline.views[0].name, format="parquet").to_table()
    columns = [table.column(name).cast("int64").to_pylist() for name in ("event_timestamp", "offset", "created", "partition")]
    return [made for _, _, made, of in sorted(zip(*columns)) if of == partition]


def test_the_clock_jumps(freshet: Freshet, broker: Broker, preload: str) -> None:
    """Forward, back, and between two runs: rows are the same, `created` does not go back, no partition becomes idle, none ahead."""
    clock = Clock(preload, freshet.directory)
    topic = Topic(broker, 2)
    lines = generate.schedule(21, 1_200, step=1_000_000)
    worker = Worker(freshet, broker, pipeline_on(topic.name, f"clock_{topic.name}", "final", idle_timeout="30m"), "--commit-interval", "20ms")
    start = 0
    for jumps in ((0, 2 * DAY, 0, -400 * DAY), (-400 * DAY, 0, -DAY)):
        clock.set(jumps[0])
        running = freshet.start(*worker.command, env=clock.env)
        for ahead in jumps:
            clock.set(ahead)
            batch = lines[start : start + 150]
            start += 150
            # One partition says nothing while the clock jumps; then what it has is older than what the other has.
            silent = [line for line in batch if topic.partition_of(json.loads(line)["customer"]) == 1]
            topic.produce([line for line in batch if line not in silent])
            time.sleep(0.25)
            clock.set(ahead + 2 * DAY)
            time.sleep(0.25)
            clock.set(ahead)
            topic.produce(silent)
            broker.wait_for_group(worker.pipeline.name, {topic.name: topic.ends})
        running.stop()
        said = running.tail()
        assert "had been idle" not in said
    topic.flush()
    clock.set(-30 * DAY)
    running = freshet.start(*worker.command, env=clock.env)
    broker.wait_for_group(worker.pipeline.name, {topic.name: topic.ends})
    running.stop()
    check(worker.log, worker.pipeline, topic)
    assert worker.log.dead_letters() == []
    for partition in (0, 1):
        made = created(worker, partition)
        assert len(made) > 300 and made == sorted(made)
        # By no clock that was never shown.
        assert made[-1] < time.time_ns() // 1_000 + 5 * DAY


POISON_MS = {
    "epoch": 0, "negative": -1, "very negative": -62_135_596_800_000, "year 9999": 253_402_300_799_999, "year 2100": 4_102_444_800_000,
    "as far as it goes": 2**63 // 1_000 - 1, "not even a time": 2**63 - 1,
}


@pytest.mark.parametrize("stamp", ["good", "none", "garbage"])
def test_poison_times(freshet: Freshet, broker: Broker, stamp: str) -> None:
    """Whatever one record says of its time, the others are applied as if it were not there, and whatever Kafka says of theirs that is not too old."""
    rng = random.Random(stamp)
    topic = Topic(broker, 2)
    lines = generate.schedule(22, 600, step=1_000_000)
    good: list[oracle.Arrival] = []
    poisoned: dict[tuple[int, int], tuple[str, bytes]] = {}
    now = time.time_ns() // 1_000_000
    kinds = {**POISON_MS, "soon": now + 2 * HOUR_MS}
    for number, line in enumerate(lines):
        event = json.loads(line)
        partition = topic.partition_of(event["customer"])
        if number > 100 and number % 10 == 0:
            kind = rng.choice(sorted(kinds))
            value = json.dumps(event | {"event_time": kinds[kind]}).encode()
            poisoned[partition, topic.ends[partition]] = (kind, value)
            # The worker's clock is the time of a record that has none.
            broker.produce(topic.name, [(partition, -1 if stamp == "none" else event["event_time"], b"k", value)])
            topic.ends[partition] += 1
        good.append(oracle.Arrival(partition, topic.ends[partition], line))
        kafka = event["event_time"]
        if stamp == "none":
            kafka = rng.choice([-1, kafka])
        elif stamp == "garbage":
            kafka = rng.choice([2**63 - 1, 2**60, 253_402_300_799_999, kafka])
        broker.produce(topic.name, [(partition, kafka, b"k", line)])
        topic.ends[partition] += 1
    topic.arrivals = good
    worker = Worker(freshet, broker, pipeline_on(topic.name, f"poison_{topic.name}", "final"))
    topic.flush()
    worker.until_done(topic)
    check(worker.log, worker.pipeline, topic)
    letters = {(d["partition"], d["offset"]): (d["reason"], original(d)) for d in worker.log.dead_letters()}
    assert letters.keys() == poisoned.keys()
    for place, (kind, value) in poisoned.items():
        past = POISON_MS.get(kind, 1) <= 0
        expected = ("late",) if past else ("out_of_range",) if kind == "not even a time" else ("ahead", "out_of_range")
        assert letters[place][0] in expected and letters[place][1] == value, (kind, letters[place])


def test_a_time_that_kafka_bears_out(freshet: Freshet, broker: Broker) -> None:
    """Years ahead of every clock, a record is taken at its word: replays decide alike, whenever they are made."""
    topic = Topic(broker, 2)
    lines = generate.schedule(24, 600, step=1_000_000)
    century = 4_102_444_800_000 - json.loads(lines[0])["event_time"]
    for number, line in enumerate(lines):
        event = json.loads(line)
        event["event_time"] += century
        # One of another century still: what follows it in its partition is late.
        if number == 500:
            event["event_time"] += century
        partition = topic.partition_of(event["customer"])
        value = json.dumps(event).encode()
        broker.produce(topic.name, [(partition, event["event_time"], b"k", value)])
        topic.arrivals.append(oracle.Arrival(partition, topic.ends[partition], value, event["event_time"] * 1_000))
        topic.ends[partition] += 1
    worker = Worker(freshet, broker, pipeline_on(topic.name, f"century_{topic.name}", "final"))
    topic.flush()
    worker.until_done(topic)
    check(worker.log, worker.pipeline, topic)
    check_dead(worker.log, worker.pipeline, topic.arrivals)
    late = [letter for letter in worker.log.dead_letters() if letter["reason"] == "late"]
    assert len(late) > 10


def test_a_clock_that_was_set_back_sets_nothing_aside(freshet: Freshet, broker: Broker, preload: str) -> None:
    """A state has seen later: events of today are not ahead because the machine woke up in another year."""
    clock = Clock(preload, freshet.directory)
    topic = Topic(broker, 1)
    lines = generate.schedule(23, 400, step=1_000_000)
    topic.produce(lines[:200])
    worker = Worker(freshet, broker, pipeline_on(topic.name, f"back_{topic.name}", "final"))
    for ahead, more in ((0, lines[200:]), (-3_650 * DAY, [])):
        clock.set(ahead)
        running = freshet.start(*worker.command, env=clock.env)
        broker.wait_for_group(worker.pipeline.name, {topic.name: topic.ends})
        running.stop()
        topic.produce(more)
        if not more:
            break
    topic.flush()
    running = freshet.start(*worker.command, env=clock.env)
    broker.wait_for_group(worker.pipeline.name, {topic.name: topic.ends})
    running.stop()
    assert worker.log.dead_letters() == []
    check(worker.log, worker.pipeline, topic)
