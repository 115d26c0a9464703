"""`archive: true`: the applied events as Parquet, exactly once, and a replay of them that equals that of the topic or file."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import generate
import oracle
from cluster import Cluster
from freshet import Freshet, bits
from test_kafka import Topic, rfc3339


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


TYPES = {
    "text": "string", "text_or": "string?", "whole": "int64", "whole_or": "int64?", "real": "double", "real_or": "double?",
    "flag": "bool", "flag_or": "bool?", "money": "decimal(2)", "money_or": "decimal(0)?", "fine": "decimal(18)?", "at": "timestamp",
    "seconds": "timestamp(s)?", "millis": "timestamp(ms)?", "micros": "timestamp(us)", "written": "timestamp?",
}


def test_every_type(freshet: Freshet) -> None:
    """Extremes and nulls of each: what stands in the lines, pyarrow reads from the archive, and so do we."""
    rng = random.Random(12)
    values = {
        "text": ["", "a", "ß\u0000é", "🙂" * 200], "whole": [0, -1, 2**63 - 1, -(2**63)], "flag": [True, False],
        "real": [0.0, -0.0, 5e-324, -1.7976931348623157e308, 0.1], "at": [generate.BASE // 1000],
        "money": [Decimal("0.01"), Decimal(2**63 - 1).scaleb(-2), Decimal(-(2**63)).scaleb(-2)],
        "money_or": [Decimal(10**18), Decimal(-(10**18))], "fine": [Decimal("9.223372036854775807"), Decimal("-0.000000000000000001")],
        "seconds": [0, -62135596800, 253402300799], "millis": [-1, 253402300799999], "micros": [-62135596800000000, 253402300799999999, 1],
        "written": ["0001-01-01T00:00:00.000001Z", "9999-12-31T23:59:59.999999Z", "1969-12-31 23:59:59+00:00"],
    }
    rows = []
    for number in range(500):
        row = {}
        for name, type in TYPES.items():
            row[name] = None if type.endswith("?") and rng.random() < 0.3 else rng.choice(values.get(name) or values[name.removesuffix("_or")])
        rows.append({**row, "at": row["at"] + number})
    (freshet.directory / "s.jsonl").write_text("\n".join(
        "{" + ",".join(f'"{n}":{v}' if isinstance(v, Decimal) else f'"{n}":{json.dumps(v)}' for n, v in row.items()) + "}" for row in rows))
    fields = "".join(f"\n      {name}: {type}" for name, type in TYPES.items())
    features = "".join(f"\n      - {{name: f_{name}, aggregate: last({name}), windows: [1h]}}" for name in TYPES)
    (freshet.directory / "p.yaml").write_text(f"""
pipeline: types
version: 1
sources:
  s:
    topic: t
    format: json
    event_time: {{field: at, unit: ms}}
    archive: true
    fields:{fields}
views:
  v:
    source: s
    entity: [flag]
    features:
      - {{name: n, aggregate: count(), windows: [lifetime]}}{features}
""")
    freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log")
    table = ds.dataset(freshet.directory / "log" / "_events" / "s", format="parquet").to_table().sort_by("offset")
    assert table.column("offset").to_pylist() == list(range(len(rows))) and table.column("timestamp").null_count == len(rows)
    for name, type in TYPES.items():
        found = table.column(name)
        wanted = [row[name] for row in rows]
        if type.startswith("timestamp"):
            assert found.type == pa.timestamp("us", tz="UTC")
            found = found.cast(pa.int64())
            factor = {"at": 1000, "seconds": 1_000_000, "millis": 1000, "micros": 1}.get(name)
            wanted = [None if v is None else v * factor if factor else oracle.parse_time(v) for v in wanted]
        if type.startswith("double"):
            assert [None if v is None else bits(v) for v in found.to_pylist()] == [None if v is None else bits(v) for v in wanted]
        assert found.to_pylist() == wanted, name
        assert table.schema.field(name).nullable == type.endswith("?"), name
    expected = checksum(freshet, "--input", "s=s.jsonl")
    assert expected == checksum(freshet, "--input", "s=log/_events/s")
    # The archive of the archive is the archive.
    freshet.run("replay", "p.yaml", "--input", "s=log/_events/s", "--log", "again")
    again = ds.dataset(freshet.directory / "again" / "_events" / "s", format="parquet").to_table().sort_by("offset")
    assert again.equals(table)


def test_several_sources(freshet: Freshet) -> None:
    """One archive each, or of one of them; read back together, or one beside the lines of the other."""
    text = pipeline()
    start, end = text.index("  s:\n"), text.index("views:")
    second = text[start:end].replace("  s:\n", "  r:\n")
    third = text[start:end].replace("  s:\n", "  q:\n").replace("    archive: true\n", "")
    view = text[end:].removeprefix("views:\n")
    others = "".join(view.replace("  v:\n", f"  v{name}:\n").replace("source: s", f"source: {name}") for name in "rq")
    (freshet.directory / "p.yaml").write_text(text[:end] + second + third + text[end:] + others)
    for number, name in enumerate("srq"):
        (freshet.directory / f"{name}.jsonl").write_bytes(b"\n".join(generate.schedule(30 + number, 300 + 200 * number, late=0.02)))
    lines = [x for name in "srq" for x in ("--input", f"{name}={name}.jsonl")]
    freshet.run("replay", "p.yaml", *lines, "--log", "log")
    assert sorted(p.name for p in (freshet.directory / "log" / "_events").iterdir()) == ["r", "s"]

    def sums(*inputs: str) -> list[bytes]:
        return re.findall(rb"view \w+: \d+ rows, checksum \w+", freshet.run("replay", "p.yaml", *inputs, "--discard").stdout)

    wanted = sums(*lines)
    assert len(wanted) == 3
    assert sums("--input", "s=log/_events/s", "--input", "r=log/_events/r", "--input", "q=q.jsonl") == wanted
    assert sums("--input", "s=s.jsonl", "--input", "r=log/_events/r", "--input", "q=q.jsonl") == wanted


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
def test_a_worker_that_is_stopped_and_killed(freshet: Freshet, cluster: Cluster, snapshots: str) -> None:
    """Over partitions of a topic, one without records; each event once, and a replay of them is a replay of the topic."""
    rng = random.Random(len(snapshots))
    topic = Topic(cluster, 5)
    (freshet.directory / "p.yaml").write_text(pipeline(topic.name, snapshots))
    command = ["run", "p.yaml", "--brokers", cluster.brokers, "--state", "state", "--log", "log", "--commit-interval", "20ms"]
    lines = [line for line in generate.schedule(44, 2400, late=0.02) if topic.partition_of(json.loads(line)["customer"]) != 3]
    for start in range(0, len(lines), 300):
        topic.produce(lines[start : start + 300], shift=lambda: rng.randrange(3_600_000))
        running = freshet.start(*command)
        if rng.random() < 0.7:
            time.sleep(rng.uniform(0.05, 0.5))
            running.process.kill()
            running.process.wait()
        else:
            time.sleep(rng.uniform(0.4, 0.8))
            running.stop()
    running = freshet.start(*command)
    time.sleep(0.5)
    cluster.wait_for_group("archive", {topic.name: topic.ends})
    running.stop()
    check(freshet.directory / "log", topic.arrivals)
    for flags in ((), ("--memory", "1MiB", "--threads", "1")):
        assert checksum(freshet, "--input", "s=log/_events/s", *flags) == checksum(freshet, "--brokers", cluster.brokers)
    # As DuckDB writes it anew: sorted as the errors ask for, in one file.
    (freshet.directory / "anew").mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"""copy (select * exclude (dt) from read_parquet('{freshet.directory}/log/_events/s/*/*.parquet', hive_partitioning = true)
            order by "partition", "offset") to '{freshet.directory}/anew/a.parquet'""")
    assert checksum(freshet, "--input", "s=anew") == checksum(freshet, "--brokers", cluster.brokers)


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
def test_from_and_to(freshet: Freshet, cluster: Cluster, snapshots: str) -> None:
    topic = Topic(cluster, 3)
    lines = generate.schedule(45, 2500, step=30_000_000, late=0.01)
    topic.produce(lines)
    (freshet.directory / "p.yaml").write_text(pipeline(topic.name, snapshots))
    freshet.run("replay", "p.yaml", "--brokers", cluster.brokers, "--log", "log")
    times = sorted(json.loads(line)["event_time"] * 1000 for line in lines)
    for first, last in ((500, 1500), (1200, 1210), (2400, 2499), (0, 100)):
        window = ("--from", rfc3339(times[first]), "--to", rfc3339(times[last]))
        found = checksum(freshet, "--input", "s=log/_events/s", *window)
        assert found == checksum(freshet, "--brokers", cluster.brokers, *window) and " 0 rows" not in found


def test_some_files_without_an_origin(freshet: Freshet) -> None:
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(generate.schedule(6, 400)))
    (freshet.directory / "p.yaml").write_text(pipeline())
    freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log")
    table = ds.dataset(freshet.directory / "log" / "_events" / "s", format="parquet").to_table()
    (freshet.directory / "in").mkdir()
    pq.write_table(table, freshet.directory / "in" / "a.parquet")
    pq.write_table(table.drop_columns(["partition", "offset", "timestamp"]), freshet.directory / "in" / "b.parquet")
    done = freshet.run("replay", "p.yaml", "--input", "s=in", "--discard", expect=1)
    assert b"in/b.parquet: some files say of which partition and offset their rows are, others do not; all or none" in done.stderr
    pq.write_table(table.drop_columns(["partition"]), freshet.directory / "in" / "b.parquet")
    done = freshet.run("replay", "p.yaml", "--input", "s=in/b.parquet", "--discard", expect=1)
    assert b"in/b.parquet: column partition: it is not there, but column offset is" in done.stderr
    flawed = table.set_column(table.column_names.index("offset"), "offset", pa.array([None if n == 9 else n for n in range(table.num_rows)]))
    pq.write_table(flawed, freshet.directory / "in" / "b.parquet")
    done = freshet.run("replay", "p.yaml", "--input", "s=in/b.parquet", "--discard", expect=1)
    assert b"in/b.parquet: row 9: columns partition and offset hold nothing that Kafka gives" in done.stderr


def test_a_log_with_events_is_not_doubled(freshet: Freshet) -> None:
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(generate.schedule(2, 50)))
    (freshet.directory / "p.yaml").write_text(pipeline(snapshots="none"))
    freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log")
    done = freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log", expect=1)
    assert b"has events of source s already" in done.stderr
