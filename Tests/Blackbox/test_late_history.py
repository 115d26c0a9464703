"""`late: apply` beside what reads history again: training joins, bounds of event time, the archive."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

import generate
import oracle
from cluster import Cluster
from freshet import Freshet, Log, compare_rows, newest
from pipeline import Pipeline
from test_archive import archived
from test_bounded import between, times_of
from test_join import compare, expected_values, read, spine_of, types_of, write
from test_kafka import Topic, rfc3339
from test_late import SOURCE, check, pipeline_of, schedule


def late_topic(cluster: Cluster, seed: int, partitions: int, lag: int) -> Topic:
    """Kafka timestamps lag behind event times by up to `lag` milliseconds."""
    rng = random.Random(seed)
    topic = Topic(cluster, partitions)
    topic.produce(schedule(seed, 3_000), shift=lambda: rng.randrange(lag + 1))
    return topic


def applied(pipeline: Pipeline, arrivals: list[oracle.Arrival]) -> list[oracle.Event]:
    """Those that some view takes, of which some were late."""
    events, _ = oracle.apply(pipeline.sources[0], arrivals, views=pipeline.views)
    assert sum(event.watermark is not None for event in events) > 30
    return events


@pytest.mark.parametrize("seed", range(2))
def test_join_of_files(freshet: Freshet, seed: int) -> None:
    """A row counts late events too: it waits until none can come that it would count."""
    pipeline = pipeline_of(seed)
    lines = schedule(seed + 70, 3_000)
    events = applied(pipeline, oracle.of_lines(lines))
    rows = spine_of(events, seed, 600)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(pipeline)
    write(freshet.directory / "spine.parquet", rows)
    values = expected_values(pipeline, events, rows, prefixed=True)
    command = ("join", "pipeline.yaml", "--spine", "spine.parquet", "--out", "out.parquet", "--input", "s=s.jsonl", "--full-names")
    for flags in ((), ("--memory", "1MiB"), ("--threads", "1")):
        freshet.run(*command, *flags)
        compare(read(freshet.directory / "out.parquet", types_of(pipeline, prefixed=True)), rows, values)


def test_join_of_some_values(freshet: Freshet) -> None:
    """Which late events a view takes is decided by all of its windows, not by those that are asked for."""
    pipeline = pipeline_of(3)
    lines = schedule(73, 3_000)
    events = applied(pipeline, oracle.of_lines(lines))
    rows = spine_of(events, 3, 600)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(pipeline)
    write(freshet.directory / "spine.parquet", rows)
    picked = ["short__n_2s", "delayed__last_5s", "long__n_5m"]
    values = [{name: value[name] for name in picked} for value in expected_values(pipeline, events, rows, prefixed=True)]
    short = replace(pipeline, views=tuple(replace(view, features=tuple(
        replace(f, windows=kept) for f in view.features if (kept := tuple(w for w in f.windows if f"{view.name}__{f.value_name(w)}" in picked))))
        for view in pipeline.views))
    assert values != expected_values(short, applied(short, oracle.of_lines(lines)), rows, prefixed=True)
    freshet.run("join", "pipeline.yaml", "--spine", "spine.parquet", "--out", "out.parquet", "--input", "s=s.jsonl", "--full-names",
                "--features", ",".join(name.replace("__", ":") for name in picked))
    compare(read(freshet.directory / "out.parquet", types_of(pipeline, prefixed=True)), rows, values)


@pytest.mark.parametrize("visible", ["event", "arrival"])
@pytest.mark.parametrize("lag", [0, 600_000])
def test_join_of_topics(freshet: Freshet, cluster: Cluster, visible: str, lag: int) -> None:
    topic = late_topic(cluster, lag + 80, 3, lag)
    stamps = {}
    rng = random.Random(lag + 80)
    for arrival in topic.arrivals:
        stamps[arrival.partition, arrival.offset] = (json.loads(arrival.raw)["event_time"] + rng.randrange(lag + 1)) * 1000
    pipeline = pipeline_of(4, replace(SOURCE, topic=topic.name))
    freshet.write(pipeline)
    events = applied(pipeline, topic.arrivals)
    rows = spine_of(events, lag, 250)
    write(freshet.directory / "spine.parquet", rows)
    freshet.run("join", "pipeline.yaml", "--spine", "spine.parquet", "--out", "out.parquet", "--brokers", cluster.brokers, "--full-names",
                "--visible", visible)
    if visible == "event":
        values = expected_values(pipeline, events, rows, prefixed=True)
    else:
        values = [expected_values(pipeline, [e for e in events if stamps[e.partition, e.offset] <= row["event_timestamp"]], [row],
                                  prefixed=True)[0] for row in rows]
    compare(read(freshet.directory / "out.parquet", types_of(pipeline, prefixed=True)), rows, values)


def without_lifetime(pipeline: Pipeline) -> Pipeline:
    """What is before `--from` and out of every window's reach need not be read."""
    return replace(pipeline, views=tuple(replace(view, features=tuple(
        replace(feature, windows=tuple(w for w in feature.windows if w != "lifetime")) for feature in view.features)) for view in pipeline.views))


@pytest.mark.parametrize("source", ["topic", "file"])
def test_from_and_to(freshet: Freshet, cluster: Cluster, source: str) -> None:
    """The newest rows between are those of the whole, of late events too; corrections of others are left out."""
    pipeline = without_lifetime(pipeline_of(5))
    lines = schedule(75, 4_000)
    if source == "topic":
        topic = Topic(cluster, 4)
        topic.produce(lines)
        pipeline = replace(pipeline, sources=(replace(SOURCE, topic=topic.name),))
        arrivals, inputs = topic.arrivals, ["--brokers", cluster.brokers]
    else:
        (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
        arrivals, inputs = oracle.of_lines(lines), ["--input", "s=s.jsonl"]
    path = freshet.write(pipeline)
    expected = oracle.recount(pipeline, {"s": arrivals})
    moments = times_of(lines)
    applied(pipeline, arrivals)
    for number, (start, end) in enumerate([(2_000, 3_000), (1_000, 4_000), (0, 1_000)]):
        first, last = moments[start], moments[end] if end < len(moments) else moments[-1] + 1
        log = Log(freshet.directory / f"log{number}")
        freshet.run("replay", path, *inputs, "--log", log.path, "--from", rfc3339(first), "--to", rfc3339(last))
        for view in pipeline.views:
            found = log.rows_with_corrections(view, generate.FIELDS)
            wanted = between(expected[view.name], first, last)
            assert wanted and len(between(found, first, last)) == len(found)
            compare_rows(newest(found), wanted)


@pytest.mark.parametrize("source", ["topic", "file"])
def test_archive(freshet: Freshet, cluster: Cluster, source: str) -> None:
    """Late events are kept with the others, each once; a replay of the archive and a join with it do as those of the topic or file."""
    if source == "topic":
        topic = late_topic(cluster, 76, 3, 5_000)
        arrivals, inputs, name = topic.arrivals, ["--brokers", cluster.brokers], topic.name
    else:
        lines = schedule(76, 3_000)
        (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
        arrivals, inputs, name = oracle.of_lines(lines), ["--input", "s=s.jsonl"], None
    pipeline = pipeline_of(6, replace(SOURCE, topic=name, archive=True))
    path = freshet.write(pipeline)
    log, again = Log(freshet.directory / "log"), Log(freshet.directory / "again")
    freshet.run("replay", path, *inputs, "--log", log.path)
    corrections = check(log, pipeline, arrivals)
    assert corrections > 100 or source == "topic"  # of partitions, how far each was read when another's event came is a matter of chance
    kept = [(e.partition, e.offset) for e in applied(pipeline, arrivals)]
    assert [(row["partition"], row["offset"]) for row in archived(log.path)] == sorted(kept)

    freshet.run("replay", path, "--input", f"s={log.path}/_events/s", "--log", again.path)
    for view in pipeline.views:
        rows = [newest(each.rows_with_corrections(view, generate.FIELDS)) for each in (again, log)]
        compare_rows(*rows, "the archive's replay", "the first")
    assert archived(again.path) == archived(log.path)
    assert again.dead() == [], "what was set aside is not in the archive"

    rows = spine_of(applied(pipeline, arrivals), 6, 300)
    write(freshet.directory / "spine.parquet", rows)
    visibilities = ["event", "arrival"] if source == "topic" else ["event"]
    for visible in visibilities:
        outs = [join(freshet, visible, f"{number}.parquet", *flags) for number, flags in enumerate(
            [inputs, ["--input", f"s={log.path}/_events/s"]])]
        assert outs[0] == outs[1], visible


def join(freshet: Freshet, visible: str, out: str, *inputs: object) -> list[dict]:
    freshet.run("join", "pipeline.yaml", "--spine", "spine.parquet", "--out", out, "--visible", visible, "--full-names", *inputs)
    return read(Path(freshet.directory / out), {})
