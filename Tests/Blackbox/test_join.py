"""`join`: a spine of any format, in any order, gets what the oracle counts as of each row's instant."""

from __future__ import annotations

import csv
import io
import json
import random
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import generate
import oracle
from cluster import Cluster
from freshet import Freshet, bits
from pipeline import Feature, Pipeline, View, column

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
UNKNOWN = {"customer": "nobody", "terminal": "nowhere", "shop": 987654321, "fraud": 77}
ENTITY = {"customer": pa.string(), "terminal": pa.string(), "shop": pa.int64(), "fraud": pa.int64()}


def time_text(micros: int) -> str:
    return (EPOCH + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")


def spine_of(events: list[oracle.Event], seed: int, count: int) -> list[dict]:
    """Instants at, between, before and after the events; entities that are there, that are not, and null; in any order, some twice."""
    rng = random.Random(seed)
    first, last = min(e.time for e in events), max(e.time for e in events)
    rows = []
    for number in range(count):
        event = rng.choice(events)
        at = rng.choice([event.time, event.time + rng.randrange(-5_000_000, 5_000_000), rng.randrange(first, last + 1),
                         first - rng.randrange(10**9), last + rng.randrange(10**10)])
        row = {"label": number % 3, "event_timestamp": at, **{name: event.fields[name] for name in ENTITY}}
        if rng.random() < 0.1:
            name = rng.choice(list(ENTITY))
            row[name] = rng.choice([None, UNKNOWN[name]])
        rows.append({**row, "note": rng.choice([None, "", "a,b", 'say "hi"', "two\nlines", "é🙂", "007"])})
        if rng.random() < 0.05:
            rows.append(dict(rows[-1]))
    rng.shuffle(rows)
    return rows


def write(path: Path, rows: list[dict], types: dict[str, pa.DataType] | None = None) -> Path:
    if path.suffix == ".parquet":
        fields = {"label": pa.int64(), "event_timestamp": pa.timestamp("us", tz="UTC"), **ENTITY, "note": pa.string(), **(types or {})}
        columns = {name: pa.array([row[name] for row in rows], pa.int64() if name == "event_timestamp" else type)
                   for name, type in fields.items()}
        table = pa.table({name: values.cast(fields[name]) for name, values in columns.items()})
        pq.write_table(table, path, row_group_size=400)
    elif path.suffix == ".csv":
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(",".join(rows[0]) + "\n")
            for row in rows:
                cells = [time_text(v) if n == "event_timestamp" else v for n, v in row.items()]
                # Nothing is null, quotes with nothing in them are a text.
                file.write(",".join("" if c is None else str(c) if isinstance(c, int) or n == "event_timestamp"
                                    else '"' + c.replace('"', '""') + '"' for n, c in zip(row, cells)) + "\n")
    else:
        with open(path, "w", encoding="utf-8") as file:
            for row in rows:
                shown = {n: time_text(v) if n == "event_timestamp" else v for n, v in row.items()}
                file.write(json.dumps({n: v for n, v in shown.items() if v is not None}, ensure_ascii=len(rows) % 2 == 0) + "\n")
    return path


def convert(value: object, type: str) -> object:
    """What stands in a text, as its type."""
    if value is None or value == "" and type != "string":
        return None
    match type:
        case "int64": return int(value)
        case "double": return float(value)
        case "bool": return value if isinstance(value, bool) else {"true": True, "false": False}[value]
        case "timestamp": return oracle.parse_time(value)
    return value


def read(path: Path, types: dict[str, str]) -> list[dict]:
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        for name, type in types.items():
            if type == "timestamp":
                table = table.set_column(table.column_names.index(name), name, table.column(name).cast(pa.int64()))
        return table.to_pylist()
    if path.suffix == ".csv":
        # The csv module takes "" for nothing; ours tells them apart, and only a text can be empty.
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    else:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{name: convert(value, types.get(name, "string")) for name, value in row.items()} for row in rows]


def expected_values(pipeline: Pipeline, events: list[oracle.Event], rows: list[dict], prefixed: bool = False) -> list[dict]:
    names = [name for view in pipeline.views for name in view.value_types]
    values: list[dict] = [{} for _ in rows]
    for view in pipeline.views:
        logs = oracle.logs(view, events)
        known: dict[tuple, dict] = {}
        for row, target in zip(rows, values):
            key = tuple(row[name] for name in view.entity)
            at = row["event_timestamp"]
            if (key, at) not in known:
                known[key, at] = oracle.evaluate(view, logs.get(key, oracle.TimeLog()), at)
            for name, value in known[key, at].items():
                target[f"{view.name}__{name}" if prefixed or names.count(name) > 1 else name] = value
    return values


def compare(found: list[dict], rows: list[dict], values: list[dict], same_notes: bool = True) -> None:
    assert len(found) == len(rows)
    for number, (row, spine, wanted) in enumerate(zip(found, rows, values)):
        for name, value in wanted.items():
            own = row[name]
            if value is None or own is None or own == "":
                # A CSV file's texts cannot say null and nothing apart in the csv module.
                assert (value or None) == (own or None) if not isinstance(value, float) else own == value, (number, name, own, value)
            else:
                assert bits(own) == bits(value), (number, name, own, value, spine)
        for name, value in spine.items():
            if name != "note" or same_notes:
                assert (row[name] or None) == (value or None), (number, name, row[name], value)


def types_of(pipeline: Pipeline, prefixed: bool = False) -> dict[str, str]:
    names = [name for view in pipeline.views for name in view.value_types]
    types = {"label": "int64", "event_timestamp": "timestamp", "shop": "int64", "fraud": "int64"}
    for view in pipeline.views:
        for name, type in view.value_types.items():
            types[f"{view.name}__{name}" if prefixed or names.count(name) > 1 else name] = type
    return types


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("seed", range(4))
def test_random_pipelines(freshet: Freshet, seed: int, ending: str) -> None:
    """Several views with different entities in one join; half a dozen kinds of instants; every format in and out."""
    pipeline = generate.random_pipeline(4000 + seed, None)
    lines = generate.schedule(seed, 500, step=10 ** (4 + seed % 4), late=0.02)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    rows = spine_of(events, seed, 300)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(pipeline)
    spine = write(freshet.directory / f"spine{ending}", rows)
    values = expected_values(pipeline, events, rows)
    for out in {ending, [".parquet", ".csv", ".jsonl"][seed % 3]}:
        freshet.run("join", "pipeline.yaml", "--spine", spine, "--out", f"out{out}", "--input", "s=s.jsonl")
        compare(read(freshet.directory / f"out{out}", types_of(pipeline)), rows, values)
    assert not [p for p in freshet.directory.iterdir() if p.name.startswith(".")], "nothing is left behind"


def simple_pipeline(**source) -> Pipeline:
    features = (Feature("n", "count", ("10s", "1h", "lifetime")), Feature("sum", "sum", ("1m", "1h"), column("amount", "decimal(2)")),
                Feature("kind", "last", ("1h",), column("kind", "string?")),
                Feature("old", "avg", ("1m",), column("amount", "decimal(2)"), delay="30s"))
    views = (View("cards", "s", ("customer",), features), View("shops", "s", ("shop",), (Feature("n", "count", ("1h",)),)))
    return Pipeline("simple", (replace(generate.SOURCE, **source),), views)


def test_little_memory(freshet: Freshet) -> None:
    """More rows, values and entities than memory has: all go to disk and come back."""
    pipeline = simple_pipeline()
    lines = generate.schedule(11, 3_000, step=200_000)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    small = spine_of(events, 11, 1_000)
    rows = [small[n * 7919 % len(small)] for n in range(150_000)]
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(pipeline)
    spine = write(freshet.directory / "spine.parquet", rows)
    freshet.run("join", "pipeline.yaml", "--spine", spine, "--out", "out.parquet", "--input", "s=s.jsonl", "--memory", "1MiB")
    compare(read(freshet.directory / "out.parquet", types_of(pipeline)), rows, expected_values(pipeline, events, rows))


def test_long_texts(freshet: Freshet) -> None:
    """A block of rows whose texts are too many to be had at once; with rows left out too."""
    pipeline = simple_pipeline()
    lines = generate.schedule(13, 400, step=200_000)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    small = spine_of(events, 13, 500)
    rows = [{**small[n * 7919 % len(small)], "note": f"{n} {'x' * 900}"} for n in range(150_000)]
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(pipeline)
    table = pq.read_table(write(freshet.directory / "spine.parquet", rows))
    pq.write_table(table, freshet.directory / "spine.parquet", use_dictionary=False, compression="zstd")
    times = sorted(row["event_timestamp"] for row in small)
    for first, last in ((None, None), (times[100], times[400])):
        flags = () if first is None else ("--from", time_text(first), "--to", time_text(last))
        kept = rows if first is None else [row for row in rows if first <= row["event_timestamp"] < last]
        freshet.run("join", "pipeline.yaml", "--spine", "spine.parquet", "--out", "out.parquet", "--input", "s=s.jsonl", *flags)
        compare(read(freshet.directory / "out.parquet", types_of(pipeline)), kept, expected_values(pipeline, events, kept))


def test_a_folder_of_files(freshet: Freshet) -> None:
    """As Spark writes a table: the rows in the order of the files' names, columns in the order of the first; marks are left alone."""
    pipeline = simple_pipeline()
    lines = generate.schedule(14, 400)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    rows = spine_of(events, 14, 700)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(pipeline)
    folder = freshet.directory / "spine.parquet"
    folder.mkdir()
    common = ("join", "pipeline.yaml", "--spine", "spine.parquet", "--out", "out.parquet", "--input", "s=s.jsonl")
    assert b"spine.parquet: there is no Parquet file in it" in freshet.run(*common, expect=1).stderr
    whole = pq.read_table(write(freshet.directory / "whole.parquet", rows))
    for number, start in enumerate(range(0, len(rows), 300)):
        part = whole.slice(start, 300)
        # Others than the first have their columns in another order, and the first says that it has no nulls where it has none.
        fields = [pa.field(f.name, f.type, nullable=number > 0 or part.column(f.name).null_count > 0) for f in part.schema]
        part = part.cast(pa.schema(fields))
        pq.write_table(part.select(part.column_names[:: -1 if number else 1]), folder / f"part-{number:05d}.snappy.parquet")
        (folder / f".part-{number:05d}.snappy.parquet.crc").write_bytes(b"crc")
    pq.write_table(whole.slice(0, 0), folder / "part-00000.none.parquet")
    (folder / "_SUCCESS").write_bytes(b"")
    freshet.run(*common)
    found = read(freshet.directory / "out.parquet", types_of(pipeline))
    assert list(found[0])[: len(rows[0])] == list(rows[0])
    compare(found, rows, expected_values(pipeline, events, rows))
    last = folder / "part-00001.snappy.parquet"
    part = pq.read_table(last)
    for changed, message in [
        (part.drop_columns(["label"]), "it has no column 'label', which spine.parquet/part-00000.none.parquet has"),
        (part.append_column("more", part.column("label")), "it has a column 'more', which spine.parquet/part-00000.none.parquet does not have"),
        (part.set_column(part.column_names.index("label"), "label", part.column("label").cast(pa.int32())), "column label: it is "),
        (part.set_column(part.column_names.index("event_timestamp"), "event_timestamp", pa.nulls(part.num_rows, pa.timestamp("us", tz="UTC"))),
         "spine.parquet/part-00001.snappy.parquet, row 0: event_timestamp: it is null"),
    ]:
        pq.write_table(changed, last)
        error = freshet.run(*common, expect=1).stderr.decode()
        assert "part-00001.snappy.parquet" in error and message in error, error


def test_features_and_names(freshet: Freshet) -> None:
    pipeline = simple_pipeline()
    lines = generate.schedule(3, 200)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    rows = spine_of(events, 3, 50)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(pipeline)
    write(freshet.directory / "spine.csv", rows)
    common = ("join", "pipeline.yaml", "--spine", "spine.csv", "--out", "out.csv", "--input", "s=s.jsonl")

    def header(*flags: object) -> list[str]:
        freshet.run(*common, *flags)
        return (freshet.directory / "out.csv").read_text().splitlines()[0].split(",")

    own = list(rows[0])
    assert header("--features", "shops:n_1h,cards:sum,cards:n_10s") == own + ["n_1h", "sum_1m", "sum_1h", "n_10s"]
    assert header("--features", "cards:n,shops") == own + ["n_10s", "cards__n_1h", "n_lifetime", "shops__n_1h"]
    assert header("--features", "shops", "--full-names") == own + ["shops__n_1h"]
    for wrong, message in [("card:n", b"did you mean cards?"), ("cards:n_1hh", b"did you mean n_1h?")]:
        assert message in freshet.run(*common, "--features", wrong, expect=1).stderr
    # Rows outside of --from and --to are left out; the others keep their order.
    times = sorted(row["event_timestamp"] for row in rows)
    freshet.run(*common, "--from", time_text(times[10]), "--to", time_text(times[40]))
    kept = [row for row in rows if times[10] <= row["event_timestamp"] < times[40]]
    compare(read(freshet.directory / "out.csv", types_of(pipeline)), kept, expected_values(pipeline, events, kept))


def test_get_and_join_agree(freshet: Freshet) -> None:
    pipeline = simple_pipeline()
    lines = generate.schedule(21, 400)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(pipeline)
    freshet.run("replay", "pipeline.yaml", "--input", "s=s.jsonl", "--discard", "--state", "state")
    last = max(e.time for e in events)
    cards = sorted({e.fields["customer"] for e in events if e.fields["customer"] and "\0" not in e.fields["customer"]})[:6]
    rows = [{"label": 0, "event_timestamp": last + after, "customer": card, "terminal": "", "shop": 1, "fraud": 0, "note": None}
            for card in cards for after in (0, 1, 999_999, 31_000_000, 3_600_000_000)]
    write(freshet.directory / "spine.jsonl", rows)
    freshet.run("join", "pipeline.yaml", "--spine", "spine.jsonl", "--out", "out.jsonl", "--input", "s=s.jsonl", "--features", "cards")
    for row, text in zip(rows, (freshet.directory / "out.jsonl").read_text().splitlines()):
        got = freshet.run("get", "pipeline.yaml", "--state", "state", "cards", row["customer"], "--at", time_text(row["event_timestamp"]))
        values = json.loads(got.stdout)["values"]
        joined = json.loads(text)
        assert {name: joined[name] for name in values} == values


def test_columns_of_other_types(freshet: Freshet) -> None:
    """Times of any unit and zone, integers of any width, dictionary texts; every column goes through as it is."""
    pipeline = simple_pipeline()
    lines = generate.schedule(5, 300)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    rows = [row for row in spine_of(events, 5, 120) if row["shop"] is not None and abs(row["shop"]) < 2**31]
    for row in rows:
        row["event_timestamp"] = row["event_timestamp"] // 1000 * 1000
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(pipeline)
    values = expected_values(pipeline, events, rows)
    base = write(freshet.directory / "base.parquet", rows)
    table = pq.read_table(base)
    for number, time in enumerate([pa.timestamp("ns", tz="UTC"), pa.timestamp("ms", tz="Asia/Tokyo"), pa.timestamp("us"), pa.timestamp("ns")]):
        changed = table.set_column(1, "event_timestamp", table.column("event_timestamp").cast(time))
        changed = changed.set_column(4, "shop", table.column("shop").cast(pa.int32()))
        changed = changed.append_column("when", table.column("event_timestamp").cast(pa.timestamp("ms")))
        changed = changed.append_column("money", pa.array([Decimal(n) / 100 for n in range(len(rows))], pa.decimal128(30, 2)))
        changed = changed.append_column("day", pa.array([None if n % 3 else n for n in range(len(rows))], pa.int32()).cast(pa.date32()))
        pq.write_table(changed, freshet.directory / "spine.parquet", compression=["snappy", "gzip", "zstd", "none"][number])
        freshet.run("join", "pipeline.yaml", "--spine", "spine.parquet", "--out", "out.parquet", "--input", "s=s.jsonl")
        out = pq.read_table(freshet.directory / "out.parquet")
        own = out.select(changed.column_names)
        for name in changed.column_names:
            assert own.column(name).to_pylist() == changed.column(name).to_pylist(), name
        compare(read(freshet.directory / "out.parquet", types_of(pipeline)), [
            {n: v for n, v in row.items() if n != "event_timestamp"} for row in rows], values)
    with duckdb.connect() as connection:
        assert connection.execute(f"select count(*) from '{freshet.directory}/out.parquet'").fetchone() == (len(rows),)
    assert pl.read_parquet(freshet.directory / "out.parquet").height == len(rows)


@pytest.mark.parametrize(("name", "content", "message"), [
    ("a.csv", "customer,shop\nx,1\n", "no column 'event_timestamp'"),
    ("a.csv", "customer,shop,event_timestmp\nx,1,2026-01-01\n", "did you mean event_timestmp?"),
    ("a.csv", "customer,shop,event_timestamp\nx,1,2026-01-01T00:00:00Z\ny,2,yesterday\n", "row 2 below the header: event_timestamp: 'yesterday' is no RFC 3339 time"),
    ("a.csv", "customer,shop,event_timestamp\nx,one,2026-01-01T00:00:00Z\n", "'one' is no int64"),
    ("a.csv", "customer,shop,event_timestamp\nx,1\n", "2 fields, the header has 3"),
    ("a.csv", "customer,shop,event_timestamp\nx,1,\n", "event_timestamp: it is null"),
    ("a.csv", 'customer,shop,event_timestamp\n"x,1,2026\n', "a quote is never closed"),
    ("a.csv", "", "it is empty"),
    ("a.csv", "a,a\n", "two columns 'a'"),
    ("a.jsonl", '{"customer":"x","shop":1,"event_timestamp":1767571200}\n', "row 1: event_timestamp: '1767571200' is no RFC 3339 time"),
    ("a.jsonl", '{"customer":"x","shop":1,"event_timestamp":"2026-01-01T00:00:00Z"}\n[1]\n', "row 2: it is no JSON object"),
    ("a.jsonl", '{"customer":"x","shop":1,"event_timestamp":"2026-01-01T00:00:00Z",}\n', "row 1: it is no JSON object"),
    ("a.jsonl", '{"customer":5,"shop":1,"event_timestamp":"2026-01-01T00:00:00Z"}\n', "'5' is no string"),
    ("a.parquet", "PAR1 or not", "Parquet"),
    ("a.txt", "x", "ends in .csv, .jsonl or .parquet"),
])
def test_bad_spines(freshet: Freshet, name: str, content: str, message: str) -> None:
    freshet.write(simple_pipeline())
    (freshet.directory / "s.jsonl").write_bytes(b"")
    (freshet.directory / name).write_text(content)
    done = freshet.run("join", "pipeline.yaml", "--spine", name, "--out", "out.csv", "--input", "s=s.jsonl", expect=1)
    assert message in done.stderr.decode() and name in done.stderr.decode(), done.stderr
    assert not (freshet.directory / "out.csv").exists() and not [p for p in freshet.directory.iterdir() if p.name.startswith(".")]


def test_no_event_and_no_row(freshet: Freshet) -> None:
    pipeline = simple_pipeline()
    freshet.write(pipeline)
    (freshet.directory / "s.jsonl").write_bytes(b"")
    rows = spine_of(oracle.apply(generate.SOURCE, oracle.of_lines(generate.schedule(1, 20)))[0], 1, 10)
    write(freshet.directory / "spine.csv", rows)
    freshet.run("join", "pipeline.yaml", "--spine", "spine.csv", "--out", "out.csv", "--input", "s=s.jsonl")
    compare(read(freshet.directory / "out.csv", types_of(pipeline)), rows, expected_values(pipeline, [], rows))
    (freshet.directory / "spine.csv").write_text("customer,shop,event_timestamp\n")
    freshet.run("join", "pipeline.yaml", "--spine", "spine.csv", "--out", "out.parquet", "--input", "s=s.jsonl")
    assert pq.read_table(freshet.directory / "out.parquet").num_rows == 0


@pytest.mark.parametrize("visible", ["event", "arrival"])
@pytest.mark.parametrize("lag", [0, 2_000, 600_000])
def test_topics(freshet: Freshet, cluster: Cluster, visible: str, lag: int) -> None:
    """Records that arrive late by random amounts: a row may see what had happened, or only what had arrived."""
    rng = random.Random(lag)
    lines = generate.schedule(lag + 5, 700, step=400_000)
    topic = cluster.topic("freshet_join", 3)
    arrivals, messages, stamps = [], [], {}
    ends = [0, 0, 0]
    for line in lines:
        event = json.loads(line)
        partition = sum(event["customer"].encode()) % 3
        stamp = event["event_time"] + rng.randrange(lag + 1)
        stamps[partition, ends[partition]] = stamp * 1000
        arrivals.append(oracle.Arrival(partition, ends[partition], line))
        messages.append((partition, stamp, event["customer"].encode(), line))
        ends[partition] += 1
    cluster.produce(topic, messages)
    pipeline = simple_pipeline(topic=topic)
    freshet.write(pipeline)
    events, _ = oracle.apply(generate.SOURCE, arrivals)
    rows = spine_of(events, lag, 250)
    write(freshet.directory / "spine.parquet", rows)
    freshet.run("join", "pipeline.yaml", "--spine", "spine.parquet", "--out", "out.parquet", "--brokers", cluster.brokers,
                "--visible", visible)
    if visible == "event":
        values = expected_values(pipeline, events, rows)
    else:
        values = [expected_values(pipeline, [e for e in events if stamps[e.partition, e.offset] <= row["event_timestamp"]], [row])[0]
                  for row in rows]
    compare(read(freshet.directory / "out.parquet", types_of(pipeline)), rows, values)


def test_arrival_needs_arrivals(freshet: Freshet) -> None:
    freshet.write(simple_pipeline())
    (freshet.directory / "s.jsonl").write_bytes(b"")
    (freshet.directory / "a.csv").write_text("customer,shop,event_timestamp\n")
    done = freshet.run("join", "pipeline.yaml", "--spine", "a.csv", "--out", "out.csv", "--input", "s=s.jsonl", "--visible", "arrival",
                       expect=1)
    assert b"Kafka timestamps" in done.stderr


def test_interrupted(freshet: Freshet) -> None:
    """Nothing half is published."""
    freshet.write(simple_pipeline())
    (freshet.directory / "a.csv").write_text("customer,shop,event_timestamp\nx,1,2026-02-05T00:00:00Z\n")
    process = subprocess.Popen(
        [freshet.binary, "join", "pipeline.yaml", "--spine", "a.csv", "--out", "out.csv", "--input", "s=-"], cwd=freshet.directory,
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=freshet.environment())
    process.stdin.write(generate.schedule(1, 1)[0] + b"\n")
    process.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.terminate()
    process.stdin.close()
    assert process.wait(20) == 2 and b"interrupted" in process.stderr.read()
    assert not (freshet.directory / "out.csv").exists() and not [p for p in freshet.directory.iterdir() if p.name.startswith(".")]
