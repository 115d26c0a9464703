"""The comparison with DuckDB on a small file; and that DuckDB and the oracle agree on what it compares."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest

import duckdb_check
import generate
import oracle
from pipeline import Feature, Source, View, column

SOURCE = Source("transactions", {"event_time": "timestamp", "customer_id": "string", "terminal_id": "string",
                                 "amount": "decimal(2)", "fraud": "int64"})


def transactions(seed: int, count: int) -> bytes:
    """Sorted by time, a third of them at the instant of the one before, whole days apart at times."""
    # Early enough for the last of thousands to lie in the past of every run.
    rng, now, lines = random.Random(seed), generate.BASE // 1000 - 10 * 365 * duckdb_check.DAY, []
    for number in range(count):
        now += rng.choice([0, rng.randrange(3_600_000), rng.choice([0, duckdb_check.DAY])])
        lines.append(f'{{"transaction_id":{number},"event_time":{now},"customer_id":"c-{rng.randrange(9)}",'
                     f'"terminal_id":"t-{rng.randrange(4)}","amount":{rng.randrange(50000) / 100:.2f},"fraud":{rng.randrange(2)}}}')
    return "\n".join(lines).encode() + b"\n"


@pytest.mark.parametrize("seed", range(3))
def test_duckdb_agrees_with_the_oracle(tmp_path: Path, seed: int) -> None:
    content, windows = transactions(seed, 400), tuple(f"{d}d" for d in duckdb_check.DAYS)
    (tmp_path / "t.jsonl").write_bytes(content)
    events, dead = oracle.apply(SOURCE, oracle.of_lines(content.splitlines()))
    assert not dead
    with duckdb.connect() as connection:
        assert duckdb_check.load(connection, tmp_path / "t.jsonl") == 400
        for entity, argument, scale, delay in (("customer_id", "cents", 100, None), ("terminal_id", "fraud", 1, "7d")):
            value = column("amount", "decimal(2)") if argument == "cents" else column("fraud", "int64")
            view = View("v", "transactions", (entity,), (
                Feature("tx_count", "count", windows, delay=delay), Feature("mean", "avg", windows, value, delay=delay)), snapshots="arrival")
            connection.execute(duckdb_check.expected(f"by_{entity}", entity, argument, scale, "mean", 7 if delay else 0))
            names = [name for w in windows for name in (f"tx_count_{w}", f"mean_{w}")]
            found = connection.execute(f"select {', '.join(names)} from by_{entity} order by line").fetchall()
            assert found == [tuple(row[name] for name in names) for row in oracle.rows(view, events)]


def test_the_binary_against_duckdb(binary: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(transactions(7, 5000))
    assert duckdb_check.check(binary, tmp_path / "t.jsonl", tmp_path) == 0
