"""`archive: true`: the applied events as Parquet, exactly once, and a replay of them that equals that of the topic or file."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import generate
import oracle
from cluster import Cluster
from freshet import Freshet


def pipeline(topic: str = "s", snapshots: str = "final", key: str = "key: customer") -> str:
    fields = "\n".join(f"      {name}: {type}" for name, type in generate.FIELDS.items())
    return f"""
pipeline: archive
version: 1
sources:
  s:
    topic: {topic}
    format: json
    {key}
    event_time: {{field: event_time, unit: ms}}
    out_of_orderness: 5s
    archive: true
    fields:
{fields}
views:
  v:
    source: s
    entity: [customer]
    snapshots: {snapshots}
    features:
      - {{name: n, aggregate: count(), windows: [10s, 1h]}}
      - {{name: mean, aggregate: avg(price), windows: [1h]}}
      - {{name: newest, aggregate: last(kind), windows: [1h]}}
"""


def archived(folder: Path) -> list[dict]:
    table = ds.dataset(folder / "_events" / "s", format="parquet").to_table()
    times = table.column("event_time").cast(pa.int64()).to_pylist()
    return sorted(({**row, "event_time": time} for row, time in zip(table.to_pylist(), times)), key=lambda r: (r["partition"], r["offset"]))


def check(folder: Path, arrivals: list[oracle.Arrival]) -> None:
    events, _ = oracle.apply(generate.SOURCE, arrivals)
    found = archived(folder)
    events.sort(key=lambda e: (e.partition, e.offset))
    assert [(r["partition"], r["offset"]) for r in found] == [(e.partition, e.offset) for e in events]
    for row, event in zip(found, events):
        for name, value in event.fields.items():
            assert row[name] == value, (name, row, event)


def checksum(freshet: Freshet, *arguments: object) -> str:
    done = freshet.run("replay", "p.yaml", *arguments, "--discard")
    return re.search(rb"view v: \d+ rows, checksum \w+", done.stdout)[0].decode()


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
def test_files(freshet: Freshet, snapshots: str) -> None:
    lines = generate.schedule(3, 1_500, late=0.02, step=60_000_000)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join([*lines[:700], b"{broken", *lines[700:]]))
    (freshet.directory / "p.yaml").write_text(pipeline(snapshots=snapshots))
    freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log")
    check(freshet.directory / "log", oracle.of_lines([*lines[:700], b"{broken", *lines[700:]]))
    assert checksum(freshet, "--input", "s=s.jsonl") == checksum(freshet, "--input", "s=log/_events/s")
    with duckdb.connect() as connection:
        days = connection.execute(f"""select count(*) from read_parquet('{freshet.directory}/log/_events/s/*/*.parquet', hive_partitioning = true)
            where dt::date <> make_timestamp(epoch_us(event_time))::date""").fetchone()
    assert days == (0,)


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
def test_topics(freshet: Freshet, cluster: Cluster, snapshots: str) -> None:
    lines = generate.schedule(8, 1_200, step=20_000_000)
    topic = cluster.topic("freshet_archive", 4)
    ends, messages = [0] * 4, []
    for line in lines:
        event = json.loads(line)
        partition = sum(event["customer"].encode()) % 4
        ends[partition] += 1
        messages.append((partition, event["event_time"] + 7, event["customer"].encode(), line))
    cluster.produce(topic, messages)
    (freshet.directory / "p.yaml").write_text(pipeline(topic, snapshots))
    freshet.run("replay", "p.yaml", "--brokers", cluster.brokers, "--log", "log")
    found = archived(freshet.directory / "log")
    assert len(found) == len(lines)
    assert all(int(row["timestamp"].timestamp() * 1000 + 0.5) == row["event_time"] // 1000 + 7 for row in found)
    assert checksum(freshet, "--brokers", cluster.brokers) == checksum(freshet, "--input", "s=log/_events/s")
    # A training join from the archive, by what had arrived.
    (freshet.directory / "spine.csv").write_text("customer,event_timestamp\n" + "\n".join(
        f'"{c}",2026-01-05T0{h}:00:00Z' for c in ("a", "b") for h in range(9)))
    join = ("join", "p.yaml", "--spine", "spine.csv", "--visible", "arrival")
    freshet.run(*join, "--out", "a.csv", "--brokers", cluster.brokers)
    freshet.run(*join, "--out", "b.csv", "--input", "s=log/_events/s")
    assert (freshet.directory / "a.csv").read_text() == (freshet.directory / "b.csv").read_text()


def test_killed(freshet: Freshet) -> None:
    """Every applied event once, however often the run was ended from outside."""
    lines = generate.schedule(4, 30_000, step=2_000_000)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    (freshet.directory / "p.yaml").write_text(pipeline())
    command = [freshet.binary, "replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log", "--state", "state", "--commit-interval", "10ms"]
    rng = random.Random(1)
    for _ in range(12):
        process = subprocess.Popen(command, cwd=freshet.directory, env=freshet.environment(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.01, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
    freshet.run(*command[1:])
    check(freshet.directory / "log", oracle.of_lines(lines))


def test_foreign_parquet(freshet: Freshet) -> None:
    lines = generate.schedule(6, 400)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    (freshet.directory / "p.yaml").write_text(pipeline())
    freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log")
    table = ds.dataset(freshet.directory / "log" / "_events" / "s", format="parquet").to_table()
    table = table.take(pa.compute.sort_indices(table, [("offset", "ascending")])).drop_columns(["partition", "offset", "timestamp"])
    (freshet.directory / "foreign").mkdir()
    pq.write_table(table, freshet.directory / "foreign" / "a.parquet", compression="snappy", row_group_size=77)
    assert len(events) == table.num_rows
    assert checksum(freshet, "--input", "s=s.jsonl") == checksum(freshet, "--input", "s=foreign")
    assert checksum(freshet, "--input", "s=s.jsonl") == checksum(freshet, "--input", "s=foreign/a.parquet")
    pq.write_table(table.drop_columns(["customer"]), freshet.directory / "foreign" / "a.parquet")
    done = freshet.run("replay", "p.yaml", "--input", "s=foreign", "--discard", expect=1)
    assert b"customer" in done.stderr and b"a.parquet" in done.stderr


def test_a_log_with_events_is_not_doubled(freshet: Freshet) -> None:
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(generate.schedule(2, 50)))
    (freshet.directory / "p.yaml").write_text(pipeline(snapshots="none"))
    freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log")
    done = freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log", expect=1)
    assert b"has events of source s already" in done.stderr
