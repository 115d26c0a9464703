"""Order of arrival: what may not matter, does not; what is late, is named; nothing is lost."""

from __future__ import annotations

import json
import random

import pytest

import generate
import oracle
from freshet import Freshet, bits, compare_rows
from pipeline import Feature, Pipeline, View, column, micros


def order_free_pipeline() -> Pipeline:
    """No first or last: ties go by offset, which a permutation changes. `id` names the event in every row."""
    numbers = ("sum", "avg", "min", "max", "var_pop", "stddev_samp", "count_distinct")
    features = tuple(Feature(f"{function}_{name}", function, ("1s", "1m", "1h"), column(name, generate.FIELDS[name]),
                             delay=delay)
                     for name, delay in (("amount", None), ("ratio", None), ("quantity", "2s")) for function in numbers)
    views = (
        View("by_customer", "s", ("customer",), (Feature("n", "count", ("10s", "lifetime")), *features)),
        View("by_terminal", "s", ("terminal",), features),
        View("by_event", "s", ("id",), (Feature("n", "count", ("1s",)),)),
    )
    return Pipeline("order", (generate.SOURCE,), views)


def by_id(rows: list[dict], lines: list[bytes]) -> dict[int, list]:
    """The value columns of the rows, by the event's own id."""
    ids = {offset: json.loads(line)["id"] for offset, line in enumerate(lines)}
    return {ids[row["offset"]]: [bits(v) for name, v in row.items() if name not in ("created", "offset", "partition")]
            for row in rows}


@pytest.mark.parametrize("seed", range(4))
def test_permutation_within_the_bound(freshet: Freshet, seed: int) -> None:
    pipeline = order_free_pipeline()
    rng = random.Random(seed)
    moments = generate.times(rng, 700, 1_500_000)
    ordered = [generate.line(generate.event(rng, n, t, 20), rng) for n, t in enumerate(moments)]
    reference: dict[str, dict] = {}
    for attempt in range(3):
        order = range(len(ordered)) if attempt == 0 else generate.disorder(rng, moments, micros("5s"))
        lines = [ordered[i] for i in order]
        log = freshet.replay(pipeline, {"s": b"\n".join(lines) + b"\n"}, log=f"log{attempt}")
        assert log.dead() == []
        for view in pipeline.views:
            rows = by_id(log.rows(view, generate.FIELDS), lines)
            assert len(rows) == len(lines)
            assert rows == reference.setdefault(view.name, rows)


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
@pytest.mark.parametrize("seed", range(3))
def test_late_events_are_the_dead_letters(freshet: Freshet, seed: int, snapshots: str) -> None:
    view = View("v", "s", ("customer",), (Feature("n", "count", ("1h",)), Feature("last", "last", ("1h",), column("id", "int64"))),
                snapshots=snapshots)
    pipeline = Pipeline("late", (generate.SOURCE,), (view,))
    lines = generate.schedule(seed, 1500, late=0.1)
    events, dead = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    assert len(dead) > 50
    log = freshet.replay(pipeline, {"s": b"\n".join(lines) + b"\n"})
    rows = log.rows(view, generate.FIELDS)
    assert log.dead() == sorted(dead)
    assert len(rows) + len(dead) == len(lines)
    compare_rows(rows, oracle.rows(view, events))


@pytest.mark.parametrize("bound", ["0s", "1s", "5s"])
def test_the_edge_of_late(freshet: Freshet, bound: str) -> None:
    """`time(e) <= W_p` is late: at exactly the bound behind the newest, and with no bound every tie."""
    source = generate.Source("s", {"event_time": "timestamp", "k": "string"}, out_of_orderness=bound)
    pipeline = Pipeline("edge", (source,), (View("v", "s", ("k",), (Feature("n", "count", ("1h",)),)),))
    start, width = generate.BASE // 1000, micros(bound) // 1000
    times = [start, start + 10_000, start + 10_000 - width, start + 10_000 - width + 1, start + 10_000, start + 10_001]
    lines = [f'{{"event_time":{time},"k":"a"}}'.encode() for time in times]
    log = freshet.replay(pipeline, {"s": b"\n".join(lines)})
    events, dead = oracle.apply(source, oracle.of_lines(lines))
    assert log.dead() == sorted(dead) and (0, 2, "late") in dead
    compare_rows(log.rows(pipeline.views[0], source.fields), oracle.rows(pipeline.views[0], events))
