"""`--input X=DIR` over Parquet of other writers: the source's columns in any order and form, the rest left alone, errors with
file, column and reason; and columns that are called as an archive's own are."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute  # noqa: F401
import pyarrow.parquet as pq
import pytest

import generate
import oracle
from freshet import Freshet
from test_archive import checksum, pipeline

FIELDS = generate.FIELDS
UTC_MICROS = pa.timestamp("us", tz="UTC")
ARROW = {"string": pa.string(), "int64": pa.int64(), "double": pa.float64(), "bool": pa.bool_(), "timestamp": UTC_MICROS}


def arrow_type(declared: str) -> pa.DataType:
    type = declared.rstrip("?")
    return pa.decimal128(18, oracle.scale_of(type)) if type.startswith("decimal") else ARROW[type]


def table_of(events: list[oracle.Event]) -> pa.Table:
    """The fields as a foreign file would have them, in the order of arrival."""
    columns = {}
    for name, declared in FIELDS.items():
        values = [event.fields[name] for event in events]
        type = arrow_type(declared)
        columns[name] = pa.array(values, pa.int64()).cast(type) if type == UTC_MICROS else pa.array(values, type)
    return pa.table(columns)


@pytest.fixture
def events(freshet: Freshet) -> list[oracle.Event]:
    """Events of a file, and the pipeline beside it."""
    lines = generate.schedule(17, 600, step=600_000_000)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    (freshet.directory / "p.yaml").write_text(pipeline())
    (freshet.directory / "in").mkdir()
    return oracle.apply(generate.SOURCE, oracle.of_lines(lines))[0]


def same(freshet: Freshet) -> None:
    """The folder gives what the lines give."""
    assert checksum(freshet, "--input", "s=in") == checksum(freshet, "--input", "s=s.jsonl")


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    names = list(table.column_names)
    random.Random(seed).shuffle(names)
    return table.select(names)


def by_pyarrow(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="gzip", row_group_size=97, data_page_version="2.0", use_dictionary=["kind", "customer"])


def by_polars(table: pa.Table, path: Path) -> None:
    pl.from_arrow(table).write_parquet(path, compression="zstd", row_group_size=97)


def by_duckdb(table: pa.Table, path: Path) -> None:
    with duckdb.connect() as connection:
        connection.register("events", table)
        connection.execute(f"copy events to '{path}' (format parquet, compression snappy, row_group_size 2048)")


@pytest.mark.parametrize("write", [by_pyarrow, by_polars, by_duckdb])
def test_other_writers(freshet: Freshet, events: list[oracle.Event], write: Callable[[pa.Table, Path], None]) -> None:
    """Columns in any order, others between them, some of kinds that are not read at all, several files in the order of their names."""
    table = table_of(events)
    table = table.append_column("comment", pa.array([f"x{n}" for n in range(table.num_rows)]))
    if write is by_pyarrow:
        table = table.append_column("tags", pa.array([[n] for n in range(table.num_rows)]))
    for number, start in enumerate(range(0, table.num_rows, 250)):
        write(shuffled(table.slice(start, 250), number), freshet.directory / "in" / f"{number}.parquet")
    same(freshet)


def test_folders(freshet: Freshet, events: list[oracle.Event]) -> None:
    """By day or deeper; hidden files and folders, marks and checksums of other tools, and files of no rows are left alone."""
    table, whole = table_of(events), freshet.directory / "in"
    days = [event.time // 86_400_000_000 for event in events]
    # Where the days follow each other without overlap, a folder for each keeps the order of arrival.
    cuts = [n for n in range(1, len(events)) if max(days[:n]) < min(days[n:])]
    assert len(cuts) > 3
    for start, end in zip([0, *cuts], [*cuts, len(events)]):
        folder = whole / f"dt={start:05d}" / "deeper"
        folder.mkdir(parents=True)
        pq.write_table(table.slice(start, end - start), folder / "part.parquet")
        pq.write_table(table.slice(0, 0), folder / "none.parquet")
        (folder / ".part.parquet.crc").write_bytes(b"crc")
        (folder / ".hidden.parquet").write_bytes(b"no Parquet")
    for name in ("_SUCCESS", "_metadata.parquet", "notes.txt", "old.parquet.bak"):
        (whole / name).write_bytes(b"no Parquet")
    for name in (".staging", "_temporary"):
        (whole / name).mkdir()
        (whole / name / "a.parquet").write_bytes(b"no Parquet")
    same(freshet)


def test_no_files(freshet: Freshet, events: list[oracle.Event]) -> None:
    message = freshet.run("replay", "p.yaml", "--input", "s=in", "--discard", expect=1).stderr
    assert b"in: there is no Parquet file in it" in message
    pq.write_table(table_of([]), freshet.directory / "in" / "none.parquet")
    assert freshet.run("replay", "p.yaml", "--input", "s=in", "--discard").stdout.startswith(b"source s: 0 events applied\n")
    assert b"none.parquetx" in freshet.run("replay", "p.yaml", "--input", "s=in/none.parquetx", "--discard", expect=(1, 2)).stderr


def test_optional_columns_may_be_missing(freshet: Freshet, events: list[oracle.Event]) -> None:
    gone = [name for name, declared in FIELDS.items() if declared.endswith("?")]
    pq.write_table(table_of(events).drop_columns(gone), freshet.directory / "in" / "a.parquet")
    lines = [json.dumps({**{n: str(v) if isinstance(v, Decimal) else v for n, v in e.fields.items()
                            if n not in gone}, "event_time": e.time // 1000}) for e in events]
    # Decimals as numbers: their texts were quoted to get through json.
    text = "\n".join(re.sub(r'"amount": "([^"]*)"', r'"amount": \1', line) for line in lines)
    (freshet.directory / "s.jsonl").write_text(text)
    same(freshet)


@pytest.mark.parametrize("name", [name for name, declared in FIELDS.items() if not declared.endswith("?")])
def test_required_columns(freshet: Freshet, events: list[oracle.Event], name: str) -> None:
    """One that is missing is an error before anything is read; a null in it a bad record like any."""
    table = table_of(events)
    pq.write_table(table, freshet.directory / "in" / "a.parquet")
    pq.write_table(table.drop_columns([name]), freshet.directory / "in" / "b.parquet")
    done = freshet.run("replay", "p.yaml", "--input", "s=in", "--log", "log", expect=1)
    assert f"in/b.parquet: column {name}: it is not there, and source s requires it".encode() in done.stderr
    values = table.column(name).to_pylist()
    nulls = table.set_column(table.column_names.index(name), name,
                             pa.array([None if n == 7 else v for n, v in enumerate(values)], table.column(name).type))
    (freshet.directory / "in" / "b.parquet").unlink()
    pq.write_table(nulls, freshet.directory / "in" / "a.parquet")
    freshet.run("replay", "p.yaml", "--input", "s=in", "--log", "log")
    letters = [json.loads(line) for line in (freshet.directory / "log/_dead_letters/dead_letters.jsonl").read_text().splitlines()]
    assert [(d["offset"], d["reason"]) for d in letters] == [(7, "missing_field")] and name in letters[0]["error"]


WRONG = {
    "string": pa.int64(), "int64": pa.string(), "double": pa.string(), "bool": pa.int64(), "timestamp": pa.string(),
    "decimal(2)": pa.float64(), "decimal(4)": pa.string(),
}


@pytest.mark.parametrize("name", list(FIELDS))
def test_columns_of_a_wrong_type(freshet: Freshet, events: list[oracle.Event], name: str) -> None:
    table = table_of(events[:20])
    type = WRONG[FIELDS[name].rstrip("?")]
    wrong = pa.array([None] * table.num_rows if FIELDS[name].endswith("?") else ["1" if type == pa.string() else 1] * table.num_rows, type)
    pq.write_table(table.set_column(table.column_names.index(name), name, wrong), freshet.directory / "in" / "a.parquet")
    error = freshet.run("replay", "p.yaml", "--input", "s=in", "--discard", expect=1).stderr.decode()
    assert re.search(rf"in/a\.parquet: column {name}: it holds .*, source s has {re.escape(FIELDS[name].rstrip('?'))} there", error), error
    lists = pa.array([["a"]] * table.num_rows)
    pq.write_table(table.set_column(table.column_names.index(name), name, lists), freshet.directory / "in" / "a.parquet")
    error = freshet.run("replay", "p.yaml", "--input", "s=in", "--discard", expect=1).stderr.decode()
    assert f"in/a.parquet: column {name}: " in error, error


def test_damaged_files(freshet: Freshet, events: list[oracle.Event]) -> None:
    path = freshet.directory / "in" / "a.parquet"
    pq.write_table(table_of(events), path, compression="zstd")
    content = path.read_bytes()
    for damaged in (b"", b"PAR1", content[: len(content) // 2], content[:-8] + b"\xff\xff\xff\x7fPAR1", b"{}\n"):
        path.write_bytes(damaged)
        assert b"in/a.parquet" in freshet.run("replay", "p.yaml", "--input", "s=in", "--discard", expect=1).stderr
    rng = random.Random(3)
    for _ in range(40):
        place = rng.randrange(len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :])
        done = freshet.run("replay", "p.yaml", "--input", "s=in", "--discard", expect=(0, 1))
        assert done.returncode == 0 or b"a.parquet" in done.stderr, (place, done.stderr)


@pytest.mark.parametrize(("declared", "type", "values"), [
    ("timestamp", pa.timestamp("ms"), lambda t: t // 1000), ("timestamp", pa.timestamp("ns", tz="Asia/Tokyo"), lambda t: t * 1000),
    ("timestamp", pa.int64(), lambda t: t // 1000), ("timestamp", pa.timestamp("us"), lambda t: t),
])
def test_times_of_any_unit(freshet: Freshet, events: list[oracle.Event], declared: str, type: pa.DataType, values: Callable) -> None:
    """A number is in the unit of the source, a timestamp in its own."""
    table = table_of(events)
    times = pa.array([values(event.time) for event in events], pa.int64())
    times = times if type == pa.int64() else times.cast(type)
    pq.write_table(table.set_column(1, "event_time", times), freshet.directory / "in" / "a.parquet")
    same(freshet)


def test_decimals_are_rounded_as_texts_are(freshet: Freshet) -> None:
    """Further digits half away from zero, beyond the range bad input: of events by the archive, of a spine's entities, as in JSON."""
    rng = random.Random(5)
    texts = ["0.005", "-0.005", "0.0049999", "-0.0049999", "1.995", "-1.995", "2.5", "92233720368547758.07", "92233720368547758.075",
             "-92233720368547758.085", "-92233720368547758.08", "922337203685477580.8"]
    texts += [f"{rng.randrange(-99999, 99999)}.{rng.randrange(10**6):06d}" for _ in range(200)]
    texts += [f"{rng.choice(['', '-'])}{rng.randrange(999)}.{rng.randrange(100):02d}5" for _ in range(200)]
    text = """
pipeline: decimals
version: 1
sources:
  s:
    topic: t
    format: json
    event_time: {field: at, unit: ms}
    archive: true
    fields: {at: timestamp, card: decimal(2), amount: decimal(2)}
views:
  v: {source: s, entity: [card], features: [{name: n, aggregate: count(), windows: [1d]}, {name: total, aggregate: sum(amount), windows: [1d]}]}
"""
    (freshet.directory / "p.yaml").write_text(text)
    (freshet.directory / "s.jsonl").write_text("\n".join(
        f'{{"at":{generate.BASE // 1000 + n},"card":{n % 9}.5,"amount":{t}}}' for n, t in enumerate(texts)))
    rounded = [Decimal(t).quantize(Decimal("0.01"), ROUND_HALF_UP) for t in texts]
    out = [n for n, value in enumerate(rounded) if not -(2**63) <= int(value.scaleb(2)) < 2**63]
    assert 2 <= len(out) < 6
    (freshet.directory / "in").mkdir()
    for digits, scale in ((38, 7), (38, 12), (30, 7)):
        pq.write_table(pa.table({
            "at": pa.array([(generate.BASE // 1000 + n) for n in range(len(texts))], pa.int64()),
            "card": pa.array([Decimal(n % 9) + Decimal("0.5") for n in range(len(texts))], pa.decimal128(9, 3)),
            "amount": pa.array([Decimal(t) for t in texts], pa.decimal128(digits, scale))}), freshet.directory / "in" / "a.parquet")
        for source in ("s.jsonl", "in"):
            freshet.run("replay", "p.yaml", "--input", f"s={source}", "--log", f"{source}-{digits}-{scale}")
            folder = freshet.directory / f"{source}-{digits}-{scale}"
            table = pq.read_table(folder / "_events" / "s").sort_by("offset")
            assert table.column("offset").to_pylist() == [n for n in range(len(texts)) if n not in out]
            assert table.column("amount").to_pylist() == [value for n, value in enumerate(rounded) if n not in out]
            letters = [json.loads(line) for line in (folder / "_dead_letters/dead_letters.jsonl").read_text().splitlines()]
            assert sorted((d["offset"], d["reason"]) for d in letters) == [(n, "out_of_range") for n in out]
    # The entity of a spine, by the same rule.
    cards = [Decimal(c) for c in ("0.5", "0.495", "0.5049", "0.4949", "0.505", "1.4951", "-0.5", "77")]
    spine = pa.table({"card": pa.array(cards, pa.decimal128(20, 4)),
                      "event_timestamp": pa.array([generate.BASE + 10**9] * len(cards), pa.int64()).cast(UTC_MICROS)})
    pq.write_table(spine, freshet.directory / "spine.parquet")
    (freshet.directory / "spine.csv").write_text("card,event_timestamp\n" + "\n".join(f"{c},2026-01-05T23:00:00Z" for c in cards))
    counts = [sum(1 for n in range(len(texts)) if n not in out and Decimal(n % 9) + Decimal("0.5") == c.quantize(Decimal("0.01"), ROUND_HALF_UP))
              for c in cards]
    assert counts[0] == counts[1] == counts[2] > 0 == counts[3] == counts[4] < counts[5]
    for ending in ("parquet", "csv"):
        freshet.run("join", "p.yaml", "--input", "s=in", "--spine", f"spine.{ending}", "--out", "out.parquet")
        assert pq.read_table(freshet.directory / "out.parquet").column("n_1d").to_pylist() == counts
    large = pa.table({"card": pa.array([Decimal(10) ** 20], pa.decimal128(38, 4)), "event_timestamp": spine.column(1)[:1]})
    pq.write_table(large, freshet.directory / "spine.parquet")
    done = freshet.run("join", "p.yaml", "--input", "s=in", "--spine", "spine.parquet", "--out", "out.parquet", expect=1)
    assert b"row 0: card: it is out of the range of decimal(2)" in done.stderr


# Columns that are called as an archive's own.

NAMED = """
pipeline: named
version: 1
sources:
  s:
    topic: t
    format: json
    event_time: {{field: at, unit: ms}}
    out_of_orderness: 5s
    archive: true
    fields: {{at: timestamp, card: string{fields}}}
views:
  v:
    source: s
    entity: [card]
    features:
      - {{name: n, aggregate: count(), windows: [1m, lifetime]}}
{features}
"""
OWN = {"partition": ("string", "last(partition)"), "offset": ("int64?", "sum(offset)"), "timestamp": ("double", "max(timestamp)"),
       "_offset": ("int64", "min(_offset)")}


def named(*names: str) -> str:
    return NAMED.format(fields="".join(f", {n}: {OWN[n][0]}" for n in names), features="\n".join(
        f"      - {{name: f{i}, aggregate: {OWN[n][1]}, windows: [1m]}}" for i, n in enumerate(names)))


def named_events(count: int) -> list[dict]:
    rng = random.Random(count)
    return [{"at": generate.BASE // 1000 + 10_000 + 1000 * n - rng.randrange(4000), "card": f"c{n % 7}", "partition": f"p{rng.randrange(9)}",
             "offset": rng.choice([None, -5, 10**15, n]), "timestamp": rng.random(), "_offset": n * n} for n in range(count)]


def table_of_named(rows: list[dict], names: tuple[str, ...]) -> pa.Table:
    types = {"partition": pa.string(), "offset": pa.int64(), "timestamp": pa.float64(), "_offset": pa.int64()}
    return pa.table({"at": pa.array([r["at"] for r in rows], pa.int64()), "card": [r["card"] for r in rows],
                     **{n: pa.array([r[n] for r in rows], types[n]) for n in names}})


@pytest.mark.parametrize("names", [("partition",), ("offset",), ("timestamp",), ("partition", "offset", "timestamp"),
                                   ("offset", "_offset", "partition")])
def test_fields_called_as_the_archives_columns(freshet: Freshet, names: tuple[str, ...]) -> None:
    """What we write ourselves, what others write of such a source, and that beside columns that say partition and offset."""
    rows = named_events(300)
    (freshet.directory / "p.yaml").write_text(named(*names))
    (freshet.directory / "s.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log")
    archive = freshet.directory / "log" / "_events" / "s"
    table = pq.ParquetFile(next(archive.rglob("*.parquet"))).read()

    def own(name: str) -> str:
        while name in names:
            name = "_" + name
        return name

    assert table.column_names == ["at", "card", *names, own("partition"), own("offset"), own("timestamp")]
    assert sorted(table.column(own("offset")).to_pylist()) == list(range(len(rows)))
    for row, number in zip(table.to_pylist(), table.column(own("offset")).to_pylist()):
        assert {n: row[n] for n in names} == {n: rows[number][n] for n in names} and row[own("partition")] == 0
    expected = checksum(freshet, "--input", "s=s.jsonl")
    assert checksum(freshet, "--input", f"s={archive}") == expected
    # Another's file with the fields alone, and one with an origin under the names that are left.
    (freshet.directory / "in").mkdir()
    foreign = table_of_named(rows, names)
    pq.write_table(foreign, freshet.directory / "in" / "a.parquet")
    assert checksum(freshet, "--input", "s=in") == expected
    order = list(range(len(rows)))
    random.Random(1).shuffle(order)
    scattered = foreign.append_column(own("partition"), pa.array([0] * len(rows), pa.int16())).append_column(
        own("offset"), pa.array(range(len(rows)), pa.int64()))
    for name, half in (("a", order[150:]), ("b", order[:150])):
        pq.write_table(scattered.filter(pa.compute.is_in(scattered.column(own("offset")), pa.array(half))).sort_by(own("offset")),
                       freshet.directory / "in" / f"{name}.parquet")
    assert checksum(freshet, "--input", "s=in") == expected


def test_a_field_that_came_after_the_archive(freshet: Freshet) -> None:
    """The archive's own column is not taken for the field: an optional one is null there, a required one is an error."""
    rows = named_events(100)
    (freshet.directory / "p.yaml").write_text(named())
    (freshet.directory / "s.jsonl").write_text("\n".join(json.dumps({"at": r["at"], "card": r["card"]}) for r in rows))
    freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log")
    (freshet.directory / "p.yaml").write_text(named("offset"))
    assert checksum(freshet, "--input", "s=log/_events/s") == checksum(freshet, "--input", "s=s.jsonl")
    (freshet.directory / "p.yaml").write_text(named("offset").replace("int64?", "int64"))
    done = freshet.run("replay", "p.yaml", "--input", "s=log/_events/s", "--discard", expect=1)
    assert b".parquet: column offset: the archive was written before the source had a field of this name" in done.stderr


@pytest.mark.parametrize("columns", [
    {"partition": pa.array(["x"] * 100)}, {"offset": pa.array([7] * 100)}, {"timestamp": pa.array([1] * 100, pa.timestamp("us"))},
    {"partition": pa.array([3] * 100), "timestamp": pa.array(["y"] * 100)}, {"partition": pa.array(["x"] * 100), "offset": pa.array([1] * 100)},
    {"timestamp": pa.array([[1]] * 100), "offset": pa.array([None] * 100, pa.int64())},
])
def test_columns_that_only_look_like_an_origin(freshet: Freshet, columns: dict[str, pa.Array]) -> None:
    """A partition without an offset, a text, a time of something else: columns that the source does not ask for."""
    rows = named_events(100)
    (freshet.directory / "p.yaml").write_text(named())
    (freshet.directory / "s.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (freshet.directory / "in").mkdir()
    table = table_of_named(rows, ())
    for name, values in columns.items():
        table = table.append_column(name, values)
    pq.write_table(table, freshet.directory / "in" / "a.parquet")
    assert checksum(freshet, "--input", "s=in") == checksum(freshet, "--input", "s=s.jsonl")


def test_arrival_needs_time_stamps(freshet: Freshet, events: list[oracle.Event]) -> None:
    """Without them nobody could say what had arrived: no leak, an error."""
    freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log")
    (freshet.directory / "spine.csv").write_text('customer,event_timestamp\n"c-1",2026-01-06T00:00:00Z')
    join = ("join", "p.yaml", "--spine", "spine.csv", "--out", "out.csv", "--visible")
    pq.write_table(table_of(events), freshet.directory / "in" / "a.parquet")
    for path in ("s.jsonl", "in", "log/_events/s"):
        freshet.run(*join, "event", "--input", f"s={path}")
        assert b"Kafka timestamps" in freshet.run(*join, "arrival", "--input", f"s={path}", expect=1).stderr
    stamped = table_of(events).append_column("partition", pa.array([0] * len(events))).append_column("offset", pa.array(range(len(events))))
    stamps = pa.array([event.time for event in events], pa.int64()).cast(UTC_MICROS)
    pq.write_table(stamped.append_column("timestamp", stamps), freshet.directory / "in" / "a.parquet")
    freshet.run(*join, "arrival", "--input", "s=in")
