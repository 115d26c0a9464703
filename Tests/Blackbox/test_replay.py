"""`replay` of files: every row and every value of random pipelines equals the oracle's, bit for bit."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

import generate
import oracle
from freshet import Freshet, Log, compare_rows
from pipeline import Feature, Pipeline, Source, View, column


def check(log: Log, pipeline: Pipeline, lines: dict[str, list[bytes]]) -> None:
    """Rows of every view and dead letters of every source."""
    expected = oracle.recount(pipeline, {name: oracle.of_lines(content) for name, content in lines.items()})
    for view in pipeline.views:
        compare_rows(log.rows(view, pipeline.source(view.source).fields), expected[view.name])
    for source in pipeline.sources:
        assert log.dead(source.name) == sorted(oracle.apply(source, oracle.of_lines(lines[source.name]))[1])


@pytest.mark.parametrize("snapshots", [None, "final", "arrival"])
@pytest.mark.parametrize("seed", range(8))
def test_random_pipelines(freshet: Freshet, seed: int, snapshots: str | None) -> None:
    pipeline = generate.random_pipeline(1000 + seed, snapshots)
    lines = generate.schedule(seed, 600, late=0.02 if seed % 2 else 0, step=10 ** (3 + seed % 5))
    check(freshet.replay(pipeline, {"s": b"\n".join(lines) + b"\n"}), pipeline, {"s": lines})


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
@pytest.mark.parametrize("entity", [("customer",), ("customer", "terminal")], ids="-".join)
def test_every_aggregate(freshet: Freshet, entity: tuple[str, ...], snapshots: str) -> None:
    pipeline = generate.every_aggregate(snapshots, entity)
    lines = generate.schedule(7, 300, step=3_000_000)
    check(freshet.replay(pipeline, {"s": b"\n".join(lines) + b"\n"}), pipeline, {"s": lines})


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
@pytest.mark.parametrize("seed", range(2))
def test_hot_key(freshet: Freshet, seed: int, snapshots: str) -> None:
    """Thousands of events on one entity, in windows from a few events to all of them."""
    pipeline = generate.random_pipeline(2000 + seed, snapshots, views=0)
    windows = ("1s", "1m", "1h", "lifetime")
    features = (
        Feature("n", "count", windows),
        Feature("delayed", "count", windows, delay="5m"),
        Feature("mean", "avg", windows, column("amount", "decimal(2)")),
        Feature("spread", "stddev_samp", ("1m", "1h"), column("ratio", "double")),
        Feature("low", "min", windows, column("amount", "decimal(2)"), delay="2s"),
        Feature("newest", "last", ("1m",), column("kind", "string")),
        Feature("oldest", "first", windows, column("id", "int64")),
        Feature("kinds", "count_distinct", ("1m", "1h"), column("shop", "int64")),
    )
    pipeline = replace(pipeline, views=(View("hot", "s", ("customer",), features, snapshots=snapshots),))
    lines = generate.schedule(seed, 1800, step=300_000, customers=2)
    check(freshet.replay(pipeline, {"s": b"\n".join(lines) + b"\n"}), pipeline, {"s": lines})


def test_many_cold_keys(freshet: Freshet) -> None:
    view = View("cold", "s", ("id",), (
        Feature("n", "count", ("1h", "lifetime")), Feature("before", "avg", ("1h",), column("amount", "decimal(2)"), delay="1s")))
    pipeline = Pipeline("cold", (generate.SOURCE,), (view,))
    lines = generate.schedule(3, 6000, step=1_000_000)
    check(freshet.replay(pipeline, {"s": b"\n".join(lines) + b"\n"}), pipeline, {"s": lines})


@pytest.mark.parametrize("seed", range(2))
def test_several_sources(freshet: Freshet, seed: int) -> None:
    first, second = replace(generate.SOURCE, name="payments"), replace(generate.SOURCE, name="logins", out_of_orderness="1m")
    rng = random.Random(seed)
    views = tuple(generate.random_view(rng, f"v{n}", source, rng.choice(["final", "arrival"]))
                  for n, source in enumerate(["payments", "logins", "payments", "logins"]))
    pipeline = Pipeline("several", (first, second), views)
    lines = {"payments": generate.schedule(seed, 300), "logins": generate.schedule(seed + 50, 200, bound="1m", late=0.05)}
    check(freshet.replay(pipeline, {name: b"\n".join(content) for name, content in lines.items()}), pipeline, lines)


TIMES = {
    "s": ("{}", 1_000_000), "ms": ("{}", 1_000), "us": ("{}", 1), "rfc3339": ('"{}"', 0),
}


@pytest.mark.parametrize("unit", TIMES)
def test_units_of_time_and_dates(freshet: Freshet, unit: str) -> None:
    """From before the epoch to leap days and midnights, each row in the directory of its UTC date."""
    moments = [
        "1969-12-31T23:59:58Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z",
        "2000-02-29T12:00:00Z", "2024-02-29T23:59:59Z", "2024-03-01T00:00:00Z", "2026-01-05T00:00:00Z",
    ]
    source = Source("s", {"at": "timestamp", "k": "bool", "seen": "timestamp?"}, event_time="at", unit=unit, out_of_orderness="1s")
    seen = column("seen", "timestamp")
    view = View("v", "s", ("k",), (
        Feature("n", "count", ("2s", "1d", "lifetime")), Feature("at", "max", ("1d",), column("at", "timestamp")),
        Feature("seen", "last", ("lifetime",), seen), Feature("seens", "count_distinct", ("lifetime",), seen)))
    pattern, divisor = TIMES[unit]
    texts = [moment if unit == "rfc3339" else str(oracle.parse_time(moment) // divisor) for moment in moments]
    if unit == "rfc3339":
        texts += ["2026-01-05 00:00:01", "2026-01-05T02:00:02+02:00", "2026-01-05 00:00:03.25+00", "2026-01-05T00:00:04.123456Z"]
    others = ['"2020-01-01T00:00:00Z"', '"2020-01-01 01:00:00.5+01:00"', "null", '"2020-01-01"'[:-1] + 'T00:00:00"']
    lines = [f'{{"at":{pattern.format(text)},"k":{"true" if n % 2 else "false"},"seen":{others[n % 4]}}}'.encode()
             for n, text in enumerate(texts)]
    pipeline = Pipeline("times", (source,), (view,))
    check(freshet.replay(pipeline, {"s": b"\n".join(lines) + b"\n"}), pipeline, {"s": lines})


def test_extremes_of_int64_and_decimal(freshet: Freshet) -> None:
    """Sums beyond int64 are null, variances of the extremes still come from the exact state."""
    functions = ("sum", "avg", "min", "max", "var_pop", "stddev_samp", "count_distinct")
    features = tuple(Feature(f"{function}_{name}", function, ("3s", "lifetime"), column(name, type))
                     for name, type in (("whole", "int64"), ("money", "decimal(2)")) for function in functions)
    source = Source("s", {"event_time": "timestamp", "k": "string", "whole": "int64", "money": "decimal(2)"})
    pipeline = Pipeline("extremes", (source,), (View("v", "s", ("k",), features),))
    whole = [2**63 - 1, 1, -(2**63), -1, -(2**63), 0, 2**63 - 1, 2**63 - 1]
    money = ["92233720368547758.07", "0.01", "-92233720368547758.08", "-0.01", "-92233720368547758.08", "0", "92233720368547758.07",
             "92233720368547758.0749"]
    lines = [f'{{"event_time":{generate.BASE // 1000 + 1000 * n},"k":"k","whole":{w},"money":{m}}}'.encode()
             for n, (w, m) in enumerate(zip(whole, money))]
    check(freshet.replay(pipeline, {"s": b"\n".join(lines) + b"\n"}), pipeline, {"s": lines})


def test_nested_fields(freshet: Freshet) -> None:
    source = Source("s", {"event_time": "timestamp", "card.id": "string", "card.limit.daily": "decimal(2)?"})
    view = View("v", "s", ("card.id",), (Feature("n", "count", ("1h",)),
                                         Feature("limit", "last", ("1h",), column("card.limit.daily", "decimal(2)"))))
    pipeline = Pipeline("nested", (source,), (view,))
    cards = ['{"id":"a","limit":{"daily":10.5}}', '{"limit":{},"id":"a"}', '{"id":"b","limit":null}', '{"other":{"id":"x"},"id":"a"}']
    lines = [f'{{"id":"wrong","card":{card},"event_time":{generate.BASE // 1000 + n}}}'.encode() for n, card in enumerate(cards)]
    check(freshet.replay(pipeline, {"s": b"\n".join(lines) + b"\n"}), pipeline, {"s": lines})


def test_no_snapshots_no_rows(freshet: Freshet) -> None:
    pipeline = generate.random_pipeline(5, "none")
    log = freshet.replay(pipeline, {"s": b"\n".join(generate.schedule(1, 50))})
    assert not list(log.path.rglob("*.parquet"))
