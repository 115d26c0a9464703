"""Writes Parquet files with pyarrow, DuckDB and Polars, and beside each folder's files what a reader has to find in them.

    foreign.py FOLDER SEED ROWS     every combination of encoding, compression and page version
    foreign.py FOLDER golden        the few small files that are kept under Golden/foreign

NAME.parquet goes with NAME.expected, or with the file that NAME.like names. A line `column NAME TYPE NULLABLE` (NULLABLE 0, 1 or
`-` for either) begins a column, and a line for each value follows: `null`, a number (a double's bit pattern, a timestamp in its
unit, an unscaled decimal), or x and a text in hexadecimal. `obstacle NAME WORDS` is a column that cannot be read, `refused NAME WORDS` one whose values give an error.
"""
import datetime
import decimal
import itertools
import pathlib
import random
import struct
import sys

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

decimal.getcontext().prec = 60
EPOCH = datetime.date(1970, 1, 1)


class Column:
    """A column's name, its type as the reader calls it, its Arrow type, and its values as words or bytes."""

    def __init__(self, name, type, arrow, values):
        self.name, self.type, self.arrow, self.values = name, type, arrow, values

    def array(self):
        arrow, values = self.arrow, self.values
        if pa.types.is_floating(arrow):
            layout, integer = ("<d", "<q") if arrow == pa.float64() else ("<f", "<i")
            return pa.array([None if v is None else struct.unpack(layout, struct.pack(integer, v))[0] for v in values], arrow)
        if pa.types.is_decimal(arrow):
            exponent = decimal.Decimal(1).scaleb(-arrow.scale)
            return pa.array([None if v is None else decimal.Decimal(v) * exponent for v in values], arrow)
        if pa.types.is_timestamp(arrow):
            return pa.array(values, pa.int64()).view(arrow)
        if pa.types.is_date32(arrow):
            return pa.array(values, pa.int32()).view(arrow)
        if pa.types.is_boolean(arrow):
            return pa.array([None if v is None else bool(v) for v in values], arrow)
        if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
            return pa.array([None if v is None else v.decode() for v in values], arrow)
        return pa.array(values, arrow)

    def lines(self, nullable, type=None):
        yield f"column\t{self.name}\t{type or self.type}\t{nullable}"
        for value in self.values:
            if value is None:
                yield "null"
            elif isinstance(value, bytes):
                yield "x" + value.hex()
            elif pa.types.is_float32(self.arrow):
                number = struct.unpack("<f", struct.pack("<i", value))[0]
                yield str(struct.unpack("<q", struct.pack("<d", number))[0])
            else:
                yield str(value)


def shapes(rng, rows, low, high):
    """Numbers of one of several shapes: few, steps, any, runs."""
    kind = rng.randrange(4)
    if kind == 0:
        few = [rng.randint(low, high) for _ in range(rng.randint(1, 12))]
        return [rng.choice(few) for _ in range(rows)]
    if kind == 1:
        start, step = rng.randint(low, high), rng.randint(0, max(1, min(5000, (high - low) // max(1, rows))))
        return [max(low, min(high, start + i * step)) for i in range(rows)]
    if kind == 2:
        return [rng.choice([low, high, 0 if low <= 0 else low, rng.randint(low, high)]) for _ in range(rows)]
    values = []
    while len(values) < rows:
        values += [rng.randint(low, high)] * rng.choice([1, 1, 3, 8, 40, 300])
    return values[:rows]


def texts(rng, rows):
    kind = rng.randrange(3)
    if kind == 0:
        few = ["", "a", "Zürich", "東京 🧊", "customer-1", "x" * 70]
        return [rng.choice(few).encode() for _ in range(rows)]
    if kind == 1:
        return [f"https://example.org/path/{rng.randrange(10**6)}/é".encode() for _ in range(rows)]
    return [f"{i:07}-{'long ' * rng.choice([0, 0, 0, 30])}".encode() for i in range(rows)]


def doubles(rng, rows):
    special = [0.0, -0.0, float("inf"), float("-inf"), 5e-324, 1.5, -2.25]
    few = [rng.uniform(-100, 100) for _ in range(9)] + special
    pick = (lambda: rng.choice(few)) if rng.random() < 0.5 else (lambda: rng.gauss(0, 1e6))
    return [pick() for _ in range(rows)]


def words_of(numbers, layout, integer):
    return [struct.unpack(integer, struct.pack(layout, n))[0] for n in numbers]


def plain_columns(rng, rows):
    def integers(low, high):
        return shapes(rng, rows, low, high)

    columns = []
    for name, type, low, high in [
            ("int8", "int32", -2**7, 2**7 - 1), ("int16", "int32", -2**15, 2**15 - 1), ("int32", "int32", -2**31, 2**31 - 1),
            ("int64", "int64", -2**63, 2**63 - 1), ("uint8", "int32", 0, 2**8 - 1), ("uint16", "int32", 0, 2**16 - 1),
            ("uint32", "int64", 0, 2**32 - 1), ("uint64", "int64", 0, 2**63 - 1)]:
        columns.append(Column(name, type, getattr(pa, name)(), integers(low, high)))
    columns.append(Column("double", "double", pa.float64(), words_of(doubles(rng, rows), "<d", "<q")))
    floats = [n if abs(n) < 1e30 or n in (float("inf"), float("-inf")) else 1.5 for n in doubles(rng, rows)]
    columns.append(Column("float", "double", pa.float32(), words_of(floats, "<f", "<i")))
    columns.append(Column("bool", "bool", pa.bool_(), integers(0, 1)))
    columns.append(Column("string", "string", pa.string(), texts(rng, rows)))
    columns.append(Column("large_string", "string", pa.large_string(), texts(rng, rows)))
    columns.append(Column("bytes", "string", pa.binary(), texts(rng, rows)))
    columns.append(Column("date", "date", pa.date32(), integers(-700_000, 2_900_000)))
    for unit, least in [("ms", 10**15), ("us", 2**60), ("ns", 2**60)]:
        for zone in [None, "UTC"]:
            suffix = ",UTC" if zone else ""
            columns.append(Column(
                f"time_{unit}{'_utc' if zone else ''}", f"timestamp({unit}{suffix})", pa.timestamp(unit, tz=zone),
                integers(-least, least)))
    for digits, scale in [(1, 0), (9, 2), (10, 3), (18, 18), (19, 4), (38, 10)]:
        most = 10**digits - 1
        columns.append(Column(
            f"decimal_{digits}", f"decimal({digits},{scale})", pa.decimal128(digits, scale), integers(-most, most)))
    return columns


def all_columns(rng, rows):
    """Each type without nulls and with some; a few with nothing but nulls."""
    required = plain_columns(rng, rows)
    optional = plain_columns(rng, rows)
    for column in optional:
        column.name += "_null"
        share = rng.choice([0.02, 0.5, 0.97, None])
        if share is None:  # long stretches
            flags = shapes(rng, rows, 0, 1)
            column.values = [v if f else None for v, f in zip(column.values, flags)]
        else:
            column.values = [None if rng.random() < share else v for v in column.values]
    empty = [c for c in plain_columns(rng, rows) if c.name in ("int64", "string", "bool", "decimal_38")]
    for column in empty:
        column.name += "_empty"
        column.values = [None] * rows
    return required, optional + empty


def arrow_table(required, optional):
    fields = [pa.field(c.name, c.arrow, nullable=False) for c in required]
    fields += [pa.field(c.name, c.arrow, nullable=True) for c in optional]
    return pa.table([c.array() for c in required + optional], schema=pa.schema(fields))


def write_expected(path, lines):
    path.write_text("".join(line + "\n" for line in lines))


def pyarrow_layouts(required, optional):
    """Options by the name of what they are for."""
    integers = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "date"]
    times = [c.name for c in required if c.name.startswith("time")]
    strings = ["string", "large_string", "bytes"]
    decimals = [c.name for c in required if c.name.startswith("decimal")]
    names = {c.name for c in required + optional}

    def encodings(*pairs):
        chosen = {}
        for columns, encoding in pairs:
            for column in columns:
                for name in (column, column + "_null", column + "_empty"):
                    if name in names:
                        chosen[name] = encoding
        return {"use_dictionary": False, "column_encoding": chosen}

    return {
        "dictionary": {"use_dictionary": True},
        "fallback": {"use_dictionary": True, "dictionary_pagesize_limit": 1500},
        "plain": {"use_dictionary": False},
        "delta": encodings((integers + times, "DELTA_BINARY_PACKED"), (strings, "DELTA_LENGTH_BYTE_ARRAY"),
                           (decimals, "DELTA_BYTE_ARRAY"), (["bool"], "RLE")),
        "delta_bytes": encodings((strings, "DELTA_BYTE_ARRAY"), (["bool"], "RLE")),
        "split": encodings((integers + times + ["double", "float"] + decimals, "BYTE_STREAM_SPLIT")),
    }


def write_pyarrow(folder, rng, rows):
    required, optional = all_columns(rng, rows)
    table = arrow_table(required, optional)
    lines = [line for c in required for line in c.lines(0)] + [line for c in optional for line in c.lines(1)]
    write_expected(folder / "pyarrow.expected", lines)
    layouts = pyarrow_layouts(required, optional)
    codecs = ["none", "snappy", "gzip", "zstd", "lz4"]
    for (layout, options), codec, version in itertools.product(layouts.items(), codecs, ["1.0", "2.0"]):
        name = f"pyarrow_{layout}_{codec}_v{version[0]}"
        pq.write_table(
            table, folder / f"{name}.parquet", compression=codec, data_page_version=version, version="2.6",
            row_group_size=rng.choice([rows, rows // 3 + 1, rows // 2 + 1]), data_page_size=rng.choice([200, 3000, 1 << 20]),
            write_page_checksum=rng.random() < 0.5, write_batch_size=rng.choice([10, 64, 1024]),
            store_decimal_as_integer=layout != "delta" and rng.random() < 0.5, **options)
        (folder / f"{name}.like").write_text("pyarrow")
    write_oddities(folder, rng, rows)


def write_oddities(folder, rng, rows):
    """Nested columns among flat ones, INT96, nothing at all, row groups without rows, categories, old types."""
    a = Column("a", "int64", pa.int64(), shapes(rng, rows, -9, 9))
    z = Column("z", "string", pa.string(), texts(rng, rows))
    nested = pa.table({
        "list": pa.array([[i, None] if i % 3 else None for i in range(rows)], pa.list_(pa.int64())),
        "a": a.array(),
        "struct": pa.array([{"x": i, "y": {"u": str(i), "v": [i]}} for i in range(rows)]),
        "map": pa.array([[(str(i), i)] for i in range(rows)], pa.map_(pa.string(), pa.int64())),
        "time": pa.array([i for i in range(rows)], pa.time64("us")),
        "half": pa.array(np.arange(rows, dtype=np.float16)),
        "fixed": pa.array([b"12345678"] * rows, pa.binary(8)),
        "z": z.array(),
    })
    pq.write_table(nested, folder / "nested.parquet", row_group_size=rows // 2 + 1)
    write_expected(folder / "nested.expected", [
        "obstacle\tlist\tnested", *a.lines(1), "obstacle\tstruct\tnested", "obstacle\tmap\tnested", "obstacle\ttime\ttime of day",
        "obstacle\thalf\t16-bit float", "obstacle\tfixed\tbytes", *z.lines(1)])

    ns = Column("t", "timestamp(ns)", pa.timestamp("ns"),
                [None if rng.random() < 0.1 else rng.randint(-2**61, 2**61) for _ in range(rows)])
    pq.write_table(pa.table({"t": ns.array()}), folder / "int96.parquet", use_deprecated_int96_timestamps=True, compression="snappy")
    write_expected(folder / "int96.expected", ns.lines(1))

    category = Column("c", "string", pa.string(), [rng.choice([b"red", b"green", None]) for _ in range(rows)])
    nothing = Column("n", "int32", pa.int32(), [None] * rows)
    pq.write_table(pa.table({"c": category.array().dictionary_encode(), "n": pa.nulls(rows)}), folder / "category.parquet")
    write_expected(folder / "category.expected", [*category.lines(1), *nothing.lines(1)])

    old = [c for c in plain_columns(rng, rows) if c.name in ("int32", "time_ms_utc", "time_us_utc", "string", "decimal_19")]
    pq.write_table(arrow_table(old, []), folder / "version1.parquet", version="1.0", coerce_timestamps="us",
                   allow_truncated_timestamps=True, store_schema=False)
    lines = []
    for column in old:
        if column.name == "time_ms_utc":
            column.values = [v * 1000 for v in column.values]
            column.type = "timestamp(us,UTC)"
        lines += column.lines(0)
    write_expected(folder / "version1.expected", lines)

    # Values that have no place in what they read as, each at a row of its own.
    count = 12
    big = decimal.Decimal(10)**40
    refused = pa.table({
        "uint64": pa.array([0] * 5 + [2**63] + [1] * 6, pa.uint64()),
        "utf8": pa.array([b"a", None, b"\xff\xfe"] + [b"b"] * 9, pa.binary()),
        "decimal_39": pa.array([big] * count, pa.decimal256(50, 0)),
        "ok": pa.array(range(count), pa.int64()),
    })
    for dictionary in (True, False):
        name = f"refused_{'dictionary' if dictionary else 'plain'}"
        pq.write_table(refused, folder / f"{name}.parquet", use_dictionary=dictionary, row_group_size=4)
        write_expected(folder / f"{name}.expected", [
            "refused\tuint64\trow 5: 9223372036854775808 is beyond", "refused\tutf8\trow 2: a text that is not UTF-8",
            "obstacle\tdecimal_39\tdecimal of 50 digits", *Column("ok", "int64", pa.int64(), range(count)).lines(1)])
    far = datetime.datetime(9999, 12, 31)
    micros = pa.array([0, (far - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)], pa.int64())
    pq.write_table(pa.table({"t": micros.view(pa.timestamp("us"))}), folder / "int96_far.parquet",
                   use_deprecated_int96_timestamps=True)
    write_expected(folder / "int96_far.expected", ["refused\tt\trow 1: a time beyond 64 bits of nanoseconds"])
    pq.write_table(pa.table({"a": a.array()}), folder / "brotli.parquet", compression="brotli")
    write_expected(folder / "brotli.expected", ["refused\ta\tcompression Brotli is not read"])

    empty = arrow_table(*all_columns(rng, 0))
    pq.write_table(empty, folder / "no_rows.parquet")
    columns = all_columns(rng, 0)
    write_expected(folder / "no_rows.expected", [l for c in columns[0] for l in c.lines(0)] + [l for c in columns[1] for l in c.lines(1)])
    with pq.ParquetWriter(folder / "empty_groups.parquet", pa.schema([("a", pa.int64())])) as writer:
        for count in [0, 3, 0, 0, 4, 0]:
            writer.write_table(pa.table({"a": pa.array(range(count), pa.int64())}))
    write_expected(folder / "empty_groups.expected", Column("a", "int64", pa.int64(), [0, 1, 2, 0, 1, 2, 3]).lines(1))


def write_duckdb(folder, rng, rows):
    required, optional = all_columns(rng, rows)
    kept = [c for c in required + optional if not c.name.startswith("bytes")]
    table = pa.table({c.name: c.array() for c in kept})
    lines = []
    for column in kept:
        # DuckDB has one kind of zoned timestamp, of microseconds.
        name, type = column.name, column.type
        if name.startswith(("time_ms_utc", "time_ns_utc")):
            continue
        lines += column.lines("-", type)
    table = table.select([c.name for c in kept if not c.name.startswith(("time_ms_utc", "time_ns_utc"))])
    write_expected(folder / "duckdb.expected", lines)
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.register("rows_of_test", table)
    for codec, version in itertools.product(["uncompressed", "snappy", "gzip", "zstd", "lz4_raw"], ["V1", "V2"]):
        name = f"duckdb_{codec}_{version.lower()}"
        connection.execute(
            f"COPY rows_of_test TO '{folder / name}.parquet' (FORMAT parquet, COMPRESSION {codec}, PARQUET_VERSION {version}, "
            f"ROW_GROUP_SIZE 2048)")
        (folder / f"{name}.like").write_text("duckdb")


def write_polars(folder, rng, rows):
    required, optional = all_columns(rng, rows)
    columns = [c for c in required + optional if not c.name.startswith("bytes")]
    frame = pl.from_arrow(pa.table({c.name: c.array() for c in columns}))
    write_expected(folder / "polars.expected", [line for c in columns for line in c.lines("-")])
    for codec, page in itertools.product(["uncompressed", "snappy", "gzip", "zstd", "lz4"], [None, 500]):
        name = f"polars_{codec}_{page or 'large'}"
        frame.write_parquet(folder / f"{name}.parquet", compression=codec, row_group_size=rows // 2 + 1, data_page_size=page)
        (folder / f"{name}.like").write_text("polars")


def write_golden(folder):
    """A few columns and rows by each writer, so that all the reader's ways are taken."""
    rng = random.Random(7)
    rows = 70
    required, optional = all_columns(rng, rows)
    names = {"int32", "int64", "uint32", "double", "float", "bool", "string", "date", "time_ms", "decimal_9", "decimal_38"}
    required = [c for c in required if c.name in names]
    optional = [c for c in optional if c.name.removesuffix("_null") in names or c.name == "string_empty"]
    table = arrow_table(required, optional)
    write_expected(folder / "pyarrow.expected",
                   [line for c in required for line in c.lines(0)] + [line for c in optional for line in c.lines(1)])
    layouts = pyarrow_layouts(required, optional)
    layouts["fallback"]["dictionary_pagesize_limit"] = 60
    for layout, codec, version in [("dictionary", "snappy", "1.0"), ("fallback", "none", "2.0"), ("plain", "gzip", "1.0"),
                                   ("delta", "zstd", "2.0"), ("delta_bytes", "none", "1.0"), ("split", "lz4", "2.0")]:
        options = layouts[layout]
        if "column_encoding" in options:
            options["column_encoding"] = {k: v for k, v in options["column_encoding"].items() if k in table.column_names}
        name = f"pyarrow_{layout}_{codec}_v{version[0]}"
        pq.write_table(table, folder / f"{name}.parquet", compression=codec, data_page_version=version, row_group_size=40,
                       data_page_size=100, write_batch_size=16, write_page_checksum=layout in ("plain", "delta"),
                       store_schema=False, write_statistics=False, **options)
        (folder / f"{name}.like").write_text("pyarrow")
    write_oddities(folder, rng, 20)
    for other in ("no_rows", "version1"):
        for ending in ("parquet", "expected"):
            (folder / f"{other}.{ending}").unlink()

    columns = [c for c in required + optional if c.name != "string_empty"]
    table = pa.table({c.name: c.array() for c in columns})
    write_expected(folder / "any.expected", [line for c in columns for line in c.lines("-")])
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.register("rows_of_test", table)
    for codec, version in [("snappy", "V1"), ("zstd", "V2")]:
        connection.execute(f"COPY rows_of_test TO '{folder}/duckdb_{codec}.parquet' "
                           f"(FORMAT parquet, COMPRESSION {codec}, PARQUET_VERSION {version})")
        (folder / f"duckdb_{codec}.like").write_text("any")
    for codec in ["snappy", "gzip"]:
        pl.from_arrow(table).write_parquet(folder / f"polars_{codec}.parquet", compression=codec, data_page_size=100, statistics=False)
        (folder / f"polars_{codec}.like").write_text("any")


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
if sys.argv[2] == "golden":
    write_golden(folder)
else:
    rng = random.Random(int(sys.argv[2]))
    rows = int(sys.argv[3])
    write_pyarrow(folder, rng, rows)
    write_duckdb(folder, rng, rows)
    write_polars(folder, rng, rows)
