"""The binary as a user sees it: arguments in, exit status, standard output, Parquet rows and dead letters out."""

from __future__ import annotations

import base64
import json
import os
import signal
import struct
import subprocess
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import Pipeline, View

ARROW = {
    "int64": pa.int64(), "string": pa.string(), "bool": pa.bool_(), "double": pa.float64(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
DUCK = {"int64": "BIGINT", "string": "VARCHAR", "bool": "BOOLEAN", "double": "DOUBLE", "timestamp": "TIMESTAMP WITH TIME ZONE"}
LETTER = {"source", "topic", "partition", "offset", "timestamp", "reason", "error", "key", "value"}


@dataclass
class Freshet:
    binary: str
    directory: Path
    started: list[subprocess.Popen] = field(default_factory=list)

    def environment(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        """Every flag has a variable, so none of ours may leak in."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
        return clean | (extra or {})

    def run(self, *arguments: object, stdin: bytes | None = None, env: dict[str, str] | None = None,
            expect: int | tuple[int, ...] = 0, timeout: float = 90) -> subprocess.CompletedProcess:
        command = [self.binary, *map(str, arguments)]
        redirect = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(command, capture_output=True, env=self.environment(env), timeout=timeout,
                              cwd=self.directory, **redirect)
        allowed = expect if isinstance(expect, tuple) else (expect,)
        assert done.returncode in allowed, (
            f"{' '.join(command)}\nexit {done.returncode}, expected {allowed}\n"
            f"{done.stderr[-4000:].decode(errors='replace')}")
        return done

    def start(self, *arguments: object, env: dict[str, str] | None = None) -> "Running":
        stderr = open(self.directory / "worker.err", "ab")
        process = subprocess.Popen([self.binary, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=stderr, env=self.environment(env), cwd=self.directory)
        self.started.append(process)
        return Running(process, self.directory / "worker.err")

    def close(self) -> None:
        """No worker outlives a test that failed before it could stop it."""
        for process in self.started:
            process.kill()
            process.wait()

    def write(self, pipeline: Pipeline, name: str = "pipeline.yaml") -> Path:
        path = self.directory / name
        path.write_text(pipeline.yaml(), encoding="utf-8")
        return path

    def replay(self, pipeline: Pipeline, inputs: dict[str, bytes], *flags: object, log: str = "log") -> "Log":
        """Replays file contents, by source, and gives the log."""
        path = self.write(pipeline)
        named = []
        for source, content in inputs.items():
            file = self.directory / f"{source}.jsonl"
            file.write_bytes(content)
            named += ["--input", f"{source}={file}"]
        target = self.directory / log
        self.run("replay", path, *named, "--log", target, *flags)
        return Log(target)


@dataclass
class Running:
    process: subprocess.Popen
    errors: Path

    def stop(self, timeout: float = 30) -> None:
        """SIGTERM; the worker drains, commits and exits 0."""
        self.until_it_hears(timeout)
        assert self.process.poll() is None, f"the worker ended by itself:\n{self.tail()}"
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert status == 0, f"exit {status} after SIGTERM\n{self.tail()}"

    def until_it_hears(self, timeout: float) -> None:
        """A process that has not come to its first line yet is ended by any signal."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < deadline:
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
            blocked = next(line for line in status.splitlines() if line.startswith("SigBlk:"))
            if int(blocked.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
                return
            time.sleep(0.01)

    def tail(self) -> str:
        return self.errors.read_text(errors="replace")[-4000:]


@dataclass
class Log:
    path: Path

    def rows(self, view: View, types: dict[str, str]) -> list[dict]:
        """The view's rows by pyarrow, schema and paths checked, and the same again by DuckDB."""
        rows = self.rows_with_corrections(view, types)
        if rows:
            compare_rows(duck_rows(self.path / view.name, column_types(view, types)), rows, "DuckDB", "pyarrow")
        return rows

    def rows_with_corrections(self, view: View, types: dict[str, str]) -> list[dict]:
        """By pyarrow alone; rows that were written again are there more than once."""
        expected = column_types(view, types)
        rows = []
        for file in sorted((self.path / view.name).rglob("*.parquet")):
            rows += read_part(file, expected)
        return rows

    def dead_letters(self) -> list[dict]:
        letters = []
        for file in sorted((self.path / "_dead_letters").rglob("*")):
            if file.is_file():
                letters += [json.loads(line) for line in file.read_bytes().splitlines() if line]
        for letter in letters:
            assert LETTER <= letter.keys(), f"a dead letter lacks {LETTER - letter.keys()}: {letter}"
        return letters

    def dead(self, source: str | None = None) -> list[tuple]:
        """`(partition, offset, reason)` of the dead letters, sorted."""
        return sorted((d["partition"], d["offset"], d["reason"]) for d in self.dead_letters()
                      if source is None or d["source"] == source)


def original(letter: dict) -> bytes:
    return base64.b64decode(letter["value"] or "", validate=True)


def column_types(view: View, types: dict[str, str]) -> dict[str, str]:
    """Section 5, in its order."""
    return {
        **{name: types[name] for name in view.entity}, "event_timestamp": "timestamp", "created": "timestamp",
        **view.value_types, "partition": "int32", "offset": "int64",
    }


def utc_date(micros: int) -> str:
    day = micros // 86_400_000_000
    return str(datetime.fromordinal(datetime(1970, 1, 1).toordinal() + day).date())


def read_part(file: Path, expected: dict[str, str]) -> list[dict]:
    table = pq.ParquetFile(file, page_checksum_verification=True).read()
    types = {field.name: field.type for field in table.schema}
    assert types == {name: ARROW.get(t, pa.int32()) for name, t in expected.items()}, file
    assert table.column_names == list(expected), f"order of columns in {file}"
    assert file.parent.name.startswith("dt=") and len(file.relative_to(file.parents[1]).parts) == 2, file
    columns = {}
    for name, type in expected.items():
        values = table.column(name)
        columns[name] = (values.cast(pa.int64()) if type == "timestamp" else values).to_pylist()
    rows = [dict(zip(columns, values)) for values in zip(*columns.values())]
    for row in rows:
        assert row["created"] is not None
        assert file.parent.name == f"dt={utc_date(row['event_timestamp'])}", f"{row} in {file}"
    return rows


def duck_rows(view_directory: Path, expected: dict[str, str]) -> list[dict]:
    source = f"read_parquet('{view_directory}/**/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        described = {row[0]: row[1] for row in connection.execute(f"describe select * from {source}").fetchall()}
        assert described.pop("dt") in ("DATE", "VARCHAR")
        assert described == {name: DUCK.get(type, "INTEGER") for name, type in expected.items()}
        wrong = connection.execute(
            f"select count(*) from {source} where dt::date <> make_timestamp(epoch_us(event_timestamp))::date")
        assert wrong.fetchone() == (0,)
        columns = [f'epoch_us("{n}") as "{n}"' if t == "timestamp" else f'"{n}"' for n, t in expected.items()]
        fetched = connection.execute(f"select {', '.join(columns)} from {source}").fetchall()
    return [dict(zip(expected, values)) for values in fetched]


def bits(value: object) -> object:
    """Doubles by their bits; both zeros alike, since a sum's zero has no sign to keep."""
    if isinstance(value, float):
        return "double", struct.pack("<d", value + 0.0)
    return type(value).__name__, value


def newest(rows: list[dict]) -> list[dict]:
    """Of the rows of each event the one that was made last: no two of them at one instant."""
    found: dict[tuple[int, int], dict] = {}
    seen = set()
    for row in rows:
        assert (*position(row), row["created"]) not in seen, f"two rows of one event made at one instant: {row}"
        seen.add((*position(row), row["created"]))
        if position(row) not in found or found[position(row)]["created"] < row["created"]:
            found[position(row)] = row
    return list(found.values())


def position(row: dict) -> tuple[int, int]:
    return row["partition"], row["offset"]


def compare_rows(actual: list[dict], expected: list[dict], left: str = "freshet", right: str = "oracle") -> None:
    """Same rows, whatever their order: each position once, each value equal bit for bit. `created` is not compared."""
    found = {position(row): row for row in actual}
    wanted = {position(row): row for row in expected}
    assert len(found) == len(actual), f"{left} has {len(actual) - len(found)} rows twice"
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    assert not missing and not extra, f"{len(missing)} rows missing {missing[:10]}, {len(extra)} too many {extra[:10]}"
    differences = []
    for place, row in wanted.items():
        for name, value in row.items():
            if name != "created" and bits(found[place][name]) != bits(value):
                differences.append(f"  {place} at {row['event_timestamp']}: {name} is {found[place][name]!r} by {left}, "
                                   f"{value!r} by {right}")
    assert not differences, f"{len(differences)} values differ in {len(wanted)} rows\n" + "\n".join(differences[:20])
