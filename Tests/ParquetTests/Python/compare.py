"""Reads every *.parquet file of a folder with pyarrow and with DuckDB and compares it to the JSON file beside it.

A value is null, an integer (a double's bit pattern, a timestamp's microseconds, an unscaled decimal) or a text in hexadecimal.
"""
import decimal
import json
import math
import pathlib
import struct
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

decimal.getcontext().prec = 40


def arrow_type(name):
    if name.startswith("decimal"):
        return pa.decimal128(*map(int, name[8:-1].split(",")))
    if name.startswith("timestamp"):
        unit, *zone = name[10:-1].split(",")
        return pa.timestamp(unit, tz=zone[0] if zone else None)
    return {"string": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "double": pa.float64(), "bool": pa.bool_(),
            "date": pa.date32()}[name]


def is_wide(name):
    return name.startswith("decimal") and int(name[8:-1].split(",")[0]) > 18


def as_double(word):
    return struct.unpack("<d", struct.pack("<q", word))[0]


def words(column, name):
    """The values of an Arrow column in the form of the JSON file."""
    if name.startswith("timestamp"):
        # Engines have units and zones of their own; the instant is what has to be the same.
        unit = name[10:12]
        column = column.cast(pa.timestamp(unit, tz=column.type.tz))
        column = pa.chunked_array([c.view(pa.int64()) for c in column.chunks], pa.int64())
    if name == "date":
        column = pa.chunked_array([c.view(pa.int32()) for c in column.chunks], pa.int32())
    values = column.to_pylist()
    if name == "string":
        return [None if v is None else v.encode().hex() for v in values]
    if name == "double":
        return [None if v is None else struct.unpack("<q", struct.pack("<d", v))[0] for v in values]
    if name == "bool":
        return [None if v is None else int(v) for v in values]
    if name.startswith("decimal"):
        scale = int(name[8:-1].split(",")[1])
        return [None if v is None else int(v.scaleb(scale)) for v in values]
    return values


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in what))


def check_values(got, expected, name, *what):
    if name == "double":  # one NaN is as good as another
        got = ["nan" if v is not None and math.isnan(as_double(v)) else v for v in got]
        expected = ["nan" if v is not None and math.isnan(as_double(v)) else v for v in expected]
    if got != expected:
        check(len(got) == len(expected), *what, "rows:", len(got), "expected:", len(expected))
        row = next(i for i in range(len(got)) if got[i] != expected[i])
        check(False, *what, "row", row, "is", str(got[row])[:100], "expected", str(expected[row])[:100])


def expected_bounds(values, name):
    """Least and greatest value as the footer should have them, or None."""
    if name == "double":
        numbers = [v for v in map(as_double, values) if not math.isnan(v)]
        if not numbers:
            return None
        least, greatest = min(numbers), max(numbers)
        least, greatest = (-0.0 if least == 0 else least), (0.0 if greatest == 0 else greatest)
        return struct.pack("<d", least), struct.pack("<d", greatest)
    if not values:
        return None
    if name == "string":
        least, greatest = min(map(bytes.fromhex, values)), max(map(bytes.fromhex, values))
        return (least, greatest) if max(len(least), len(greatest)) <= 64 else None
    if is_wide(name):
        return min(values).to_bytes(16, "big", signed=True), max(values).to_bytes(16, "big", signed=True)
    layout = {"int32": "<i", "date": "<i", "bool": "<b"}.get(name, "<q")
    return struct.pack(layout, min(values)), struct.pack(layout, max(values))


def raw(value, name):
    if isinstance(value, bytes):
        return value
    if name == "string":
        return value.encode()
    if name.startswith(("timestamp", "decimal")) or name == "int64":
        return struct.pack("<q", value)
    return struct.pack({"int32": "<i", "date": "<i", "double": "<d", "bool": "<b"}[name], value)


def check_statistics(group, position, column, values, *what):
    name = column["type"]
    chunk = group.column(position)
    present = [v for v in values if v is not None]
    raw_plain = chunk.compression == "UNCOMPRESSED" and "RLE_DICTIONARY" not in chunk.encodings
    check(chunk.compression == "ZSTD" or raw_plain, *what, chunk.compression, chunk.encodings)
    check(chunk.num_values == len(values), *what, "num_values", chunk.num_values)
    if column["encoding"] and present:
        data = [e for e in chunk.encodings if e != "RLE"]
        if column["encoding"] == "RLE_DICTIONARY":
            check(chunk.has_dictionary_page and "RLE_DICTIONARY" in data, *what, chunk.encodings)
        else:
            check(data == [column["encoding"]], *what, chunk.encodings)
    statistics = chunk.statistics
    check(statistics.null_count == len(values) - len(present), *what, "null_count", statistics.null_count)
    bounds = expected_bounds(present, name)
    check(statistics.has_min_max == (bounds is not None), *what, "has_min_max", statistics.has_min_max)
    if bounds is None:
        return
    got = tuple(raw(v, name) for v in (statistics.min_raw, statistics.max_raw))
    check(got == bounds, *what, "bounds", got, "expected", bounds)


def check_filters(path, column, values, *what):
    """Readers may skip row groups by their statistics; they must find each value all the same."""
    name = column["type"]
    present = [v for v in values if v is not None]
    count = duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE \"{column['name']}\" IS NULL").fetchall()[0][0]
    check(count == len(values) - len(present), *what, "rows that are null:", count)
    if name not in ("string", "int32", "int64", "bool") or not present:
        return
    for value in {present[0], present[len(present) // 2], present[-1]}:
        text = bytes.fromhex(value).decode() if name == "string" else value
        if name == "string" and "\0" in text:
            continue
        argument = bool(text) if name == "bool" else text
        count = duckdb.execute(f"SELECT count(*) FROM '{path}' WHERE \"{column['name']}\" = ?", [argument]).fetchall()[0][0]
        check(count == present.count(value), *what, "rows equal to", value, ":", count, "expected", present.count(value))


def compare(path):
    expected = json.loads(path.with_suffix(".json").read_text())
    file = pq.ParquetFile(path)
    check(file.metadata.created_by.startswith("freshet version "), file.metadata.created_by)
    metadata = {k.decode(): v.decode() for k, v in (file.metadata.metadata or {}).items()}
    check(metadata == expected["metadata"], metadata)
    schema = file.schema_arrow
    check([f.name for f in schema] == [c["name"] for c in expected["columns"]], schema)
    for column in expected["columns"]:
        field = schema.field(column["name"])
        check(field.type == arrow_type(column["type"]), column["name"], field.type)
        check(field.nullable == column["nullable"], column["name"], "nullable", field.nullable)

    by_arrow = file.read()
    by_duckdb = duckdb.sql(f"SELECT * FROM '{path}'").to_arrow_table()
    groups = expected["columns"][0]["groups"]
    check(file.metadata.num_row_groups == len(groups), "row groups", file.metadata.num_row_groups)
    for position, column in enumerate(expected["columns"]):
        name = column["type"]
        what = (path.name, column["name"], name)
        values = [v for group in column["groups"] for v in group]
        check_values(words(by_arrow.column(position), name), values, name, "pyarrow:", *what)
        check_values(words(by_duckdb.column(position), name), values, name, "DuckDB:", *what)
        check_filters(path, column, values, "DuckDB filter:", *what)
        for number, group in enumerate(column["groups"]):
            check_statistics(file.metadata.row_group(number), position, column, group, "footer:", *what, "group", number)


paths = sorted(pathlib.Path(sys.argv[1]).glob("*.parquet"))
failures = 0
for path in paths:
    try:
        compare(path)
    except Exception as error:
        failures += 1
        print(f"{path.name}: {type(error).__name__}: {error}")
print(f"{len(paths)} files compared, {failures} differ")
sys.exit(1 if failures or not paths else 0)
