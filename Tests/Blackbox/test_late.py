"""`late: apply`: the newest row of every event is that of a recount over all that was applied, however it came about."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import time
from dataclasses import replace

import duckdb
import pytest

import generate
import oracle
from cluster import Cluster
from freshet import Freshet, Log, bits, column_types, compare_rows, newest
from pipeline import Feature, Pipeline, Source, View, column
from test_kafka import FLUSH, Topic, Worker, without_flush

AMOUNT, KIND, ID = column("amount", "decimal(2)"), column("kind", "string"), column("id", "int64")
SOURCE = replace(generate.SOURCE, late="apply")

NEWEST = """
    SELECT * FROM read_parquet('{path}/**/*.parquet', hive_partitioning = true)
    QUALIFY row_number() OVER (PARTITION BY {entity}, partition, "offset" ORDER BY created DESC) = 1
"""


def pipeline_of(seed: int, source: Source = SOURCE, snapshots: str = "final") -> Pipeline:
    """Views of unlike reach, one without any order of its own, with every kind of bounds."""
    rng = random.Random(seed)
    bounds = lambda: rng.choice([None, "[]", "[)", "()"])
    return Pipeline("late", (source,), (
        View("short", "s", ("customer",), (Feature("n", "count", ("2s", "30s")), Feature("sum", "sum", ("30s",), AMOUNT)),
             bounds=bounds(), snapshots=snapshots, serve_at="latest"),
        View("delayed", "s", ("terminal",), (Feature("n", "count", ("10s",), delay="20s"), Feature("last", "last", ("5s",), ID)),
             bounds=bounds(), snapshots=snapshots, serve_at="latest"),
        View("long", "s", ("terminal", "customer"), (Feature("n", "count", ("5m", "lifetime")), Feature("kinds", "count_distinct", ("5m",), KIND)),
             where=generate.FILTERS[0], bounds=bounds(), snapshots=snapshots, serve_at="latest"),
    ))


def schedule(seed: int, count: int, **options: int) -> list[bytes]:
    """Some of the lines come thousands of lines after their place, when rows that count them are out for long."""
    rng = random.Random(seed)
    lines = generate.schedule(seed, count, late=0.05, **options)
    for _ in range(count // 20):
        place = rng.randrange(count)
        lines.insert(min(count - 1, place + rng.randrange(200, 3_000)), lines.pop(place))
    return lines


def check(log: Log, pipeline: Pipeline, arrivals: list[oracle.Arrival], rows_of=lambda rows: rows) -> int:
    """Rows by our own choice of the newest and by the SQL line; gives how many rows were written again."""
    corrections = 0
    for view, expected in zip(pipeline.views, oracle.recount(pipeline, {"s": arrivals}).values()):
        rows = log.rows_with_corrections(view, generate.FIELDS)
        compare_rows(rows_of(newest(rows)), expected)
        corrections += len(rows) - len(newest(rows))
        types = column_types(view, generate.FIELDS)
        columns = ", ".join(f'epoch_us("{name}")' if type == "timestamp" else f'"{name}"' for name, type in types.items())
        query = NEWEST.format(path=log.path / view.name, entity=", ".join(view.entity))
        with duckdb.connect() as connection:
            found = [dict(zip(types, values)) for values in connection.execute(f"select {columns} from ({query})").fetchall()]
        compare_rows(rows_of(found), expected, "the SQL line")
    dead = oracle.apply(pipeline.sources[0], arrivals, views=pipeline.views)[1]
    assert log.dead() == sorted(dead)
    return corrections


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
@pytest.mark.parametrize("seed", range(4))
def test_newest_rows_are_the_recount(freshet: Freshet, seed: int, snapshots: str) -> None:
    lines = schedule(seed, 5_000)
    pipeline = pipeline_of(seed, snapshots=snapshots)
    log = freshet.replay(pipeline, {"s": b"\n".join(lines)}, "--memory", "1MiB" if seed % 2 else "1GiB")
    corrections = check(log, pipeline, oracle.of_lines(lines))
    assert (corrections > 100) == (snapshots == "final")


def test_the_summary_counts_each_row_once(freshet: Freshet) -> None:
    """`--discard` counts and sums the newest rows, whatever the threads and the memory, as if no event had been late."""
    lines = schedule(9, 6_000)
    pipeline = pipeline_of(9)
    path = freshet.write(pipeline)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    summaries = set()
    for flags in ((), ("--threads", "1"), ("--threads", "3", "--memory", "1MiB"), ("--state", "state", "--commit-interval", "1ms")):
        done = freshet.run("replay", path, "--input", "s=s.jsonl", "--discard", *flags)
        if "--state" not in flags:  # what lies behind the watermark waits there
            summaries.add(re.sub(rb", \d+ corrections", b"", done.stdout))
    assert len(summaries) == 1
    summary = summaries.pop().decode()
    events, dead = oracle.apply(pipeline.sources[0], oracle.of_lines(lines), views=pipeline.views)
    late = sum(event.watermark is not None for event in events)
    assert f"{len(events)} events applied, {late} of them late\n" in summary and not dead
    for view in pipeline.views:
        assert f"view {view.name}: {len(oracle.view_events(view, events))} rows" in summary
    # In the order of time nothing is late. Which of them enter the short views is decided by what is late, so only the long one.
    (freshet.directory / "sorted.jsonl").write_bytes(b"\n".join(sorted(lines, key=lambda line: json.loads(line)["event_time"])))
    done = freshet.run("replay", path, "--input", "s=sorted.jsonl", "--discard")
    of_long = re.search(r"view long: .*checksum \w+", done.stdout.decode())[0]
    assert of_long in re.sub(", \\d+ corrections", "", summary)


@pytest.mark.parametrize("seed", range(2))
def test_killed_replays(freshet: Freshet, seed: int) -> None:
    """Every correction is out before the commit that has its event."""
    rng = random.Random(seed)
    lines = schedule(seed + 20, 6_000, step=200_000)
    pipeline = pipeline_of(seed + 20)
    path = freshet.write(pipeline)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    log = Log(freshet.directory / "log")
    command = [freshet.binary, "replay", str(path), "--input", "s=s.jsonl", "--log", "log", "--state", "state", "--commit-interval", "5ms"]
    kills = 0
    for _ in range(12):
        process = subprocess.Popen([*command, "--threads", str(rng.randrange(1, 4))], cwd=freshet.directory,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=freshet.environment())
        try:
            process.wait(rng.uniform(0.02, 0.25))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    freshet.run(*command[1:])
    assert kills > 0
    # Rows behind the watermark wait for a run that goes on; one more event makes them come.
    last = max(json.loads(line)["event_time"] for line in lines) + 3_600_000
    with (freshet.directory / "s.jsonl").open("ab") as file:
        file.write(b"\n" + generate.line({"id": "0", "customer": json.dumps(FLUSH), "terminal": json.dumps(FLUSH), "event_time": str(last),
                                          "shop": "0", "amount": "-1", "fraud": "0"}, rng))
    freshet.run(*command[1:])
    assert check(log, pipeline, oracle.of_lines(lines), without_flush) > 50


def test_topics_with_partitions_that_wake_up(freshet: Freshet, cluster: Cluster) -> None:
    """Killed and stopped at random; partitions fall silent for longer than their timeout, and what they bring then corrects rows."""
    rng = random.Random(5)
    topic = Topic(cluster, 4)
    source = replace(SOURCE, topic=topic.name, idle_timeout="500ms")
    pipeline = Pipeline(f"late_{topic.name}", (source,), tuple(
        # Windows that reach across all of it: nothing that a row needs ever leaves.
        replace(view, features=(*view.features, Feature("all", "count", ("lifetime",)))) for view in pipeline_of(5, source).views))
    worker = Worker(freshet, cluster, pipeline, "--commit-interval", "20ms", "--memory", "4MiB")
    lines = generate.schedule(40, 2_400, late=0.08)
    parts: list[list[bytes]] = [[] for _ in topic.ends]
    for line in lines:
        parts[topic.partition_of(json.loads(line)["customer"])].append(line)
    places = [0] * len(parts)
    for _ in range(8):
        awake = [p for p in range(len(parts)) if rng.random() < 0.6]
        for partition in awake:
            end = min(len(parts[partition]), places[partition] + rng.randrange(50, 300))
            topic.produce(parts[partition][places[partition]:end])
            places[partition] = end
        running = freshet.start(*worker.command)
        time.sleep(rng.uniform(0.3, 1.5))
        if rng.random() < 0.7:
            running.process.kill()
            running.process.wait()
        else:
            running.stop()
    for partition, lines in enumerate(parts):
        topic.produce(lines[places[partition]:])
    topic.flush()
    worker.until_done(topic)
    assert check(worker.log, pipeline, topic.arrivals, without_flush) > 100
    events, _ = oracle.apply(source, topic.arrivals, views=pipeline.views)
    at = max(event.time for event in events)
    for view in pipeline.views[:2]:
        logs = oracle.logs(view, events)
        for key in rng.sample(sorted(logs), min(8, len(logs))):
            found = worker.get(view, key, "--at", rfc3339(at))
            expected = oracle.evaluate(view, logs[key], at)
            assert {n: bits(v) for n, v in found.items()} == {n: bits(v) for n, v in expected.items()}, (view.name, key)


def rfc3339(at: int) -> str:
    seconds, micros = divmod(at, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{micros:06d}Z"
