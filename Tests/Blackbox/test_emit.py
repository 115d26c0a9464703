"""`run --emit`: every row once, for readers with `read_committed`, whatever happens to the worker.

librdkafka's mock takes transactions, but forgets the offsets in them, lets aborted messages through and fences nobody. What needs
those runs on real brokers only.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

import generate
import oracle
import test_late
from cluster import Cluster, MockCluster
from emitted import Emitted, as_logged, check_emitted, read_emitted
from freshet import Freshet, compare_rows, newest, position
from pipeline import Feature, Pipeline, View, column
from test_kafka import Topic, Worker, features_of, without_flush

real_only = pytest.mark.skipif("FRESHET_TEST_BROKERS" not in os.environ, reason="the mock has no transactions to speak of")
KILLS = int(os.environ.get("FRESHET_KILLS", "12"))
OUT_PARTITIONS = 3


def pipeline_on(topic: str, name: str, idle: str = "30s") -> Pipeline:
    """Keys of one field and of two, texts with all that JSON escapes, both modes, and a view that emits nothing."""
    ties = (Feature("first", "first", ("1m",), column("id", "int64")), Feature("last", "last", ("1h",), column("kind", "string")),
            Feature("latest", "max", ("1h",), column("event_time", "timestamp")))
    views = (
        View("by_customer", "s", ("customer",), (*features_of("10s", "1h"), *ties), snapshots="final"),
        View("by_terminal", "s", ("terminal", "customer"), features_of("1m", "1d", delay="2s"), snapshots="final"),
        View("at_once", "s", ("customer",), (*features_of("1m"), *ties), snapshots="arrival"),
    )
    return Pipeline(name, (replace(generate.SOURCE, topic=topic, idle_timeout=idle, key="customer"),), views)


class Emission:
    """A topic, a worker that emits its rows, and what readers get."""

    def __init__(self, freshet: Freshet, cluster: Cluster, partitions: int, *flags: object, idle: str = "30s",
                 pipeline: Pipeline | None = None) -> None:
        self.cluster, self.freshet = cluster, freshet
        self.input = Topic(cluster, partitions)
        self.output = cluster.topic("emitted", OUT_PARTITIONS)
        name = f"emit_{self.input.name}"
        self.pipeline = pipeline_on(self.input.name, name, idle)
        if pipeline:
            sources = tuple(replace(source, topic=self.input.name) for source in pipeline.sources)
            self.pipeline = replace(pipeline, name=name, sources=sources)
        self.flags = ("--emit", self.output, *flags)
        self.worker = Worker(freshet, cluster, self.pipeline, *self.flags)

    @property
    def group(self) -> str:
        return f"{self.pipeline.name}.emit.{self.output}"

    def read(self) -> list[Emitted]:
        return read_emitted(self.cluster, self.output, OUT_PARTITIONS)

    def check(self, created: bool = False, values: bool = True) -> list[Emitted]:
        messages = self.read()
        check_emitted(messages, self.pipeline, self.worker.log, created, values)
        return messages

    def until_done(self) -> None:
        """By what was emitted, and by a worker that has come to it: another may have been there before."""
        running = self.freshet.start(*self.worker.command)
        try:
            deadline = time.monotonic() + 60
            while "from here on" not in running.tail():
                assert time.monotonic() < deadline and running.process.poll() is None, running.tail()
                time.sleep(0.05)
            self.cluster.wait_for_group(self.group, {self.input.name: self.input.ends})
            running.stop()
        finally:
            running.process.kill()

    def forget_state(self) -> None:
        shutil.rmtree(self.worker.state)
        shutil.rmtree(self.worker.log.path)
        (self.freshet.directory / "worker.err").unlink()

    def fails(self, status: int) -> str:
        done = self.freshet.run(*self.worker.command, expect=status)
        return done.stderr.decode()


def kill_while_fed(emission: Emission, lines: list[bytes], kills: int, rng: random.Random) -> None:
    """Produces all lines in slices, and kills a worker after each, at a random instant."""
    for number in range(kills):
        emission.input.produce(lines[len(lines) * number // kills : len(lines) * (number + 1) // kills])
        running = emission.freshet.start(*emission.worker.command)
        time.sleep(rng.choice([0.05, 0.2, 0.5, 1.0]) * (0.5 + rng.random()))
        assert running.process.poll() is None, running.tail()
        running.process.kill()
        running.process.wait()


def alone(emission: Emission, tmp_path: Path) -> Emission:
    """The same topic, by a worker that is left alone, to a topic of its own."""
    (tmp_path / "alone").mkdir()
    quiet = Emission(Freshet(emission.freshet.binary, tmp_path / "alone"), emission.cluster, 1)
    quiet.pipeline, quiet.input = emission.pipeline, emission.input
    quiet.worker = Worker(quiet.freshet, quiet.cluster, quiet.pipeline, *quiet.flags)
    return quiet


@pytest.mark.parametrize("partitions", [1, 4])
def test_emitted_rows_are_those_of_the_log(freshet: Freshet, cluster: Cluster, partitions: int) -> None:
    """With stops and starts; the instants at which rows were made are the same in both."""
    emission = Emission(freshet, cluster, partitions, "--commit-interval", "100ms")
    lines = generate.schedule(partitions + 300, 2400, late=0.02)
    for start in range(0, 2400, 800):
        emission.input.produce(lines[start : start + 800])
        emission.worker.for_seconds(0.7)
    emission.input.flush()
    emission.worker.until_done(emission.input)
    assert len(emission.check(created=True)) > 2000
    emission.worker.for_seconds(1)  # nothing new: nothing more
    emission.check(created=True)


@real_only
@pytest.mark.parametrize("partitions", [1, 4])
def test_kills_lose_no_row_and_give_none_twice(freshet: Freshet, cluster: Cluster, partitions: int, tmp_path: Path) -> None:
    seed = int(os.environ.get("FRESHET_SEED", str(partitions)))
    print("seed", seed)
    rng = random.Random(seed)
    emission = Emission(freshet, cluster, partitions, "--commit-interval", "30ms")
    kill_while_fed(emission, generate.schedule(seed + 310, 6000, late=0.01), KILLS, rng)
    emission.input.flush()
    emission.worker.until_done(emission.input)
    killed = emission.check()

    quiet = alone(emission, tmp_path)
    quiet.until_done()
    assert sorted((m.key, m.timeless) for m in killed) == sorted((m.key, m.timeless) for m in quiet.check(created=True))


@real_only
def test_kills_while_partitions_are_idle(freshet: Freshet, cluster: Cluster) -> None:
    """Silent partitions move the watermark by the clock, so it cannot be found again from the records alone."""
    rng = random.Random(320)
    emission = Emission(freshet, cluster, 5, "--commit-interval", "30ms", idle="150ms")
    customers = {"c-1", "c-2"}
    lines = [line for line in generate.schedule(320, 3000) if json.loads(line)["customer"] in customers]
    kill_while_fed(emission, lines, max(6, KILLS // 2), rng)
    busy = sorted({emission.input.partition_of(customer) for customer in customers})
    emission.input.flush(busy)
    emission.worker.until_done(emission.input, then=1)
    # Of events behind the watermark, how many others a row sees is a matter of when it was made.
    emission.check(values=False)


def check_corrections(emission: Emission, at_least: int) -> list[Emitted]:
    """The newest emitted row of every event is the newest of the log, and that of a recount; none was emitted twice."""
    messages = emission.read()
    assert len({(m.key, m.value) for m in messages}) == len(messages)
    expected = oracle.recount(emission.pipeline, {"s": emission.input.arrivals})
    for view in emission.pipeline.views:
        emitted = newest([as_logged(view, emission.pipeline, m) for m in messages if m.row["view"] == view.name])
        compare_rows(emitted, newest(emission.worker.log.rows_with_corrections(view, generate.FIELDS)), "emitted rows", "the log")
        compare_rows(without_flush(emitted), expected[view.name], "emitted rows")
    assert len(messages) >= sum(map(len, expected.values())) + at_least
    return messages


def test_corrections_are_emitted_too(freshet: Freshet, cluster: Cluster) -> None:
    """With `late: apply`: rows and corrections of the log, of the same instants."""
    emission = Emission(freshet, cluster, 3, "--commit-interval", "30ms", pipeline=test_late.pipeline_of(360))
    lines = test_late.schedule(360, 3000)
    for start in range(0, 3000, 1000):
        emission.input.produce(lines[start : start + 1000])
        emission.worker.for_seconds(0.7)
    emission.input.flush()
    emission.worker.until_done(emission.input)
    messages = check_corrections(emission, 100)
    for view in emission.pipeline.views:
        emitted = [as_logged(view, emission.pipeline, m) for m in messages if m.row["view"] == view.name]
        logged = emission.worker.log.rows_with_corrections(view, generate.FIELDS)
        assert sorted((*position(r), r["created"]) for r in emitted) == sorted((*position(r), r["created"]) for r in logged)


@real_only
@pytest.mark.parametrize("partitions", [1, 3])
def test_kills_lose_no_correction_and_give_none_twice(freshet: Freshet, cluster: Cluster, partitions: int, tmp_path: Path) -> None:
    """What was corrected by one commit and emitted is not emitted again by the run that has to make it once more."""
    seed = int(os.environ.get("FRESHET_SEED", str(partitions)))
    print("seed", seed)
    emission = Emission(freshet, cluster, partitions, "--commit-interval", "30ms", pipeline=test_late.pipeline_of(seed + 390))
    kill_while_fed(emission, test_late.schedule(seed + 390, 6000), KILLS, random.Random(seed))
    emission.input.flush()
    emission.worker.until_done(emission.input, then=0.5)
    killed = check_corrections(emission, 100)

    quiet = alone(emission, tmp_path)
    quiet.until_done()
    # Read in one go, how far each partition is when another's late event comes is a matter of chance.
    undisturbed = check_corrections(quiet, 0)
    for view in emission.pipeline.views:
        rows = [newest([as_logged(view, emission.pipeline, m) for m in messages if m.row["view"] == view.name])
                for messages in (killed, undisturbed)]
        compare_rows(*rows, "the killed run", "the one left alone")


def test_the_broker_goes_and_comes_back(freshet: Freshet) -> None:
    """As long as a transaction's time is not over."""
    rng = random.Random(370)
    cluster = MockCluster()
    try:
        emission = Emission(freshet, cluster, 2, "--commit-interval", "50ms", "-X", "reconnect.backoff.max.ms=200")
        lines = generate.schedule(370, 2000, late=0.01)
        running = freshet.start(*emission.worker.command)
        for start in range(0, 2000, 500):
            emission.input.produce(lines[start : start + 500])
            time.sleep(rng.choice([0.05, 0.2, 0.5]))  # some of it, or all and then silence
            cluster.set_broker(1, down=True)
            time.sleep(rng.choice([0.1, 0.5, 1.0]))
            cluster.set_broker(1, down=False)
        emission.input.flush()
        cluster.wait_for_group(emission.pipeline.name, {emission.input.name: emission.input.ends})
        running.stop()
        emission.check(created=True)
    finally:
        cluster.close()


def test_a_stop_while_the_broker_is_away(freshet: Freshet) -> None:
    """Waits for a moment, not for a transaction's time: what the last commit would have emitted is the next run's."""
    cluster = MockCluster()
    try:
        patient = [word for name in ("transaction", "message") for word in ("-X", f"{name}.timeout.ms=600000")]
        emission = Emission(freshet, cluster, 2, "--commit-interval", "100ms", *patient)
        emission.input.produce(generate.schedule(380, 600))
        running = freshet.start(*emission.worker.command)
        cluster.wait_for_group(emission.pipeline.name, {emission.input.name: emission.input.ends})
        cluster.set_broker(1, down=True)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(120) == 2, running.tail()
        assert f"emission to topic {emission.output}" in running.tail().splitlines()[-1], running.tail()
    finally:
        cluster.close()


@real_only
def test_an_empty_state_emits_nothing_twice(freshet: Freshet, cluster: Cluster) -> None:
    emission = Emission(freshet, cluster, 3, "--commit-interval", "100ms")
    lines = generate.schedule(330, 2000, late=0.02)
    emission.input.produce(lines[:1000])
    emission.worker.until_done(emission.input)
    before = sorted(m.value for m in emission.check(created=True))
    emission.forget_state()
    emission.until_done()
    assert sorted(m.value for m in emission.read()) == before
    emission.forget_state()
    emission.input.produce(lines[1000:])
    emission.input.flush()
    emission.until_done()
    after = emission.check()
    assert set(before) < {m.value for m in after}


@real_only
def test_a_second_worker_stops_the_first(freshet: Freshet, cluster: Cluster, tmp_path: Path) -> None:
    emission = Emission(freshet, cluster, 2, "--commit-interval", "100ms")
    lines = generate.schedule(340, 1200)
    emission.input.produce(lines[:400])
    first = freshet.start(*emission.worker.command)
    emission.cluster.wait_for_group(emission.pipeline.name, {emission.input.name: emission.input.ends})
    (tmp_path / "second").mkdir()
    other = Worker(Freshet(freshet.binary, tmp_path / "second"), cluster, emission.pipeline, *emission.flags)
    second = other.freshet.start(*other.command)
    time.sleep(2)
    emission.input.produce(lines[400:])
    emission.input.flush()
    assert first.process.wait(30) == 2
    assert "another worker with transactional id" in first.tail()
    emission.cluster.wait_for_group(emission.pipeline.name, {emission.input.name: emission.input.ends})
    second.stop()
    emission.worker = other
    emission.check()


@real_only
def test_positions_that_do_not_fit_are_errors(freshet: Freshet, cluster: Cluster) -> None:
    """A run without --emit leaves a gap; offsets that others committed say nothing; offsets that are gone after a clean stop do no harm."""
    emission = Emission(freshet, cluster, 2)
    lines = generate.schedule(350, 1500)
    emission.input.produce(lines[:500])
    emission.worker.until_done(emission.input)
    emission.input.produce(lines[500:1000])
    silent = Worker(freshet, cluster, emission.pipeline)
    silent.until_done(emission.input)
    assert "would never be emitted" in emission.fails(1)

    consumer = Consumer({"bootstrap.servers": cluster.brokers, "group.id": emission.group, "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(emission.input.name, 0, 3)], asynchronous=False)
    consumer.close()
    assert "was not committed by this program" in emission.fails(1)


def test_what_cannot_be_emitted_is_said(freshet: Freshet, cluster: Cluster) -> None:
    emission = Emission(freshet, cluster, 1)
    command = ["run", emission.worker.path, "--brokers", cluster.brokers, "--state", emission.worker.state, "--log",
               emission.worker.log.path]
    assert b"the pipeline reads it" in freshet.run(*command, "--emit", emission.input.name, expect=1).stderr
    assert b"commit interval" in freshet.run(*command, "--emit", emission.output, "--commit-interval", "10m", expect=1).stderr
    short = ("--commit-interval", "1s", "-X", "transaction.timeout.ms=2000")
    assert b"may be 500 ms at most" in freshet.run(*command, "--emit", emission.output, *short, expect=1).stderr
    assert b"--brokers" in freshet.run("run", emission.worker.path, "--input", "s=-", "--state", "s", "--log", "l", "--emit", "t",
                                       expect=64).stderr
    freshet.run("replay", emission.worker.path, "--input", "s=-", "--log", "l", "--emit", "t", expect=64)
    view = replace(emission.pipeline.views[0], features=(Feature("view", "count", ("1h",)),))
    assert "view_1h" in view.value_types  # a window is part of the name, so only an entity's field can collide
    source = replace(emission.pipeline.sources[0], fields={**generate.FIELDS, "version": "string"}, key=None)
    clash = Pipeline(emission.pipeline.name, (source,), (replace(view, entity=("version",)),))
    path = freshet.write(clash, "clash.yaml")
    stderr = freshet.run("run", path, "--brokers", cluster.brokers, "--state", "s2", "--log", "l2", "--emit", emission.output,
                         expect=1).stderr
    assert b"has the name of a member" in stderr


@real_only
def test_a_topic_that_does_not_exist(freshet: Freshet, cluster: Cluster) -> None:
    emission = Emission(freshet, cluster, 1)
    emission.worker.command[emission.worker.command.index("--emit") + 1] = f"{emission.output}_not"
    assert "does not exist" in emission.fails(2)
