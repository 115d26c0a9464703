"""Spark's own files, for `replay` and `join`. pyspark is large and needs Java, so it is none of the requirements; where it can be
imported, these run:

    pip install pyspark -r Tests/Blackbox/requirements.txt && FRESHET_BIN=… python -m pytest Tests/Blackbox/test_spark.py
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import generate
import oracle
from freshet import Freshet
from test_archive import checksum, pipeline
from test_join import EPOCH, compare, expected_values, read, simple_pipeline, spine_of, types_of

pytest.importorskip("pyspark")
from pyspark.sql import DataFrame, SparkSession  # noqa: E402
from pyspark.sql import types as t  # noqa: E402


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    session = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
               .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse"))).config("spark.driver.memory", "1g").getOrCreate())
    yield session
    session.stop()


TYPES = {"string": t.StringType(), "int64": t.LongType(), "double": t.DoubleType(), "bool": t.BooleanType(), "timestamp": t.TimestampType()}
# The default comes first.
COMPRESSION = ["snappy", "gzip", "zstd", "lz4_raw", "uncompressed"]
TIMES = ["INT96", "TIMESTAMP_MICROS", "TIMESTAMP_MILLIS"]
SETTINGS = [dict(zip(("compression", "times", "dictionary", "version", "legacy"), values)) for values in [
    *zip(COMPRESSION, itertools.cycle(TIMES), itertools.cycle([True, False]), itertools.cycle([1, 1, 2, 2]), itertools.cycle([False])),
    ("snappy", "TIMESTAMP_MICROS", True, 2, False), ("snappy", "INT96", True, 1, True), ("zstd", "TIMESTAMP_MICROS", False, 2, True),
    ("gzip", "TIMESTAMP_MILLIS", True, 2, True), ("snappy", "INT96", False, 2, False),
]]


def spark_type(declared: str) -> t.DataType:
    type = declared.rstrip("?")
    return t.DecimalType(18, oracle.scale_of(type)) if type.startswith("decimal") else TYPES[type]


def write(spark: SparkSession, frame: DataFrame, path: Path, setting: dict) -> None:
    spark.conf.set("spark.sql.parquet.outputTimestampType", setting["times"])
    spark.conf.set("spark.sql.parquet.writeLegacyFormat", str(setting["legacy"]).lower())
    frame.write.mode("overwrite").options(**{
        "compression": setting["compression"], "parquet.enable.dictionary": str(setting["dictionary"]).lower(),
        "parquet.writer.version": f"PARQUET_{setting['version']}_0", "parquet.block.size": 1 << 16, "parquet.page.size": 1 << 12,
    }).parquet(str(path))
    names = [p.name for p in path.iterdir()]
    assert "_SUCCESS" in names and any(name.endswith(".crc") for name in names)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: "-".join(map(str, s.values())))
def test_events(freshet: Freshet, spark: SparkSession, setting: dict) -> None:
    """A folder of several files with marks and checksums, every type with nulls."""
    lines = generate.schedule(71, 900, step=60_000_000)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    (freshet.directory / "p.yaml").write_text(pipeline() + "\n".join(
        f"      - {{name: f_{n}, aggregate: last({n}), windows: [1h]}}" for n in generate.FIELDS))
    schema = t.StructType([t.StructField(name, spark_type(declared)) for name, declared in generate.FIELDS.items()])
    rows = [tuple(EPOCH + timedelta(microseconds=v) if n == "event_time" else v for n, v in e.fields.items()) for e in events]
    write(spark, spark.createDataFrame(spark.sparkContext.parallelize(rows, 3), schema), freshet.directory / "in", setting)
    assert len(list((freshet.directory / "in").glob("part-*.parquet"))) == 3
    assert checksum(freshet, "--input", "s=in") == checksum(freshet, "--input", "s=s.jsonl")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: "-".join(map(str, s.values())))
def test_spines(freshet: Freshet, spark: SparkSession, setting: dict) -> None:
    """What the spine has beside entities and instants goes through as it is: decimals of any width, dates, times without a zone."""
    plan = simple_pipeline()
    lines = generate.schedule(72, 400)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(plan)
    rows = spine_of(events, 72, 300)
    if setting["times"] == "TIMESTAMP_MILLIS":
        rows = [{**row, "event_timestamp": row["event_timestamp"] // 1000 * 1000} for row in rows]
    extra = {"money": t.DecimalType(30, 4), "cents": t.DecimalType(9, 2), "day": t.DateType(), "small": t.ShortType(), "real": t.FloatType(),
             "wall": t.TimestampNTZType()}
    kinds = {"label": t.LongType(), "event_timestamp": t.TimestampType(), "customer": t.StringType(), "terminal": t.StringType(),
             "shop": t.LongType(), "fraud": t.LongType(), "note": t.StringType()}
    moment = EPOCH + timedelta(days=20_000, microseconds=123_000)
    tuples = []
    for number, row in enumerate(rows):
        more = [Decimal(number) ** 4 / 10**4 - 5, Decimal(number) / 100, (moment + timedelta(days=number)).date(), number % 99 - 50, number / 8,
                (moment + timedelta(minutes=number)).replace(tzinfo=None)]
        own = [EPOCH + timedelta(microseconds=row[n]) if n == "event_timestamp" else row[n] for n in kinds]
        tuples.append((*own, *(None if number % 5 == i else v for i, v in enumerate(more))))
    schema = t.StructType([t.StructField(n, k) for n, k in {**kinds, **extra}.items()])
    folder = freshet.directory / "spine.parquet"
    write(spark, spark.createDataFrame(spark.sparkContext.parallelize(tuples, 2), schema), folder, setting)
    files = sorted(folder.glob("part-*.parquet"))
    assert len(files) == 2
    freshet.run("join", "pipeline.yaml", "--spine", "spine.parquet", "--out", "out.parquet", "--input", "s=s.jsonl")
    without_time = [{name: value for name, value in row.items() if name != "event_timestamp"} for row in rows]
    compare(read(freshet.directory / "out.parquet", types_of(plan)), without_time, expected_values(plan, events, rows))
    before, after = pa.concat_tables(pq.read_table(file) for file in files), pq.read_table(freshet.directory / "out.parquet")
    for name in ("event_timestamp", *extra):
        assert after.column(name).to_pylist() == before.column(name).to_pylist(), name
