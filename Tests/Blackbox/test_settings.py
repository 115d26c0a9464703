"""Memory and commits are behaviour's servants: no row depends on them."""

from __future__ import annotations

import functools
import random
import re

import pytest

import generate
import oracle
from freshet import Freshet, compare_rows
from pipeline import micros
from test_order import order_free_pipeline

SETTINGS = {
    "default": [],
    "small-memory": ["--memory", "8MiB"],
    "tiny-memory": ["--memory", "1MiB"],
    "often": ["--commit-interval", "10ms"],
    "often-and-small": ["--commit-interval", "10ms", "--memory", "1MiB"],
    "seldom": ["--commit-interval", "1h"],
}


LINES = generate.schedule(42, 3000, late=0.01, step=200_000, customers=1500)


@functools.cache
def expected(snapshots: str) -> tuple[list, dict[str, list[dict]]]:
    """Dead letters, and the rows of each view."""
    events, dead = oracle.apply(generate.SOURCE, oracle.of_lines(LINES))
    views = generate.random_pipeline(42, snapshots, views=2).views
    return sorted(dead), {view.name: oracle.rows(view, events) for view in views}


@pytest.mark.parametrize("snapshots", ["final", "arrival"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_rows_do_not_depend_on_settings(freshet: Freshet, setting: str, snapshots: str) -> None:
    pipeline = generate.random_pipeline(42, snapshots, views=2)
    log = freshet.replay(pipeline, {"s": b"\n".join(LINES)}, *SETTINGS[setting])
    dead, rows = expected(snapshots)
    assert log.dead() == dead
    for view in pipeline.views:
        compare_rows(log.rows(view, generate.FIELDS), rows[view.name])


def test_discard_prints_an_order_free_checksum(freshet: Freshet) -> None:
    """Equal over runs, memory limits and permutations within the bound; another value gives another sum."""
    pipeline = freshet.write(order_free_pipeline())
    rng = random.Random(9)
    moments = generate.times(rng, 2000, 500_000)
    ordered = [generate.line(generate.event(rng, n, t, 300), rng) for n, t in enumerate(moments)]
    outputs = []

    def discard(lines: list[bytes], *flags: str) -> str:
        file = freshet.directory / "s.jsonl"
        file.write_bytes(b"\n".join(lines))
        done = freshet.run("replay", pipeline, "--input", f"s={file}", "--discard", *flags)
        return done.stdout.decode()

    for flags in ([], [], ["--memory", "1MiB"], ["--commit-interval", "10ms"]):
        outputs.append(discard(ordered, *flags))
    for _ in range(2):
        outputs.append(discard([ordered[i] for i in generate.disorder(rng, moments, micros("5s"))]))
    assert len(set(outputs)) == 1, outputs
    rows = [int(number.replace(",", "")) for number in re.findall(r"(?<![\w.])\d[\d,]*(?![\w.])", outputs[0])]
    assert 3 * len(ordered) in rows or rows.count(len(ordered)) >= 3, outputs[0]
    assert discard(ordered[:-1]) != outputs[0]
    assert not list(freshet.directory.rglob("*.parquet"))
