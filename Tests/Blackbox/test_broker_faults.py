"""Brokers and topics that go, come back, move, shrink and grow, while the built binary reads them."""

from __future__ import annotations

import json
import random
import re
import signal
import time
from pathlib import Path

import pytest

import generate
import oracle
from broker import Broker
from cluster import Cluster, MockCluster, RealCluster
from freshet import Freshet, Log, Running
from pipeline import Pipeline
from test_crash import check_dead, online, pipeline_on
from test_kafka import Topic, Worker, check

Changing = Broker | RealCluster


def work(freshet: Freshet, cluster: Changing, topic: Topic, snapshots: str = "final", *flags: object) -> Worker:
    return Worker(freshet, cluster, pipeline_on(topic.name, f"faults_{topic.name}", snapshots), "--commit-interval", "20ms", *flags)


def ends(running: Running, status: int, *words: str, timeout: float = 60) -> str:
    """The worker stops by itself, with a status and a last word."""
    try:
        found = running.process.wait(timeout)
    finally:
        running.process.kill()
    said = running.tail()
    assert found == status, said
    for word in words:
        assert word in said.splitlines()[-1], (word, said)
    return said


def says(running: Running, word: str, timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while word not in running.tail():
        assert running.process.poll() is None and time.monotonic() < deadline, (word, running.tail())
        time.sleep(0.02)


def test_the_broker_goes_and_comes_back(freshet: Freshet, broker: Broker) -> None:
    """While the worker catches up, while it waits, and before it has ever reached one."""
    rng = random.Random(5)
    topic = Topic(broker, 3)
    lines = generate.schedule(11, 3_000, late=0.01, step=1_000_000)
    worker = work(freshet, broker, topic, "final", "-X", "reconnect.backoff.max.ms=200")
    broker.down()
    running = freshet.start(*worker.command)
    time.sleep(0.5)
    for start in range(0, 3_000, 500):
        topic.produce(lines[start : start + 500])
        broker.up()
        time.sleep(rng.choice([0.1, 0.3, 0.8]))  # some of it, or all and then silence
        broker.down()
        time.sleep(rng.choice([0.1, 0.5]))
    topic.flush()
    broker.up()
    broker.wait_for_group(worker.pipeline.name, {topic.name: topic.ends})
    running.stop()
    check(worker.log, worker.pipeline, topic)
    check_dead(worker.log, worker.pipeline, topic.arrivals)


def test_the_leader_moves(freshet: Freshet) -> None:
    cluster = MockCluster(brokers=3)
    try:
        topic = Topic(cluster, 3)
        lines = generate.schedule(12, 1_500, step=1_000_000)
        worker = work(freshet, cluster, topic)
        running = freshet.start(*worker.command)
        for number, start in enumerate(range(0, 1_500, 300)):
            topic.produce(lines[start : start + 300])
            time.sleep(0.3)
            for partition in range(3):
                cluster.move_leader(topic.name, partition, 1 + (number + partition) % 3)
            if number == 2:
                cluster.set_broker(1 + number % 3, down=True)
                time.sleep(0.5)
                cluster.set_broker(1 + number % 3, down=False)
        topic.flush()
        cluster.wait_for_group(worker.pipeline.name, {topic.name: topic.ends})
        running.stop()
        check(worker.log, worker.pipeline, topic)
    finally:
        cluster.close()


def read_all(worker: Worker, topic: Topic) -> Running:
    """A worker that has committed all of the topic, and goes on."""
    running = worker.freshet.start(*worker.command)
    worker.cluster.wait_for_group(worker.pipeline.name, {topic.name: topic.ends})
    return running


def test_the_topic_is_deleted(freshet: Freshet, changing: Changing) -> None:
    topic = Topic(changing, 2)
    topic.produce(generate.schedule(13, 400))
    worker = work(freshet, changing, topic)
    running = read_all(worker, topic)
    changing.delete(topic.name)
    ends(running, 2, f"topic {topic.name} is gone", "deleted", "--state")
    # What was read of it is still served.
    events, _ = oracle.apply(worker.pipeline.sources[0], topic.arrivals)
    online(freshet, worker.path, worker.state, worker.pipeline, events, 1, 3)


@pytest.mark.parametrize(("stopped", "refilled"), [(False, "shorter"), (True, "shorter"), (True, "longer")])
def test_the_topic_is_made_again(freshet: Freshet, changing: Changing, stopped: bool, refilled: str) -> None:
    """Its offsets start over: what it holds now is not taken for what comes next."""
    topic = Topic(changing, 1)
    topic.produce(generate.schedule(14, 300))
    worker = work(freshet, changing, topic)
    running = read_all(worker, topic)
    if stopped:
        running.stop()
    changing.delete(topic.name)
    changing.create(topic.name, 1)
    again = Topic(changing, 1)
    again.name = topic.name
    again.produce(generate.schedule(15, 200 if refilled == "shorter" else 500))
    if stopped:
        running = freshet.start(*worker.command)
    ends(running, 2, f"{topic.name}[0]", "deleted and made again", "--state")
    rows = worker.log.rows(worker.pipeline.views[0], generate.FIELDS)
    assert all(row["offset"] < 300 for row in rows)
    done = freshet.run("replay", worker.path, "--brokers", changing.brokers, "--state", worker.state, "--log", worker.log.path, expect=2)
    assert b"deleted and made again" in done.stderr
    events, _ = oracle.apply(worker.pipeline.sources[0], topic.arrivals)
    online(freshet, worker.path, worker.state, worker.pipeline, events, 1, 3)


@pytest.mark.parametrize("kind", ["run", "replay"])
def test_retention_has_passed(freshet: Freshet, changing: Changing, kind: str) -> None:
    """A stop that says what to do; or, if told so, on with the earliest that is there, and the loss counted."""
    topic = Topic(changing, 2)
    first, second = generate.schedule(16, 400), generate.schedule(17, 400, step=1_000_000)
    topic.produce(first)
    worker = work(freshet, changing, topic)
    read_all(worker, topic).stop()
    before = list(topic.ends)
    topic.produce(second)
    lost = [changing.forget(topic.name, p, before[p] + 10 * (p + 1)) - before[p] for p in (0, 1)]
    arrivals = [a for a in topic.arrivals if not before[a.partition] <= a.offset < before[a.partition] + lost[a.partition]]
    command = worker.command if kind == "run" else ["replay", *worker.command[1:]]
    done = freshet.run(*command, expect=2, timeout=30)
    assert re.search(rf"{topic.name}\[\d\]: the offsets from \d+ to \d+ are gone.*--on-lost-offsets earliest".encode(), done.stderr)
    if kind == "run":
        running = freshet.start(*command, "--on-lost-offsets", "earliest")
        topic.flush()
        changing.wait_for_group(worker.pipeline.name, {topic.name: topic.ends})
        running.stop()
        said = running.tail()
    else:
        topic.flush()
        done = freshet.run(*command, "--on-lost-offsets", "earliest")
        said = done.stdout.decode()
    for partition in (0, 1):
        assert f"{topic.name}[{partition}]: {lost[partition]} offsets were gone before they were read" in said, said
    expected = oracle.recount(worker.pipeline, {"s": arrivals})
    topic.arrivals = arrivals
    if kind == "run":
        check(worker.log, worker.pipeline, topic)
    else:
        found = {(row["partition"], row["offset"]) for row in worker.log.rows(worker.pipeline.views[0], generate.FIELDS)}
        assert found <= {(row["partition"], row["offset"]) for row in expected["by_customer"]} | {(p, topic.ends[p] - 1) for p in (0, 1)}
        assert len(found) > 600


@pytest.mark.parametrize("onward", [False, True], ids=["stop", "earliest"])
def test_retention_passes_while_it_runs(freshet: Freshet, broker: Broker, onward: bool) -> None:
    """The broker is away; when it is back, what comes next is gone."""
    topic = Topic(broker, 1)
    lines = generate.schedule(18, 900, step=1_000_000)
    topic.produce(lines[:300])
    flags = ["--on-lost-offsets", "earliest"] if onward else []
    worker = work(freshet, broker, topic, "final", "-X", "reconnect.backoff.max.ms=200", *flags)
    running = read_all(worker, topic)
    broker.down()
    topic.produce(lines[300:])
    broker.forget(topic.name, 0, 500)
    broker.up()
    if not onward:
        ends(running, 2, "offsets from 300 to 499 are gone", "--on-lost-offsets earliest")
        return
    topic.flush()
    broker.wait_for_group(worker.pipeline.name, {topic.name: topic.ends})
    running.stop()
    assert f"{topic.name}[0]: 200 offsets were gone" in running.tail()
    topic.arrivals = [a for a in topic.arrivals if not 300 <= a.offset < 500]
    check(worker.log, worker.pipeline, topic)


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_partitions_are_added(freshet: Freshet, changing: Changing, stopped: bool) -> None:
    """They are found, and read from their beginning."""
    topic = Topic(changing, 1, spread=random.Random(3))
    lines = generate.schedule(19, 900, step=1_000_000)
    topic.produce(lines[:300])
    pipeline = pipeline_on(topic.name, f"faults_{topic.name}", "final", key=None, idle_timeout="1s")
    worker = Worker(freshet, changing, pipeline, "--commit-interval", "20ms")
    running = read_all(worker, topic)
    if stopped:
        running.stop()
    changing.add_partitions(topic.name, 2)
    topic.ends += [0, 0]
    topic.produce(lines[300:])
    if stopped:
        running = freshet.start(*worker.command)
    changing.wait_for_group(pipeline.name, {topic.name: topic.ends})
    events, _ = oracle.apply(pipeline.sources[0], topic.arrivals)
    online(freshet, worker.path, worker.state, pipeline, events, 1, 3)
    topic.flush()
    changing.wait_for_group(pipeline.name, {topic.name: topic.ends})
    running.stop()
    found = {(row["partition"], row["offset"]) for row in worker.log.rows(pipeline.views[0], generate.FIELDS)}
    assert found >= {(event.partition, event.offset) for event in events}
