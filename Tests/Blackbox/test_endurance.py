"""What a worker needs as it goes on: a start that is quick however large the state is, and a disk that does not fill.

    RESTART_ENTITIES=10000000   entities in the state that is started on; a few if not given
    SOAK_SECONDS=300            how long the disk is watched; a few if not given
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from broker import Broker, Partition
from cluster import Cluster
from freshet import Freshet, Running

ENTITIES = int(os.environ.get("RESTART_ENTITIES", 100_000))
SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", 12))
START_MS = 1_767_571_200_000  # 2026-01-05T00:00:00Z

MANY = """
pipeline: {name}
version: 1
sources:
  s:
    topic: {topic}
    format: json
    key: card
    event_time: {{field: time, unit: ms}}
    out_of_orderness: {disorder}
    fields: {{time: timestamp, card: int64, shop: int64, amount: decimal(2)}}
views:
  by_card:
    source: s
    entity: [card]
    features:
      - {{name: n, aggregate: count(), windows: [{windows}]}}
      - {{name: mean, aggregate: avg(amount), windows: [{windows}]}}
  by_shop:
    source: s
    entity: [shop]
    features: [{{name: n, aggregate: count(), windows: [{windows}]}}]
"""


def record(time_ms: int, card: int, shop: int) -> bytes:
    return b'{"time":%d,"card":%d,"shop":%d,"amount":1.25}' % (time_ms, card, shop)


def test_a_start_on_many_entities(freshet: Freshet, broker: Broker) -> None:
    """The first new event is applied, committed and seen after a stop and after a kill; where RESTART_ENTITIES asks for it, within 5 seconds."""
    rng = random.Random(1)
    with open(freshet.directory / "s.jsonl", "wb") as file:
        for number in range(ENTITIES):
            file.write(record(START_MS + number // 10, number, rng.randrange(ENTITIES)) + b"\n")
    broker.topics["many"] = [Partition(low=ENTITIES, high=ENTITIES)]
    path = freshet.directory / "p.yaml"
    path.write_text(MANY.format(name="many", topic="many", windows="1h, 1d, 30d", disorder="5s"))
    freshet.run("replay", path, "--input", "s=s.jsonl", "--state", "state", "--log", "log", timeout=3600)

    def events(card: int) -> int:
        return json.loads(freshet.run("get", path, "--state", "state", "by_card", card, "--at", "2026-01-05T12:00:00Z").stdout)["values"]["n_1d"]

    for number, end in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)):
        # An entity that is on disk only.
        card = rng.randrange(ENTITIES)
        before = events(card)
        broker.produce("many", [(0, START_MS + ENTITIES, b"k", record(START_MS + ENTITIES + number, card, 7))])
        began = time.monotonic()
        running = freshet.start("run", path, "--brokers", broker.brokers, "--state", "state", "--log", "log", "--commit-interval", "1ms")
        while events(card) == before and time.monotonic() < began + 60:
            pass
        took = time.monotonic() - began
        print(f"{ENTITIES} entities: first event applied, committed and seen by `get` {took:.3f} s after the start")
        finish(running, end)
        assert events(card) == before + 1
        assert took < 5 or "RESTART_ENTITIES" not in os.environ


def size(folder: Path) -> int:
    """Bytes of all files; of those that go while they are counted, none."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                pass
    return total


class Traffic:
    """Cards that come, are used for a minute of event time, and never come again."""

    def __init__(self, cluster: Cluster, topic: str, partitions: int, per_second: int, cards: int = 1_000) -> None:
        """`cards`: of each minute, 1,000 at most."""
        self.cards = cards
        self.cluster, self.topic, self.per_second = cluster, topic, per_second
        self.ends = [0] * partitions
        self.now = START_MS
        self.rng = random.Random(2)

    def advance(self, seconds: int) -> None:
        """So much of event time."""
        messages = []
        for _ in range(seconds * self.per_second):
            self.now += 1_000 // self.per_second
            card = (self.now - START_MS) // 60_000 * 1_000 + self.rng.randrange(self.cards)
            partition = card % len(self.ends)
            value = b"{broken" if self.rng.random() < 0.001 else record(self.now, card, self.rng.randrange(20))
            messages.append((partition, self.now, None, value))
            self.ends[partition] += 1
        self.cluster.produce(self.topic, messages)


@pytest.mark.parametrize("end", ["stops", "kills"])
def test_the_disk_does_not_fill(freshet: Freshet, broker: Broker, end: str) -> None:
    """Starts and ends, an hour of event time in between: the state is as large as what the windows need, and nothing is left lying."""
    topic = broker.topic("soak", 2)
    path = freshet.directory / "p.yaml"
    path.write_text(MANY.format(name=topic, topic=topic, windows="5m, 10m", disorder="1s"))
    traffic = Traffic(broker, topic, 2, 5)
    state, log, sizes = freshet.directory / "state", freshet.directory / "log", []
    rounds = 12 if SOAK_SECONDS < 60 else 60
    for number in range(rounds):
        traffic.advance(3_600 // rounds * 4)
        running = freshet.start("run", path, "--brokers", broker.brokers, "--state", state, "--log", log, "--commit-interval", "10ms")
        broker.wait_for_group(topic, {topic: traffic.ends})
        for partition in broker.topics[topic]:
            partition.forget(partition.high - 10)
        finish(running, signal.SIGKILL if end == "kills" and number % 4 != 3 else signal.SIGTERM)
        sizes.append(size(state))
        if end == "stops":
            assert nothing_lies_around(freshet.directory) == []
    print(f"{[s >> 10 for s in sizes]} KiB of state after each round")
    finish(freshet.start("run", path, "--brokers", broker.brokers, "--state", state, "--log", log), signal.SIGTERM, after=1)
    assert nothing_lies_around(freshet.directory) == []
    third = rounds // 3
    assert max(*sizes[-third:], size(state)) < 1.5 * max(sizes[:third]) + (64 << 10)


def finish(running: Running, number: signal.Signals, after: float = 0) -> None:
    time.sleep(after)
    running.process.send_signal(number)
    assert running.process.wait(30) in (0, -signal.SIGKILL), running.tail()


def nothing_lies_around(folder: Path) -> list[str]:
    """What is below the folder, after a clean stop, beside tables, one empty journal, parts, dead letters and marks."""
    left = []
    for file in folder.rglob("*"):
        if file.is_dir() or file.parent == folder:
            continue
        kept = file.suffix in (".sst", ".parquet") and not file.name.startswith(".")
        named = file.name in ("CURRENT", "IDENTITY", "LOCK", "_freshet_commit", "dead_letters.jsonl")
        if kept or named or file.name.startswith(("MANIFEST-", "OPTIONS-")) or (file.suffix == ".log" and file.stat().st_size == 0):
            continue
        left.append(str(file))
    journals = list(folder.glob("state/*.log"))
    manifests = list(folder.glob("state/MANIFEST-*")) + list(folder.glob("state/OPTIONS-*"))
    return left + [str(file) for file in journals[1:] + manifests[3:]]


@pytest.mark.skipif(SOAK_SECONDS < 60, reason="SOAK_SECONDS asks for a minute at least")
def test_the_disk_does_not_fill_while_it_runs(freshet: Freshet, cluster: Cluster) -> None:
    """One run, event time sixty times as fast as the clock: an hour of load in a minute."""
    topic = cluster.topic("soak", 4)
    path = freshet.directory / "p.yaml"
    path.write_text(MANY.format(name=topic, topic=topic, windows="5m, 10m", disorder="1s"))
    # Few cards with many events each, committed many times: what is written over is soon several times what RocksDB holds in memory.
    traffic = Traffic(cluster, topic, 4, 200, cards=100)
    state, log, samples = freshet.directory / "state", freshet.directory / "log", []
    running = freshet.start("run", path, "--brokers", cluster.brokers, "--state", state, "--log", log, "--commit-interval", "20ms")
    began = time.monotonic()
    while time.monotonic() - began < SOAK_SECONDS:
        traffic.advance(4)
        cluster.wait_for_group(topic, {topic: traffic.ends})
        segments = sum(size(folder) for folder in log.glob("*/_segments"))
        samples.append((size(state), segments, len(list(log.glob("*/_segments/*")))))
    finish(running, signal.SIGTERM)
    third = len(samples) // 3
    for place, name in enumerate(("state", "segments", "segment files")):
        early, late = max(s[place] for s in samples[third : 2 * third]), max(s[place] for s in samples[2 * third :])
        print(f"{name}: {early} in the second third, {late} in the last, of {(traffic.now - START_MS) // 60_000} minutes of event time")
        assert late < 1.5 * early + (1 << 20)
    assert nothing_lies_around(freshet.directory) == []
