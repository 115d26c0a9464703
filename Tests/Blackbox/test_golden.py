"""Every folder of pipelines/golden through the binary; and the folders that golden.py has a twin of, against the oracle."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import golden
from freshet import Freshet, Log, bits, newest

FOLDERS = sorted(path.parent for path in golden.ROOT.glob("*/pipeline.yaml"))


def json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def rows_as_json(directory: Path) -> list[dict]:
    """The newest row of each event without `created`, as the golden files have them."""
    rows = []
    for file in sorted(directory.rglob("*.parquet")):
        table = pq.ParquetFile(file).read()
        columns = {}
        for field in table.schema:
            values, type = table.column(field.name), str(field.type)
            if pa.types.is_timestamp(field.type):
                values, type = values.cast(pa.int64()), "timestamp"
            columns[field.name] = [golden.shown(value, type) for value in values.to_pylist()]
        rows += [dict(zip(columns, values)) for values in zip(*columns.values())]
    rows = newest(rows)
    for row in rows:
        del row["created"]
    return rows


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_golden(freshet: Freshet, folder: Path) -> None:
    log = Log(freshet.directory / "log")
    freshet.run("check", folder / "pipeline.yaml")
    inputs = [("payments", folder / "events.jsonl")] if (folder / "events.jsonl").exists() else [
        (path.name.removeprefix("events.").removesuffix(".jsonl"), path) for path in sorted(folder.glob("events.*.jsonl"))]
    flags = [flag for source, path in inputs for flag in ("--input", f"{source}={path}")]
    freshet.run("replay", folder / "pipeline.yaml", *flags, "--log", log.path)
    for expected in sorted((folder / "expected").glob("*.jsonl")):
        if expected.stem == "_dead_letters":
            continue
        found = sorted(rows_as_json(log.path / expected.stem), key=lambda row: (row["partition"], row["offset"]))
        wanted = sorted(json_lines(expected), key=lambda row: (row["partition"], row["offset"]))
        assert [list(row) for row in found] == [list(row) for row in wanted], expected.stem
        for row, other in zip(found, wanted):
            for name in other:
                assert bits(row[name]) == bits(other[name]), f"{expected.stem}: {name} of\n{row}\nis not that of\n{other}"
    letters = folder / "expected" / "_dead_letters.jsonl"
    wanted = [(d["partition"], d["offset"], d["reason"]) for d in json_lines(letters)] if letters.exists() else []
    assert log.dead() == sorted(wanted)


@pytest.mark.parametrize("pipeline, lines", golden.CASES, ids=[pipeline.name for pipeline, _ in golden.CASES])
def test_the_oracle_stands_by_its_files(pipeline: golden.Pipeline, lines: list[str]) -> None:
    for name, text in golden.files(pipeline, lines).items():
        assert (golden.ROOT / pipeline.name / name).read_text(encoding="utf-8") == text, name
