"""Bounded replays of topics and files: `--from`, `--to`, skewed partitions, interruptions."""

from __future__ import annotations

import json
import random
import re
import signal
import time
from dataclasses import replace

import pytest

import generate
import oracle
from cluster import Cluster, Message
from freshet import Freshet, Log, compare_rows
from pipeline import Feature, Pipeline, View, column
from test_kafka import Topic, features_of, pipeline_on, rfc3339

COUNT = 4000  # of events, some two hours


def times_of(lines: list[bytes]) -> list[int]:
    return sorted(json.loads(line)["event_time"] * 1000 for line in lines)


def short_views(topic: str, name: str, snapshots: str | None) -> Pipeline:
    """Windows that are short against the schedule, of every kind of bounds, and an entity that is not the key in `final` mode."""
    views = (
        View("by_customer", "s", ("customer",), features_of("10s", "5m"), snapshots=snapshots),
        View("closed", "s", ("customer",), features_of("1m", delay="2s"), snapshots=snapshots, bounds="[]"),
        *(() if snapshots == "arrival" else (View("by_terminal", "s", ("terminal",), features_of("1m", delay="5m")),)),
    )
    return Pipeline(name, (replace(generate.SOURCE, topic=topic),), views)


def between(rows: list[dict], start: int, end: int) -> list[dict]:
    return [row for row in rows if start <= row["event_timestamp"] < end]


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
@pytest.mark.parametrize("lag", [0, 3_000_000], ids=["timely", "lagging"])
def test_from_and_to_give_the_rows_of_the_whole(freshet: Freshet, cluster: Cluster, snapshots: str, lag: int) -> None:
    """Kafka timestamps lie before the event times by less than `max_ahead`, or behind them by anything."""
    rng = random.Random(lag)
    lines = generate.schedule(50, COUNT, late=0.02)
    topic = Topic(cluster, 4)
    topic.produce(lines, shift=lambda: rng.randrange(lag) - rng.randrange(3_600_000) if lag else 0)
    pipeline = short_views(topic.name, topic.name, snapshots)
    path = freshet.write(pipeline)
    moments = times_of(lines)
    for number, (start, end) in enumerate([(COUNT // 2, COUNT), (COUNT // 3, COUNT // 2), (COUNT - 5, COUNT), (0, COUNT // 4)]):
        first, last = moments[start], moments[end] if end < COUNT else moments[-1] + 1
        log = Log(freshet.directory / f"log{number}")
        freshet.run("replay", path, "--brokers", cluster.brokers, "--log", log.path, "--from", rfc3339(first), "--to", rfc3339(last))
        expected = oracle.recount(pipeline, {"s": topic.arrivals})
        for view in pipeline.views:
            wanted = between(expected[view.name], first, last)
            assert wanted
            compare_rows(log.rows(view, generate.FIELDS), wanted)


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
def test_from_and_to_of_files(freshet: Freshet, snapshots: str) -> None:
    lines = generate.schedule(51, COUNT, late=0.02)
    pipeline = short_views("none", "files", snapshots)
    moments = times_of(lines)
    whole = freshet.replay(pipeline, {"s": b"\n".join(lines)})
    first, last = moments[COUNT // 2], moments[COUNT * 3 // 4]
    # What comes long after `--to` is not even read.
    content = b"\n".join(lines) + b"\nnonsense" * 10_000
    log = freshet.replay(pipeline, {"s": content}, "--from", rfc3339(first), "--to", rfc3339(last), log="part")
    for view in pipeline.views:
        compare_rows(log.rows(view, generate.FIELDS), between(whole.rows(view, generate.FIELDS), first, last))
    assert all(reason == "late" for _, _, reason in log.dead()), "reading has gone on beyond --to"


class Skewed(Topic):
    """Partitions of very different sizes, and one whose events all come long before the others'."""

    def __init__(self, cluster: Cluster, partitions: int, large: int, small: int) -> None:
        super().__init__(cluster, partitions)
        for partition in range(partitions):
            # The first holds the first hour, the last is sparse over three days, the others hold days two and three.
            start, count, step = (0, small, 3_600_000 // small) if partition == 0 else (
                (0, small, 3 * 86_400_000 // small) if partition == partitions - 1 else (86_400_000, large, 2 * 86_400_000 // large))
            messages: list[Message] = []
            for number in range(count):
                moment = generate.BASE // 1000 + start + number * step
                raw = json.dumps({"customer": f"{partition}-{number % 50}", "event_time": moment, "amount": number % 97}).encode()
                self.arrivals.append(oracle.Arrival(partition, number, raw))
                messages.append((partition, moment, None, raw))
            self.ends[partition] = count
            cluster.produce(self.name, messages)


SKEWED_FIELDS = {"customer": "string", "event_time": "timestamp", "amount": "decimal(2)"}


def skewed_pipeline(topic: str) -> Pipeline:
    source = replace(generate.SOURCE, topic=topic, fields=SKEWED_FIELDS, key="customer")
    return Pipeline(topic, (source,), (View("v", "s", ("customer",), (
        Feature("n", "count", ("1h",)), Feature("sum", "sum", ("1h",), column("amount", "decimal(2)"))),),))


def waited(stderr: bytes) -> list[int]:
    """How many partitions began to wait, time by time."""
    return [int(n) for n in re.findall(rb"(\d+) partitions begin to wait", stderr)]


def test_skewed_partitions_wait_for_each_other(freshet: Freshet, cluster: Cluster) -> None:
    """Little memory for many rows that would wait: those ahead are held, no row shows it, and nothing stands still."""
    topic = Skewed(cluster, 8, 20_000, 20_000)
    pipeline = skewed_pipeline(topic.name)
    path, log = freshet.write(pipeline), Log(freshet.directory / "log")
    # Small fetches, so that all partitions come at the same pace, though some have to come first.
    done = freshet.run("replay", path, "--brokers", cluster.brokers, "--log", log.path, "--memory", "8MiB", "--log-level", "debug",
                       "-X", "fetch.message.max.bytes=20000")
    assert sum(waited(done.stderr)) > 0
    compare_rows(log.rows(pipeline.views[0], SKEWED_FIELDS), oracle.recount(pipeline, {"s": topic.arrivals})["v"])


def test_interrupted_replays_go_on(freshet: Freshet, cluster: Cluster) -> None:
    """SIGINT at any moment: with a state the next call goes on, to the same rows; without one nothing is published."""
    topic = Skewed(cluster, 8, 15_000, 3_000)
    pipeline = skewed_pipeline(topic.name)
    path, log = freshet.write(pipeline), Log(freshet.directory / "log")
    first, last = generate.BASE + 90_000_000_000, generate.BASE + 170_000_000_000
    flags = ["--brokers", cluster.brokers, "--memory", "8MiB", "--from", rfc3339(first), "--to", rfc3339(last)]
    rng = random.Random(5)
    command = ["replay", path, "--log", log.path, "--state", freshet.directory / "state", "--commit-interval", "10ms", *flags]
    for _ in range(4):
        running = freshet.start(*command)
        time.sleep(rng.uniform(0.1, 0.5))
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) == 0, running.tail()
    freshet.run(*command)
    expected = between(oracle.recount(pipeline, {"s": topic.arrivals})["v"], first, last)
    compare_rows(log.rows(pipeline.views[0], SKEWED_FIELDS), expected)
    freshet.run(*command)  # nothing more comes
    compare_rows(log.rows(pipeline.views[0], SKEWED_FIELDS), expected)

    nothing = Log(freshet.directory / "nothing")
    running = freshet.start("replay", path, "--log", nothing.path, *flags[:2])
    time.sleep(0.05)
    running.process.send_signal(signal.SIGINT)
    if running.process.wait(30) != 0:  # it was not over before
        assert nothing.rows(pipeline.views[0], SKEWED_FIELDS) == []
        assert running.process.returncode == 2 or running.process.returncode == -signal.SIGINT


def test_a_live_run_catches_up_with_skewed_partitions(freshet: Freshet, cluster: Cluster) -> None:
    """A partition that was never written holds nobody back for longer than `idle_timeout` allows."""
    topic = Skewed(cluster, 6, 20_000, 20_000)
    pipeline = skewed_pipeline(topic.name)
    path, log = freshet.write(pipeline), Log(freshet.directory / "log")
    running = freshet.start("run", path, "--brokers", cluster.brokers, "--log", log.path, "--state", freshet.directory / "state",
                            "--memory", "8MiB", "--log-level", "debug", "-X", "fetch.message.max.bytes=20000")
    try:
        cluster.wait_for_group(pipeline.name, {topic.name: topic.ends})
        running.stop()
    finally:
        running.process.kill()
    assert sum(waited(running.errors.read_bytes())) > 0
    found = log.rows(pipeline.views[0], SKEWED_FIELDS)
    expected = {(row["partition"], row["offset"]): row for row in oracle.recount(pipeline, {"s": topic.arrivals})["v"]}
    compare_rows(found, [expected[row["partition"], row["offset"]] for row in found])
    assert len(found) > 20_000


def test_what_retention_took_is_told(freshet: Freshet, cluster: Cluster) -> None:
    """The mock keeps 5 MB of a partition, a real cluster deletes what it is told to."""
    topic = Topic(cluster, 1)
    lines = [line[:-1] + b',"padding":"' + b"x" * 4000 + b'"}' for line in generate.schedule(52, 3000, sorted_=True)]
    topic.produce(lines)
    gone = cluster.forget(topic.name, 0, 1500)
    assert 0 < gone < len(lines)
    pipeline = short_views(topic.name, topic.name, "final")
    path = freshet.write(pipeline)
    exact = json.loads(lines[gone])["event_time"] * 1000 + 5_000_000 + 300_000_000
    done = freshet.run("replay", path, "--brokers", cluster.brokers, "--log", freshet.directory / "log", "--from", rfc3339(exact))
    assert f"view by_customer needs, most likely by its retention: its rows are exact from {text(exact)} on" in done.stderr.decode()
    rows = Log(freshet.directory / "log").rows(pipeline.views[0], generate.FIELDS)
    expected = oracle.recount(pipeline, {"s": topic.arrivals})["by_customer"]
    compare_rows(rows, between(expected, exact, 1 << 62))


def text(micros: int) -> str:
    """As Freshet writes it: milliseconds, or no fraction where there is none."""
    assert micros % 1000 == 0
    whole, fraction = rfc3339(micros)[:-1].split(".")
    return whole + (f".{fraction[:3]}" if micros % 1_000_000 else "") + "Z"
