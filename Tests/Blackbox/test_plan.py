"""A changed pipeline: what `plan` says of it, taking over from a replay, from a running worker, and in place."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import generate
import oracle
from cluster import Cluster
from freshet import Freshet, Log, bits, column_types, compare_rows, read_part
from pipeline import Feature, Pipeline, View, column
from test_kafka import Topic, Worker, check, pipeline_on, rfc3339, without_flush


def changed(pipeline: Pipeline) -> Pipeline:
    """Views in another order, one gone, windows shortened, aggregates and names that the kept events have values for."""
    customer, terminal, _ = pipeline.views
    amount = column("amount", "decimal(2)")
    return replace(pipeline, views=(
        replace(terminal, features=(Feature("n", "count", ("23h",), delay="2s"), Feature("spread", "var_samp", ("1h",), amount, delay="2s"))),
        replace(customer, features=(
            Feature("events", "count", ("10s", "30m")), Feature("largest", "max", ("1h", "3s"), amount),
            Feature("oldest", "first", ("1h",), column("kind", "string")))),
    ))


def wrong(pipeline: Pipeline) -> Pipeline:
    customer = pipeline.views[0]
    features = (*customer.features, Feature("shops", "count_distinct", ("2h",), column("shop", "int64")))
    return replace(pipeline, views=(replace(customer, features=features), *pipeline.views[1:]))


def worker_of(freshet: Freshet, cluster: Cluster, pipeline: Pipeline, name: str, *flags: object) -> Worker:
    """A worker with a state, a log and a file of its own."""
    worker = Worker(freshet, cluster, pipeline)
    worker.state, worker.log = freshet.directory / f"state-{name}", Log(freshet.directory / f"log-{name}")
    return with_file(worker, pipeline, name, *flags)


def with_file(worker: Worker, pipeline: Pipeline, name: str, *flags: object) -> Worker:
    worker.pipeline = pipeline
    worker.path = worker.freshet.write(pipeline, f"{name}.yaml")
    worker.command = ["run", worker.path, "--brokers", worker.cluster.brokers, "--state", worker.state, "--log", worker.log.path,
                      "--commit-interval", "50ms", *flags]
    return worker


def check_values(worker: Worker, topic: Topic) -> None:
    events, _ = oracle.apply(worker.pipeline.sources[0], topic.arrivals)
    newest = max(event.time for event in events)
    for view in worker.pipeline.views:
        logs = oracle.logs(view, events)
        for key in sorted(logs)[:3]:
            for moment in (newest, newest + 5_000_000):
                wanted = oracle.evaluate(view, logs[key], moment)
                found = worker.get(view, key, "--at", rfc3339(moment))
                assert {n: bits(v) for n, v in found.items()} == {n: bits(v) for n, v in wanted.items()}, (view.name, key)


def replay(freshet: Freshet, cluster: Cluster, worker: Worker, expect: int = 0) -> None:
    freshet.run("replay", worker.path, "--brokers", cluster.brokers, "--state", worker.state, "--log", worker.log.path, expect=expect)


def test_run_goes_on_where_a_replay_ended(freshet: Freshet, cluster: Cluster) -> None:
    """Records come before, between and meanwhile; some partitions are empty until late, events within the bound come after."""
    for partitions in (1, 4):
        topic = Topic(cluster, partitions)
        lines = generate.schedule(partitions + 40, 1500, late=0.01)
        worker = worker_of(freshet, cluster, pipeline_on(topic.name, f"cutover_{topic.name}"), f"cut{partitions}")
        topic.produce(lines[:700])
        replay(freshet, cluster, worker)
        topic.produce(lines[700:900])
        running = freshet.start(*worker.command)
        for start in range(900, 1500, 150):
            topic.produce(lines[start : start + 150])
            time.sleep(0.2)
        topic.flush()
        cluster.wait_for_group(worker.pipeline.name, {topic.name: topic.ends})
        running.stop()
        check(worker.log, worker.pipeline, topic)
        assert worker.log.dead() == sorted(oracle.apply(worker.pipeline.sources[0], topic.arrivals)[1])


def test_a_new_version_takes_over(freshet: Freshet, cluster: Cluster) -> None:
    topic = Topic(cluster, 3)
    lines = generate.schedule(51, 1500)
    old = pipeline_on(topic.name, f"blue_{topic.name}")
    topic.produce(lines[:600])
    blue = worker_of(freshet, cluster, old, "blue")
    running = freshet.start(*blue.command)
    green = worker_of(freshet, cluster, replace(wrong(old), name=f"green_{topic.name}"), "green")
    # The old state does not do; the topic does.
    refused = freshet.run("plan", blue.path, green.path, expect=1)
    assert b"the state does not keep shop" in refused.stdout
    replay(freshet, cluster, green)
    topic.produce(lines[600:1000])
    cluster.wait_for_group(old.name, {topic.name: topic.ends})
    running.stop()
    topic.produce(lines[1000:])
    running = freshet.start(*green.command)
    cluster.wait_for_group(green.pipeline.name, {topic.name: topic.ends})
    running.stop()
    check_values(green, topic)
    topic.flush()
    green.until_done(topic)
    check(green.log, green.pipeline, topic)


def rows_by_columns(log: Log, view: View, other: View) -> tuple[list[dict], list[dict]]:
    """The rows of parts with one view's columns, and with the other's."""
    expected = [column_types(v, generate.FIELDS) for v in (view, other)]
    rows: tuple[list[dict], list[dict]] = ([], [])
    for file in sorted((log.path / view.name).rglob("*.parquet")):
        names = pq.ParquetFile(file).schema_arrow.names
        which = [list(e) for e in expected].index(names)
        rows[which].extend(read_part(file, expected[which]))
    return rows


def key_of(row: dict) -> tuple[int, int]:
    return row["partition"], row["offset"]


def test_in_place(freshet: Freshet, cluster: Cluster) -> None:
    """The old worker is killed with rows in its segments, or stopped; the new pipeline goes on from its state."""
    for kill in (False, True):
        topic = Topic(cluster, 3)
        lines = generate.schedule(61 + kill, 1800, late=0.01)
        old = pipeline_on(topic.name, f"place_{topic.name}")
        new = changed(old)
        worker = worker_of(freshet, cluster, old, f"place{kill}")
        topic.produce(lines[:800])
        running = freshet.start(*worker.command)
        cluster.wait_for_group(old.name, {topic.name: topic.ends})
        topic.produce(lines[800:900])
        if kill:
            running.process.kill()
            running.process.wait()
            assert any((worker.log.path / view.name / "_segments").iterdir() for view in old.views)
        else:
            running.stop()
        said = freshet.run("plan", freshet.write(new, "new.yaml"), "--state", worker.state)
        assert b"goes on from the state" in said.stdout and b"backfill" not in said.stdout, said.stdout.decode()
        with_file(worker, new, f"new{kill}", "--memory", "4MiB")
        if kill:
            refuse(freshet, worker, wrong(old), b"the state does not keep shop")
        topic.produce(lines[900:1300])
        worker.until_done(topic)
        check_values(worker, topic)
        topic.produce(lines[1300:])
        topic.flush()
        worker.until_done(topic)
        assert worker.log.dead() == sorted(oracle.apply(new.sources[0], topic.arrivals)[1])
        expected = [oracle.recount(p, {"s": topic.arrivals}) for p in (old, new)]
        for view in old.views:
            after = next((v for v in new.views if v.name == view.name), view)
            if after is view:
                compare_prefix(without_flush(rows_by_columns(worker.log, view, view)[0]), expected[0][view.name])
                continue
            rows = [without_flush(r) for r in rows_by_columns(worker.log, view, after)]
            assert rows[0] and rows[1]
            keys = [{key_of(row) for row in r} for r in rows]
            assert not keys[0] & keys[1] and len(keys[0]) == len(rows[0]) and len(keys[1]) == len(rows[1])
            assert keys[0] | keys[1] == {key_of(row) for row in expected[0][view.name]}
            for which in (0, 1):
                compare_rows(rows[which], [row for row in expected[which][view.name] if key_of(row) in keys[which]])
        refuse(freshet, worker, old, b"the state has no view of this name")


def compare_prefix(rows: list[dict], expected: list[dict]) -> None:
    keys = {key_of(row) for row in rows}
    assert rows and len(keys) == len(rows)
    compare_rows(rows, [row for row in expected if key_of(row) in keys])


def files(path: Path) -> list[tuple[str, bytes]]:
    return sorted((str(p), p.read_bytes()) for p in path.rglob("*") if p.is_file())


def refuse(freshet: Freshet, worker: Worker, pipeline: Pipeline, reason: bytes) -> None:
    """`plan`, `run` and `get` say the same, and nothing changes."""
    path = freshet.write(pipeline, "refused.yaml")
    log = files(worker.log.path)
    report = freshet.run("plan", path, "--state", worker.state, expect=1).stdout
    assert reason in report
    done = freshet.run("run", path, *worker.command[2:], expect=1)
    assert report.strip() in done.stderr
    view = pipeline.views[0]
    assert report.strip() in freshet.run("get", path, "--state", worker.state, view.name, *view.entity, expect=1).stderr
    assert files(worker.log.path) == log


def taken_over(topic: str) -> tuple[Pipeline, Pipeline]:
    """Of three views one keeps its columns, one gets others, one goes."""
    kept = View("kept", "s", ("customer",), (Feature("n", "count", ("1h",)),))
    other = View("other", "s", ("customer",), (Feature("n", "count", ("1h",)), Feature("sum", "sum", ("1h",), column("amount", "decimal(2)"))))
    gone = View("gone", "s", ("terminal",), (Feature("n", "count", ("1h",)),))
    changed = replace(other, features=(Feature("mean", "avg", ("1m",), column("amount", "decimal(2)")), Feature("n", "count", ("1h", "10s"))))
    old = Pipeline(f"over_{topic}", (replace(generate.SOURCE, topic=topic),), (kept, other, gone))
    return old, replace(old, views=(kept, changed))


class TakeOver:
    """A state in `base` that was killed with rows of many days in segments, for a changed plan to go on from."""

    def __init__(self, freshet: Freshet, cluster: Cluster, seed: int) -> None:
        self.freshet, self.topic = freshet, Topic(cluster, 1)
        self.plans = taken_over(self.topic.name)
        lines = generate.schedule(seed, 600, step=1_000_000_000)
        self.topic.produce(lines[:400])
        old, self.new = (freshet.write(plan, f"{name}.yaml") for plan, name in zip(self.plans, ("old", "new")))
        self.base = freshet.directory / "base"
        self.base.mkdir()
        running = freshet.start("run", old, "--brokers", cluster.brokers, "--state", self.base / "state", "--log", self.base / "log",
                                "--commit-interval", "20ms")
        cluster.wait_for_group(self.plans[0].name, {self.topic.name: self.topic.ends})
        running.process.kill()
        running.process.wait()
        assert not list(self.base.glob("log/*/dt=*")) and len(list(self.base.glob("log/*/_segments/*.segment"))) >= 3
        self.topic.produce(lines[400:])
        self.arrivals = list(self.topic.arrivals)
        self.command = ["replay", self.new, "--brokers", cluster.brokers, "--state", "state", "--log", "log"]

    def restore(self) -> None:
        for name in ("state", "log"):
            shutil.rmtree(self.freshet.directory / name, ignore_errors=True)
            shutil.copytree(self.base / name, self.freshet.directory / name)

    def hidden(self) -> list[Path]:
        """Parts of what the plan before left, written and not published."""
        return sorted(self.freshet.directory.glob("log/*/dt=*/.*-earlier-*.parquet.inprogress"))

    def check(self) -> None:
        """Every row that is due once, by the plan that wrote it."""
        self.freshet.run(*self.command)
        newest = max(json.loads(arrival.raw)["event_time"] for arrival in self.arrivals) * 1000
        log = Log(self.freshet.directory / "log")
        expected = [oracle.recount(plan, {"s": self.arrivals}) for plan in self.plans]
        for view in self.plans[0].views:
            after = next((v for v in self.plans[1].views if v.name == view.name), view)
            rows = (log.rows(view, generate.FIELDS), []) if after is view else rows_by_columns(log, view, after)
            keys = [{key_of(row) for row in r} for r in rows]
            assert not keys[0] & keys[1] and [len(k) for k in keys] == [len(r) for r in rows]
            due = {key_of(row) for row in expected[0][view.name] if row["event_timestamp"] <= newest - 5_000_000}
            if view.name == "gone":
                assert keys[0] and keys[0] <= due
            else:
                assert keys[0] | keys[1] == due and (after is view or rows[0] and rows[1])
            for which in (0, 1):
                if rows[which]:
                    compare_rows(rows[which], [row for row in expected[which][view.name] if key_of(row) in keys[which]])
        assert not self.hidden()


def test_kills_while_a_changed_plan_takes_over(freshet: Freshet, cluster: Cluster) -> None:
    """At any instant around its first commit and the publishing of what the plan before left in segments."""
    over = TakeOver(freshet, cluster, 91)
    rng = random.Random(91)
    for attempt in range(16):
        if attempt % 4 == 0:
            over.restore()
        running = freshet.start(*over.command, "--commit-interval", rng.choice(["1ms", "1h"]))
        if attempt % 2 == 0:
            # Once such parts are there, their rows are about to be fixed.
            deadline = time.monotonic() + 5
            while not over.hidden() and running.process.poll() is None and time.monotonic() < deadline:
                pass
            time.sleep(rng.uniform(0, 0.05))
        else:
            time.sleep(rng.uniform(0, 0.3))
        running.process.kill()
        running.process.wait()
        if attempt % 4 == 3:
            over.check()


@pytest.mark.parametrize("which", [0, 7, -1])
def test_parts_that_are_named_but_not_published(freshet: Freshet, cluster: Cluster, which: int) -> None:
    """The first commit of the changed plan is durable, and then one of the parts that it names cannot get its name."""
    over = TakeOver(freshet, cluster, 92)
    over.restore()
    running = freshet.start(*over.command, "--commit-interval", "1h")
    blocked = None
    deadline = time.monotonic() + 20
    while running.process.poll() is None and time.monotonic() < deadline:
        if not blocked and over.hidden():
            # All of them are written before the first commit; a folder that is not empty cannot be renamed away.
            time.sleep(0.02)
            running.process.send_signal(signal.SIGSTOP)
            hidden = over.hidden()
            part = hidden[min(which, len(hidden) - 1)]
            blocked = part.parent / part.name.removeprefix(".").removesuffix(".inprogress")
            (blocked / "full").mkdir(parents=True)
            running.process.send_signal(signal.SIGCONT)
    assert blocked and running.process.wait(20) == 2, running.tail()
    assert f"{blocked.name}: it is there already" in running.tail()
    # The state is the new plan's, and what the commit named is still hidden.
    report = freshet.run("plan", over.new, "--state", "state").stdout
    assert re.search(rb"mean_1m +unchanged", report), report
    assert blocked.parent.joinpath(f".{blocked.name}.inprogress").exists()
    shutil.rmtree(blocked)
    over.check()


@pytest.mark.parametrize(("before", "after"), [("5s", "2m"), ("2m", "5s")])
def test_another_out_of_orderness(freshet: Freshet, cluster: Cluster, before: str, after: str) -> None:
    """Raised, events come behind rows that are out, which stay as they are; lowered, they are late at once. Nothing goes unsaid."""
    topic = Topic(cluster, 1)
    view = View("v", "s", ("customer",), (Feature("n", "count", ("1m", "1h")), Feature("sum", "sum", ("1h",), column("amount", "decimal(2)"))))
    old, new = (Pipeline(f"bound_{topic.name}", (replace(generate.SOURCE, topic=topic.name, out_of_orderness=bound),), (view,))
                for bound in (before, after))
    lines = generate.schedule(93, 1500, bound="2m", late=0.02, step=1_500_000)
    worker = worker_of(freshet, cluster, old, "old")
    topic.produce(lines[:700])
    worker.until_done(topic)
    first = list(topic.arrivals)
    events = oracle.apply(old.sources[0], first)[0]
    newest = max(event.time for event in events)
    done_through = newest - oracle.micros(before)
    rows_before = worker.log.rows(view, generate.FIELDS)
    assert {key_of(r) for r in rows_before} == {(e.partition, e.offset) for e in events if e.time <= done_through}

    with_file(worker, new, "new")
    raised = oracle.micros(after) > oracle.micros(before)
    meaning = "may come behind rows that are out" if raised else "late from now on"
    assert meaning in freshet.run("plan", worker.path, "--state", worker.state).stdout.decode()
    topic.produce(lines[700:])
    topic.flush()
    worker.until_done(topic)
    # The rest by the new bound, from where the old one left off.
    carried = oracle.Arrival(0, -1, generate.line({"id": "0", "event_time": str(newest // 1000), "customer": '"~"', "terminal": '"~"', "shop": "0",
                                                   "amount": "0", "fraud": "0"}, random.Random(0)))
    later, late = oracle.apply(new.sources[0], [carried, *topic.arrivals[len(first):]])
    later = later[1:]
    behind = [event for event in later if event.time <= done_through]
    assert bool(behind) == raised and late
    said = worker_errors(freshet)
    assert meaning in said
    assert (f"{len(behind)} events came behind a view's watermark" in said) == raised, said[-2000:]
    assert worker.log.dead() == sorted(oracle.apply(old.sources[0], first)[1] + late)

    rows = {key_of(row): row for row in without_flush(worker.log.rows(view, generate.FIELDS))}
    for row in rows_before:
        assert {n: bits(v) for n, v in rows[key_of(row)].items()} == {n: bits(v) for n, v in row.items()}
    assert rows.keys() == {(e.partition, e.offset) for e in events + later}
    # Rows that were not out count all that came, in either run.
    compare_rows([row for row in rows.values() if row["event_timestamp"] > done_through],
                 [row for row in oracle.rows(view, events + later) if row["event_timestamp"] > done_through])


def worker_errors(freshet: Freshet) -> str:
    return (freshet.directory / "worker.err").read_text(errors="replace")


def test_plan_of_files(freshet: Freshet) -> None:
    old = pipeline_on("t", "files")
    first, second = freshet.write(old, "old.yaml"), freshet.write(changed(old), "new.yaml")
    done = freshet.run("plan", first, second)
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "pipeline files, version 1 to 1"
    assert [line.split() for line in lines if "events_10s" in line] == [["events_10s", "renamed", "nothing", "was", "n_10s"]]
    assert freshet.run("plan", first, second).stdout == done.stdout
    assert freshet.run("plan", second, first, expect=1).stdout.count(b"backfill") > 2
    bad = freshet.directory / "bad.yaml"
    bad.write_text(first.read_text().replace("views:", "vews:"))
    assert freshet.run("plan", first, bad, expect=1).stderr == freshet.run("check", bad, expect=1).stderr
    assert freshet.run("plan", bad, first, expect=1).stderr == freshet.run("check", bad, expect=1).stderr
    freshet.run("plan", first, expect=64)
    freshet.run("plan", first, second, "--state", "s", expect=64)
    freshet.run("plan", first, "--state", "nowhere", expect=(1, 2))
