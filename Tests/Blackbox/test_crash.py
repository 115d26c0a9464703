"""The built binary under SIGKILL at random instants, beside a producer that goes on: nothing lost, nothing twice.

    CRASH_KILLS=200   kills over all tests; a few dozen if not given
    CRASH_SEED=7      what is produced, and how the runs are cut
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

import generate
import oracle
from cluster import Cluster, Message, RealCluster
from emitted import check_emitted, read_emitted
from freshet import Freshet, Log, bits, compare_rows, original, position
from pipeline import Feature, Pipeline, View, column
from test_archive import check as check_archive
from test_kafka import Topic, Worker, check, rfc3339

KILLS = int(os.environ.get("CRASH_KILLS", 48))
SEED = int(os.environ.get("CRASH_SEED", 1))
BROKEN = (b"{broken", b"", b"[]", b'{"customer": 3}', b'{"customer": "c-0"}', b"\xff\xfe")


def pipeline_on(topic: str, name: str, snapshots: str, **source: object) -> Pipeline:
    """A view by the topic's key, and two whose rows are exchanged."""
    amount, price = column("amount", "decimal(2)"), column("price", "decimal(4)")
    views = (
        View("by_customer", "s", ("customer",), (
            Feature("n", "count", ("10s", "1h")), Feature("mean", "avg", ("1m", "1h"), amount),
            Feature("spread", "stddev_pop", ("1h",), price), Feature("last", "last", ("1h",), column("id", "int64"))),
            snapshots=snapshots),
        View("by_terminal", "s", ("terminal",), (
            Feature("total", "sum", ("1m", "5m"), amount, delay="2s"), Feature("top", "max", ("5m",), price))),
        View("by_both", "s", ("terminal", "customer"), (
            Feature("kinds", "count_distinct", ("1h",), column("kind", "string")), Feature("ratio", "sum", ("1m",), column("ratio", "double")))),
    )
    # Silence is not what these tests are about: it goes by the clock.
    settings = {"key": "customer", "idle_timeout": "1h", "archive": True, **source}
    return Pipeline(name, (replace(generate.SOURCE, topic=topic, **settings),), views)


class Producer(threading.Thread):
    """Feeds a schedule to a topic in bursts: out of order, with late, broken and far-ahead records."""

    def __init__(self, topic: Topic, rng: random.Random, lines: list[bytes], seconds: float) -> None:
        super().__init__(daemon=True)
        self.topic, self.rng, self.lines, self.pause = topic, rng, lines, 30 * seconds / len(lines)
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            for start in range(0, len(self.lines), 30):
                self.produce(self.lines[start : start + 30])
                time.sleep(self.pause)
        except BaseException as failure:
            self.failure = failure

    def produce(self, lines: list[bytes]) -> None:
        messages: list[Message] = []
        for line in lines:
            event = json.loads(line)
            if self.rng.random() < 0.02:
                self.add(messages, self.rng.randrange(len(self.topic.ends)), event["event_time"], self.rng.choice(BROKEN))
            stamp = event["event_time"] - (3_600_001 if self.rng.random() < 0.01 else 0)
            self.add(messages, self.topic.partition_of(event["customer"]), stamp, line)
        self.topic.cluster.produce(self.topic.name, messages)

    def add(self, messages: list[Message], partition: int, stamp: int, value: bytes) -> None:
        self.topic.arrivals.append(oracle.Arrival(partition, self.topic.ends[partition], value, stamp * 1_000))
        self.topic.ends[partition] += 1
        messages.append((partition, stamp, b"k", value))

    def finish(self) -> None:
        self.join(120)
        assert not self.is_alive() and self.failure is None, self.failure


class Killer:
    """Starts a command again and again, and ends it from outside."""

    def __init__(self, freshet: Freshet, command: list[object], rng: random.Random, within: tuple[float, ...] = (0.1, 0.4, 0.4, 1.2)) -> None:
        """`within`: the seconds of which the end is one, each as likely."""
        self.freshet, self.command, self.rng, self.within = freshet, command, rng, within

    def flags(self) -> list[str]:
        rng = self.rng
        return ["--memory", rng.choice(["64KiB", "1MiB", "256MiB"]), "--threads", rng.choice(["1", "2", "3"]),
                "--commit-interval", rng.choice(["3ms", "20ms", "200ms"])]

    def kill(self, beside: Callable[[], None] | None = None) -> bool:
        """One start and its end, or something else beside it; whether the command had ended by itself, its work done."""
        running = self.freshet.start(*self.command, *self.flags())
        process, rng = running.process, self.rng
        # Starting up, catching up, in full swing; and on the way to a clean stop, where parts are made.
        time.sleep(rng.uniform(0, rng.choice(self.within)))
        if beside:
            beside()
        if rng.random() < 0.35:
            process.send_signal(signal.SIGTERM)
            time.sleep(rng.uniform(0, 0.08))
        process.kill()
        status = process.wait()
        # SIGTERM ends a process that has not come to its first line yet.
        assert status in (0, -signal.SIGKILL, -signal.SIGTERM), f"exit {status}\n{running.tail()}"
        return status == 0


def online(freshet: Freshet, path: Path, state: Path, pipeline: Pipeline, events: list[oracle.Event], seed: int, count: int) -> None:
    """`get --at` of many entities equals the recount."""
    newest = max(event.time for event in events)
    rng = random.Random(seed)
    for view in pipeline.views:
        logs = oracle.logs(view, events)
        for key in rng.sample(sorted(logs), min(count, len(logs))):
            moment = newest + rng.choice([0, 1, 3_000_000, 59_000_000])
            done = freshet.run("get", path, "--state", state, view.name, *key, "--at", rfc3339(moment))
            found = json.loads(done.stdout)["values"]
            wanted = oracle.evaluate(view, logs[key], moment)
            assert {n: bits(found[n]) for n in wanted} == {n: bits(v) for n, v in wanted.items()}, (view.name, key, moment)


def dead(log: Log) -> list[tuple]:
    return sorted((d["partition"], d["offset"], d["reason"], original(d)) for d in log.dead_letters())


def check_dead(log: Log, pipeline: Pipeline, arrivals: list[oracle.Arrival]) -> None:
    raw = {(a.partition, a.offset): a.raw for a in arrivals}
    wanted = sorted((p, o, reason, raw[p, o]) for p, o, reason in oracle.apply(pipeline.sources[0], arrivals)[1])
    assert dead(log) == wanted and wanted


def same_rows(one: Log, other: Log, pipeline: Pipeline) -> None:
    for view in pipeline.views:
        compare_rows(one.rows(view, generate.FIELDS), other.rows(view, generate.FIELDS), "the killed run", "the one left alone")
    assert dead(one) == dead(other)


def emits(cluster: Cluster) -> list[str]:
    """Rows go to a topic too, on real brokers: the mock has no transactions to speak of."""
    return ["--emit", cluster.topic("crash_emitted", 2)] if isinstance(cluster, RealCluster) else []


def check_outputs(worker: Worker) -> None:
    """What readers of committed transactions have got is what the log has, each row once."""
    if "--emit" in worker.command:
        topic = worker.command[worker.command.index("--emit") + 1]
        check_emitted(read_emitted(worker.cluster, topic, 2), worker.pipeline, worker.log, created=False, values=True)


@pytest.mark.parametrize(("snapshots", "partitions"), [("final", 3), ("arrival", 1)])
def test_run(freshet: Freshet, cluster: Cluster, snapshots: str, partitions: int) -> None:
    kills = KILLS * 3 // 8
    seed = f"{SEED} {snapshots}"
    rng = random.Random(seed)
    print(f"CRASH_SEED={SEED} CRASH_KILLS={KILLS}")
    topic = Topic(cluster, partitions)
    pipeline = pipeline_on(topic.name, f"crash_{topic.name}", snapshots)
    count = min(max(1_500, 40 * kills), 6_000 * partitions)
    producer = Producer(topic, rng, generate.schedule(rng.randrange(10**6), count, late=0.02, step=1_000_000), 0.5 * kills)
    worker = Worker(freshet, cluster, pipeline, *emits(cluster))
    killer = Killer(freshet, worker.command, rng)
    producer.start()

    def read() -> None:
        """As of whatever commit was the last, beside a worker that starts, runs or was killed."""
        if (worker.state / "CURRENT").exists():
            done = freshet.run("get", worker.path, "--state", worker.state, "by_terminal", "t-1", expect=(0, 1))
            assert done.returncode == 0 or b"holds no committed state yet" in done.stderr, done.stderr

    for _ in range(kills):
        killer.kill(read if rng.random() < 0.3 else None)
        if rng.random() < 0.2:
            read()
    producer.finish()

    worker.until_done(topic, then=0.5)  # it may be done already, and not yet have come to its first line
    events, _ = oracle.apply(pipeline.sources[0], topic.arrivals)
    online(freshet, worker.path, worker.state, pipeline, events, SEED, 8)
    check_dead(worker.log, pipeline, topic.arrivals)
    check_archive(worker.log.path, topic.arrivals)
    topic.flush(newest=max(event.time for event in events) // 1_000)
    killer.kill()
    worker.until_done(topic, then=0.5)
    check(worker.log, pipeline, topic)
    check_outputs(worker)

    (freshet.directory / "alone").mkdir()
    alone = Worker(Freshet(freshet.binary, freshet.directory / "alone"), cluster, replace(pipeline, name=f"alone_{topic.name}"),
                   *emits(cluster))
    alone.until_done(topic)
    same_rows(worker.log, alone.log, pipeline)
    check_outputs(alone)


def same_files(one: Path, other: Path, pipeline: Pipeline) -> None:
    """All rows of all views, and all archived events, by DuckDB: none that the other lacks, none twice."""
    with duckdb.connect() as connection:
        for folder in [view.name for view in pipeline.views] + ["_events/s"]:
            sides = [f"select * exclude (created) from read_parquet('{log}/{folder}/*/*.parquet')" for log in (one, other)]
            if folder == "_events/s":
                sides = [side.replace(" exclude (created)", "") for side in sides]
            for a, b in (sides, sides[::-1]):
                assert connection.execute(f"select count(*) from ({a} except all {b})").fetchone() == (0,), (folder, a)


@pytest.mark.parametrize("source", ["topic", "file"])
def test_replay(freshet: Freshet, cluster: Cluster, source: str) -> None:
    """As `test_run`, for a replay that keeps its state: killed until it is through, it has done what it does in one go."""
    kills = KILLS // 8
    rng = random.Random(f"{SEED} {source}")
    print(f"CRASH_SEED={SEED} CRASH_KILLS={KILLS}")
    # Enough to be at it when it is killed; entities with few events each, so that a recount is quick.
    lines = generate.schedule(rng.randrange(10**6), 25_000, late=0.005, step=1_000_000, customers=2_000)
    if source == "topic":
        topic = Topic(cluster, 4, spread=rng)  # the mock keeps 5 MB of a partition
        topic.produce(lines)
        inputs, arrivals, name = ["--brokers", cluster.brokers], topic.arrivals, topic.name
    else:
        for _ in range(100):
            lines.insert(rng.randrange(len(lines)), rng.choice(BROKEN[2:]))
        (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        inputs, arrivals, name = ["--input", "s=s.jsonl"], oracle.of_lines(lines), "s"
    pipeline = pipeline_on(name, "crash_replay", "final", key=None if source == "topic" else "customer")
    path = freshet.write(pipeline)

    def command(name: str) -> list[object]:
        return ["replay", path, *inputs, "--state", f"state_{name}", "--log", f"log_{name}"]

    began = time.monotonic()
    freshet.run(*command("alone"))
    took = time.monotonic() - began
    alone = Log(freshet.directory / "log_alone")
    # However fast the machine, most ends come before the work is done; after one that came too late, it is begun anew.
    names, cut = ["0"], 0
    while kills:
        kills -= 1
        if Killer(freshet, command(names[-1]), rng, (took / 2, took)).kill():
            names.append(str(len(names)))
        else:
            cut += 1
    assert cut, "every run was through before it was killed: this tests nothing"
    for name in names:
        freshet.run(*command(name))
        log = Log(freshet.directory / f"log_{name}")
        same_files(log.path, alone.path, pipeline)
        assert dead(log) == dead(alone)
    check_dead(log, pipeline, arrivals)
    check_archive(log.path, arrivals)

    events, _ = oracle.apply(pipeline.sources[0], arrivals)
    online(freshet, path, freshet.directory / f"state_{names[-1]}", pipeline, events, SEED, 5)
    chosen = set(rng.sample(sorted({event.fields["customer"] for event in events}), 100)) - {"c-0"}
    few = [event for event in events if event.fields["customer"] in chosen]
    for view in (v for v in pipeline.views if "customer" in v.entity):
        wanted = {position(row): row for row in oracle.rows(view, few)}
        found = [row for row in log.rows(view, generate.FIELDS) if row["customer"] in chosen]
        # What lies behind the watermark waits for the run that goes on.
        assert len(found) > len(wanted) * 0.9
        compare_rows(found, [wanted[position(row)] for row in found])
