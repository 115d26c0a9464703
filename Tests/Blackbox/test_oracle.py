"""The oracle against DuckDB's window functions, and its own arithmetic: what judges the binary is judged too."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import duckdb
import pytest

import generate
import oracle
from pipeline import Feature, View, column, micros


def test_square_root_is_correctly_rounded() -> None:
    rng = random.Random(1)
    for _ in range(2000):
        top, bottom = rng.getrandbits(rng.randrange(1, 200)) + 1, rng.getrandbits(rng.randrange(1, 200)) + 1
        root = oracle.square_root(top, bottom)
        below = Fraction(math.nextafter(root, 0)) + Fraction(root)
        above = Fraction(math.nextafter(root, math.inf)) + Fraction(root)
        assert (below / 2) ** 2 <= Fraction(top, bottom) <= (above / 2) ** 2
    assert oracle.square_root(9, 4) == 1.5


def test_decimals_round_half_away_from_zero() -> None:
    for text, cents in [("1.005", 101), ("-1.005", -101), ("0.004", 0), ("1e2", 10000), ("2.675", 268), ("-0.005", -1)]:
        document = f'{{"amount": {text}}}'.encode()
        source = generate.Source("s", {"amount": "decimal(2)"}, event_time="amount")
        assert int(oracle.decode(source, document)["amount"] * 100) == cents, text


@pytest.mark.parametrize("bounds", ["(]", "[]", "[)", "()"])
@pytest.mark.parametrize("seed", range(3))
def test_final_rows_are_those_of_duckdb(seed: int, bounds: str) -> None:
    rng = random.Random(seed)
    window, delay = rng.choice(["1s", "10s", "5m"]), rng.choice(["500ms", "2s", "1m"])
    numbers = ("quantity", "fraud")
    features = [Feature(f"{function}_{name}", function, (window,), column(name, "int64"), delay=delay)
                for name in numbers for function in generate.NUMBERS if function not in ("first", "last")]
    view = View("v", "s", ("customer",), (Feature("n", "count", (window,), delay=delay), *features), bounds=bounds)
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(generate.schedule(seed, 400)))
    expected = {(row["partition"], row["offset"]): row for row in oracle.rows(view, events)}

    far = micros(window) + micros(delay) - (1 if bounds[0] == "(" else 0)
    near = micros(delay) + (1 if bounds[1] == ")" else 0)
    # DuckDB cannot say DISTINCT with every frame: it gets the list of the frame and counts in it.
    aggregates = {"n": "count(*) over w"}
    for name in numbers:
        for function in ("sum", "avg", "min", "max", "var_pop", "var_samp", "stddev_pop", "stddev_samp"):
            aggregates[f"{function}_{name}"] = f"{function}({name}) over w"
        aggregates[f"count_distinct_{name}"] = f"len(list_distinct(list({name}) over w))"
    with duckdb.connect() as connection:
        connection.execute('create table e (t bigint, p int, o bigint, customer varchar, quantity bigint, fraud bigint)')
        connection.executemany("insert into e values (?, ?, ?, ?, ?, ?)", [
            (e.time, e.partition, e.offset, e.fields["customer"], e.fields["quantity"], e.fields["fraud"]) for e in events])
        found = connection.execute(
            f"select p, o, {', '.join(aggregates.values())} from e "
            f"window w as (partition by customer order by t range between {far} preceding and {near} preceding)").fetchall()
    assert len(found) == len(events) > 300
    for partition, offset, *values in found:
        row = expected[partition, offset]
        for name, value in zip(aggregates, values):
            own = row[f"{name}_{window}"]
            if value is None:
                assert own == (0 if name.startswith(("sum", "count")) else None), name
            elif isinstance(own, float):
                # DuckDB's running moments are off by some 1e-16 of the squares, ours are exact.
                assert math.isclose(own, value, rel_tol=1e-6, abs_tol=1e-3), name
            else:
                assert own == value, name


def test_arrival_counts_only_what_came_before() -> None:
    view = View("v", "s", ("customer",), (Feature("n", "count", ("10s",)),), snapshots="arrival")
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(generate.schedule(5, 300)))
    for row, event in zip(oracle.rows(view, events), view_prefixes(events)):
        assert row["n_10s"] == event


def view_prefixes(events: list[oracle.Event]) -> list[int]:
    return [sum(1 for other in events[: n + 1] if other.fields["customer"] == event.fields["customer"]
                and event.time - 10_000_000 < other.time <= event.time) for n, event in enumerate(events)]


def test_in_bound_disorder_has_no_late_event() -> None:
    for seed in range(20):
        assert oracle.apply(generate.SOURCE, oracle.of_lines(generate.schedule(seed, 300)))[1] == []
    _, dead = oracle.apply(generate.SOURCE, oracle.of_lines(generate.schedule(1, 300, late=0.2)))
    assert dead and {reason for *_, reason in dead} == {"late"}
