"""Replays a file of card transactions through the binary and compares every value with DuckDB's window functions.

    FRESHET_BIN=… python duckdb_check.py transactions.jsonl[.zst] [--keep DIR]

Each line: transaction_id, event_time (ms), customer_id, terminal_id, amount (two decimals), fraud (0 or 1), in the order of
event_time. Two views in `arrival` mode: per customer count and avg(amount), per terminal count and avg(fraud) delayed by 7d.

`arrival` counts, of events at one instant, those of earlier lines only. So the order key in DuckDB is time and line in one
number, `ms << 24 | line`, and a frame reaches from the first line of the instant after t - d - w to the own line, or with
a delay to the last line of t - d. Sums are exact integers; an average is one IEEE division of two integers below 2^53,
as correctly rounded as the binary's has to be. DuckDB's own avg is not used: it may round more than once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

PIPELINE = """\
pipeline: duckdb_check
version: 1
sources:
  transactions:
    topic: transactions
    format: json
    key: customer_id
    event_time: {field: event_time, unit: ms}
    out_of_orderness: 5s
    fields:
      transaction_id: int64
      event_time: timestamp
      customer_id: string
      terminal_id: string
      amount: decimal(2)
      fraud: int64
views:
  customer_spend:
    source: transactions
    entity: [customer_id]
    snapshots: arrival
    features:
      - {name: tx_count, aggregate: count(), windows: [1d, 7d, 30d]}
      - {name: amount_avg, aggregate: avg(amount), windows: [1d, 7d, 30d]}
  terminal_risk:
    source: transactions
    entity: [terminal_id]
    snapshots: arrival
    features:
      - {name: tx_count, aggregate: count(), windows: [1d, 7d, 30d], delay: 7d}
      - {name: risk, aggregate: avg(fraud), windows: [1d, 7d, 30d], delay: 7d}
"""

DAYS = (1, 7, 30)
DAY = 86_400_000  # ms
SHIFT = 24
COLUMNS = ("{transaction_id: 'BIGINT', event_time: 'BIGINT', customer_id: 'VARCHAR', terminal_id: 'VARCHAR', "
           "amount: 'DECIMAL(18,2)', fraud: 'BIGINT'}")


def replay(binary: str, file: Path, directory: Path) -> Path:
    pipeline, log = directory / "pipeline.yaml", directory / "log"
    pipeline.write_text(PIPELINE)
    started = time.monotonic()
    subprocess.run([binary, "replay", pipeline, "--input", f"transactions={file}", "--log", log], check=True)
    print(f"replayed in {time.monotonic() - started:.1f} s")
    return log


def load(connection: duckdb.DuckDBPyConnection, file: Path) -> int:
    """The events with their line, and the order key; DuckDB keeps the order of a file's rows."""
    connection.execute(f"""
        create table events as
        select *, (amount * 100)::bigint as cents,
               ((event_time - min(event_time) over ()) << {SHIFT}) | line as place
        from (select *, row_number() over () - 1 as line
              from read_json('{file}', format = 'newline_delimited', columns = {COLUMNS}))""")
    count, unsorted, wide = connection.execute(f"""
        select count(*), count(*) filter (event_time < earlier), count(*) filter (line >= 1 << {SHIFT})
        from (select *, lag(event_time) over (order by line) as earlier from events)""").fetchone()
    assert not unsorted and not wide, "the lines have to be in the order of event_time, and fewer than 2^24"
    return count


def window(name: str, days: int, entity: str, delay: int) -> str:
    """`(t - delay - days, t - delay]` as a frame of places before the row's own."""
    far = f"({((delay + days) * DAY - 1) << SHIFT}) + line"
    near = f"({(delay * DAY) << SHIFT}) + line - {(1 << SHIFT) - 1} preceding" if delay else "current row"
    return f"{name} as (partition by {entity} order by place range between {far} preceding and {near})"


def expected(view: str, entity: str, argument: str, scale: int, feature: str, delay: int) -> str:
    columns, windows = [], []
    for days in DAYS:
        count, total, frame = f"tx_count_{days}d", f"total_{days}d", f"w{days}"
        columns += [f"count(*) over {frame} as {count}", f"coalesce(sum({argument}) over {frame}, 0) as {total}"]
        windows.append(window(frame, days, entity, delay))
    values = [f"tx_count_{d}d, total_{d}d, if(tx_count_{d}d = 0, null, "
              f"total_{d}d::double / ({scale} * tx_count_{d}d)::double) as {feature}_{d}d" for d in DAYS]
    return f"""create table {view} as
        select line, {entity}, event_time, {', '.join(values)}
        from (select line, {entity}, event_time, {', '.join(columns)} from events window {', '.join(windows)})"""


def compare(connection: duckdb.DuckDBPyConnection, log: Path, view: str, entity: str, feature: str, count: int) -> int:
    connection.execute(f"create view actual as select * from read_parquet('{log}/{view}/**/*.parquet', hive_partitioning = true)")
    rows, offsets = connection.execute('select count(*), count(distinct "offset") from actual').fetchone()
    print(f"{view}: {rows} rows of {count}")
    differences = abs(rows - count) + (rows - offsets)
    inexact = connection.execute(
        f"select max(greatest({', '.join(f'abs(total_{d}d), 100 * tx_count_{d}d' for d in DAYS)})) from {view}").fetchone()[0]
    assert inexact < 2**53, "the quotients would not be of exact doubles"
    pairs = {name: (f"a.{name}", f"e.{name}") for d in DAYS for name in (f"tx_count_{d}d", f"{feature}_{d}d")}
    pairs |= {entity: (f"a.{entity}", f"e.{entity}"), "event_timestamp": ("epoch_us(a.event_timestamp)", "e.event_time * 1000"),
              "partition": ('a."partition"', "0")}
    for name, (left, right) in pairs.items():
        source = f'from {view} e left join actual a on a."offset" = e.line where {left} is distinct from {right}'
        wrong = connection.execute(f"select count(*) {source}").fetchone()[0]
        print(f"  {name}: {wrong} differences")
        if wrong:
            for line, actual, wanted in connection.execute(f"select e.line, {left}, {right} {source} order by 1 limit 5").fetchall():
                print(f"    line {line}: {actual!r} by freshet, {wanted!r} by DuckDB")
        differences += wrong
    connection.execute("drop view actual")
    return differences


def check(binary: str, file: Path, directory: Path) -> int:
    log = replay(binary, file, directory)
    with duckdb.connect(str(directory / "check.duckdb")) as connection:
        count = load(connection, file)
        differences = 0
        for view, entity, argument, scale, feature, delay in (
            ("customer_spend", "customer_id", "cents", 100, "amount_avg", 0), ("terminal_risk", "terminal_id", "fraud", 1, "risk", 7),
        ):
            connection.execute(expected(view, entity, argument, scale, feature, delay))
            differences += compare(connection, log, view, entity, feature, count)
    print(f"{differences} differences")
    return differences


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--keep", type=Path, help="where pipeline, log and DuckDB's tables stay")
    arguments = parser.parse_args()
    binary = os.environ.get("FRESHET_BIN")
    if not binary:
        parser.error("FRESHET_BIN names no binary")
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        return 1 if check(binary, arguments.file.resolve(), arguments.keep) else 0
    with tempfile.TemporaryDirectory() as directory:
        return 1 if check(binary, arguments.file.resolve(), Path(directory)) else 0


if __name__ == "__main__":
    sys.exit(main())
