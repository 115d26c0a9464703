"""`resolution:`: windows over more events than the budget go back to a whole step, and say by how many events at most."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from bisect import bisect_right
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import pytest

from freshet import Freshet

START = 1_700_000_000_000_000
SECOND = 1_000_000
WINDOWS = {"20s": 20 * SECOND, "10m": 600 * SECOND, "2h": 7200 * SECOND}
EVENTS, STEP = 200, 30 * SECOND


def pipeline(resolution: str = "{events: 200, step: 30s}", snapshots: str = "final") -> str:
    return f"""
pipeline: hot
version: 1
sources:
  s:
    topic: s
    format: json
    key: card
    event_time: {{field: at, unit: us}}
    out_of_orderness: 20s
    fields: {{at: timestamp, card: string, amount: decimal(2), rate: double}}
views:
  v:
    source: s
    entity: [card]
    snapshots: {snapshots}
    resolution: {resolution}
    features:
      - {{name: n, aggregate: count(), windows: [20s, 10m, 2h]}}
      - {{name: total, aggregate: sum(amount), windows: [10m, 2h], where: rate > 0.5}}
      - {{name: high, aggregate: max(rate), windows: [20s, 10m, 2h]}}
      - {{name: newest, aggregate: last(amount), windows: [20s], resolution: exact}}
"""


def traffic(seed: int, count: int = 12_000) -> list[dict]:
    rng = random.Random(seed)
    now = START
    events = []
    for _ in range(count):
        # Bursts and lulls.
        now += rng.choice([10_000, 200_000, SECOND, 3 * SECOND])
        at = now - rng.choice([0, 0, rng.randrange(20 * SECOND)])
        events.append({"at": at, "card": rng.choice(["hot", "hot", "hot", "warm"]), "amount": rng.randrange(1, 100_000) / 100,
                       "rate": rng.random()})
    return events


def lines(events: list[dict]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def recount(own: list[dict], times: list[int], at: int) -> dict:
    """The values at an instant by the rule; `own` are the entity's events in order."""
    values = {}
    end = bisect_right(times, at)
    for name, window in WINDOWS.items():
        edge = at - window
        loose = edge // STEP * STEP
        extra = []
        if window > STEP and loose < edge and end - bisect_right(times, loose) > EVENTS:
            edge = loose
            extra = own[bisect_right(times, loose):min(end, bisect_right(times, loose + STEP))]
        inside = own[bisect_right(times, edge):end]
        values[f"n_{name}"] = len(inside)
        values[f"high_{name}"] = max((e["rate"] for e in inside), default=None)
        if window > STEP:
            values[f"n_{name}_extra"] = values[f"high_{name}_extra"] = len(extra)
            values[f"total_{name}"] = sum(round(e["amount"] * 100) for e in inside if e["rate"] > 0.5) / 100
            values[f"total_{name}_extra"] = sum(e["rate"] > 0.5 for e in extra)
    return values


def by_card(events: list[dict]) -> dict[str, tuple[list[dict], list[int]]]:
    cards = {}
    for card in ("hot", "warm"):
        own = sorted((e for e in events if e["card"] == card), key=lambda e: e["at"])
        cards[card] = (own, [e["at"] for e in own])
    return cards


def rows(log: Path) -> list[dict]:
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select * exclude (created) replace (epoch_us(event_timestamp) as event_timestamp) from '{log}/v/*/*.parquet' "
            "order by partition, \"offset\"")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row)) for row in found.fetchall()]


def check(found: list[dict], events: list[dict]) -> int:
    """Gives in how many rows a window is not exact."""
    cards = by_card(events)
    assert [row["offset"] for row in found] == list(range(len(events)))
    loose = 0
    for row in found:
        expected = recount(*cards[row["card"]], row["event_timestamp"])
        assert {name: row[name] for name in expected} == expected, row
        loose += expected["n_2h_extra"] > 0
    return loose


@pytest.mark.parametrize("seed", range(2))
def test_rows_follow_the_rule(freshet: Freshet, seed: int) -> None:
    events = traffic(seed)
    (freshet.directory / "p.yaml").write_text(pipeline())
    freshet.run("replay", "p.yaml", "--input", "s=-", "--log", "log", stdin=lines(events))
    assert check(rows(freshet.directory / "log"), events) > len(events) / 3


def test_killed_and_read_at_any_time(freshet: Freshet) -> None:
    """State with tiles comes back from disk: the rows are the same, and reads at an instant are those of the rule."""
    events = traffic(7, 30_000)
    (freshet.directory / "p.yaml").write_text(pipeline())
    (freshet.directory / "s.jsonl").write_bytes(lines(events))
    command = ("replay", "p.yaml", "--input", "s=s.jsonl", "--log", "log", "--state", "state", "--commit-interval", "20ms",
               "--memory", "16MiB")
    for attempt in range(6):
        process = subprocess.Popen([freshet.binary, *command], cwd=freshet.directory, env=freshet.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.03 * (attempt + 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    freshet.run(*command)
    cards = by_card(events)
    last = max(e["at"] for e in events)
    found = rows(freshet.directory / "log")
    # With a state folder what lies behind the watermark waits for more.
    assert [row["offset"] for row in found] == [n for n, e in enumerate(events) if e["at"] <= last - 20 * SECOND]
    for row in found[::17]:
        expected = recount(*cards[row["card"]], row["event_timestamp"])
        assert {name: row[name] for name in expected} == expected
    for later in (0, 1, 333 * SECOND, 3600 * SECOND, 7300 * SECOND, 9000 * SECOND):
        at = datetime.fromtimestamp((last + later) // SECOND, timezone.utc).replace(microsecond=(last + later) % SECOND)
        for card in cards:
            answer = json.loads(freshet.run("get", "p.yaml", "--state", "state", "v", card, "--at", at.isoformat()).stdout)
            expected = recount(*cards[card], last + later)
            values = answer.get("values", answer)
            assert {name: values[name] for name in expected} == expected, (card, later)
    # Long before, what the values need is no more there event by event: an error, not a wrong value.
    early = datetime.fromtimestamp((last - 9000 * SECOND) // SECOND, timezone.utc).isoformat()
    done = freshet.run("get", "p.yaml", "--state", "state", "v", "hot", "--at", early, expect=1)
    assert b"have left the state" in done.stderr


def test_another_resolution_needs_another_state(freshet: Freshet) -> None:
    (freshet.directory / "s.jsonl").write_bytes(lines(traffic(1, 500)))
    for number, (resolution, status) in enumerate([("{events: 200, step: 30s}", 0), ("{events: 300, step: 30s}", 1), ("exact", 1)]):
        (freshet.directory / "p.yaml").write_text(pipeline(resolution))
        done = freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--discard", "--state", "state", expect=status)
        assert number == 0 or b"pipeline" in done.stderr
