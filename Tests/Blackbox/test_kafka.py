"""Topics: as many partitions as may be, stops and starts as many as may be, the same rows; and `get`."""

from __future__ import annotations

import json
import random
import time
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

import generate
import oracle
from cluster import Cluster, Message
from freshet import Freshet, Log, bits, compare_rows, original
from pipeline import Feature, Pipeline, View, column

FLUSH = "~flush"
NUMBERS = ("sum", "avg", "stddev_pop", "min", "count_distinct")


def features_of(*windows: str, delay: str | None = None) -> tuple[Feature, ...]:
    return (Feature("n", "count", windows, delay=delay),
            *(Feature(f"{function}_amount", function, windows, column("amount", "decimal(2)"), delay=delay) for function in NUMBERS),
            Feature("ratio", "sum", windows, column("ratio", "double")))


def pipeline_on(topic: str, name: str, snapshots: str | None = None, idle: str = "30s", key: str | None = "customer") -> Pipeline:
    ties = (Feature("first", "first", ("1m",), column("id", "int64")), Feature("last", "last", ("1h",), column("kind", "string")))
    views = (
        View("by_customer", "s", ("customer",), (*features_of("10s", "1h"), *ties), snapshots=snapshots, serve_at="latest"),
        View("by_terminal", "s", ("terminal",), features_of("1m", "1d", delay="2s"), serve_at="latest"),
        View("by_both", "s", ("terminal", "customer"), ties, serve_at="latest", bounds="[]"),
    )
    source = replace(generate.SOURCE, topic=topic, idle_timeout=idle, key=key)
    return Pipeline(name, (source,), views)


class Topic:
    """A topic, and what was produced to it as the oracle sees it."""

    def __init__(self, cluster: Cluster, partitions: int, spread: random.Random | None = None) -> None:
        self.cluster, self.spread = cluster, spread
        self.name = cluster.topic("freshet", partitions)
        self.ends = [0] * partitions
        self.arrivals: list[oracle.Arrival] = []

    def partition_of(self, customer: str) -> int:
        return self.spread.randrange(len(self.ends)) if self.spread else zlib.crc32(customer.encode()) % len(self.ends)

    def produce(self, lines: list[bytes], shift: Callable[[], int] = lambda: 0) -> None:
        """`shift`: milliseconds from each event's time to its message's timestamp."""
        messages: list[Message] = []
        for line in lines:
            event = json.loads(line)
            partition = self.partition_of(event["customer"])
            self.arrivals.append(oracle.Arrival(partition, self.ends[partition], line))
            self.ends[partition] += 1
            messages.append((partition, event["event_time"] + shift(), event["customer"].encode(), line))
        self.cluster.produce(self.name, messages)

    def flush(self, partitions: list[int] | None = None, newest: int | None = None) -> None:
        """An event in every partition, long after all others (in ms): the watermark passes all that came before."""
        after = (newest or max(json.loads(a.raw)["event_time"] for a in self.arrivals)) + 3_600_000
        members = {"id": "0", "customer": "", "terminal": json.dumps(FLUSH), "event_time": str(after), "shop": "0", "amount": "0", "fraud": "0"}
        messages: list[Message] = []
        for partition in range(len(self.ends)) if partitions is None else partitions:
            # One entity in each partition, for the promise of `key:`.
            line = generate.line({**members, "customer": json.dumps(FLUSH + str(partition))}, random.Random(0))
            messages.append((partition, after, b"flush", line))
            self.ends[partition] += 1
        self.cluster.produce(self.name, messages)


def without_flush(rows: list[dict]) -> list[dict]:
    return [row for row in rows if not any(str(row.get(name, "")).startswith(FLUSH) for name in ("customer", "terminal"))]


def check(log: Log, pipeline: Pipeline, topic: Topic) -> None:
    expected = oracle.recount(pipeline, {"s": topic.arrivals})
    for view in pipeline.views:
        compare_rows(without_flush(log.rows(view, generate.FIELDS)), expected[view.name])


@pytest.mark.parametrize("partitions", [1, 4, 12])
def test_replay_of_topics_equals_the_file(freshet: Freshet, cluster: Cluster, partitions: int) -> None:
    lines = generate.schedule(partitions, 900)
    topic = Topic(cluster, partitions)
    topic.produce(lines)
    pipeline = pipeline_on(topic.name, f"replay_{partitions}")
    path = freshet.write(pipeline)
    freshet.run("replay", path, "--brokers", cluster.brokers, "--log", freshet.directory / "topics")
    log = Log(freshet.directory / "topics")
    check(log, pipeline, topic)
    assert log.dead_letters() == []

    file = freshet.replay(pipeline, {"s": b"\n".join(lines)}, log="file")
    ids = {(a.partition, a.offset): json.loads(a.raw)["id"] for a in topic.arrivals}
    for view in pipeline.views[:2]:  # ties of the third go by partition and offset, which differ
        from_topics = {ids[row["partition"], row["offset"]]: row for row in log.rows(view, generate.FIELDS)}
        for row in file.rows(view, generate.FIELDS):
            other = from_topics[json.loads(lines[row["offset"]])["id"]]
            for name in ("event_timestamp", *view.entity, *view.value_types):
                assert bits(row[name]) == bits(other[name]), (name, row, other)


def test_arrival_rows_where_the_entity_is_the_key(freshet: Freshet, cluster: Cluster) -> None:
    topic = Topic(cluster, 4)
    topic.produce(generate.schedule(31, 800, late=0.03))
    pipeline = pipeline_on(topic.name, "arrival", "arrival")
    freshet.run("replay", freshet.write(pipeline), "--brokers", cluster.brokers, "--log", freshet.directory / "log")
    log = Log(freshet.directory / "log")
    check(log, pipeline, topic)
    assert log.dead() == sorted(oracle.apply(pipeline.sources[0], topic.arrivals)[1])


def test_a_topic_without_a_key(freshet: Freshet, cluster: Cluster) -> None:
    """Every entity in every partition: the rows come by exchange, ties go by partition and offset."""
    topic = Topic(cluster, 5, spread=random.Random(1))
    topic.produce(generate.schedule(32, 900, late=0.02))
    pipeline = pipeline_on(topic.name, "keyless", key=None)
    freshet.run("replay", freshet.write(pipeline), "--brokers", cluster.brokers, "--log", freshet.directory / "log")
    check(Log(freshet.directory / "log"), pipeline, topic)


def test_a_broken_promise_of_key(freshet: Freshet, cluster: Cluster) -> None:
    topic = Topic(cluster, 4, spread=random.Random(2))
    topic.produce(generate.schedule(33, 400, customers=3))
    done = freshet.run("replay", freshet.write(pipeline_on(topic.name, "promise")), "--brokers", cluster.brokers,
                       "--log", freshet.directory / "log", expect=1)
    assert b"customer" in done.stderr


class Worker:
    """`run` on one state and one log, through any number of starts."""

    def __init__(self, freshet: Freshet, cluster: Cluster, pipeline: Pipeline, *flags: object) -> None:
        self.freshet, self.cluster, self.pipeline = freshet, cluster, pipeline
        self.state, self.log = freshet.directory / "state", Log(freshet.directory / "log")
        self.path = freshet.write(pipeline)
        self.command = ["run", self.path, "--brokers", cluster.brokers, "--state", self.state, "--log", self.log.path, *flags]

    def for_seconds(self, seconds: float) -> None:
        running = self.freshet.start(*self.command)
        time.sleep(seconds)
        running.stop()

    def until_done(self, *topics: Topic, then: float = 0) -> None:
        running = self.freshet.start(*self.command)
        try:
            self.cluster.wait_for_group(self.pipeline.name, {t.name: t.ends for t in topics})
            time.sleep(then)
            running.stop()
        finally:
            running.process.kill()

    def get(self, view: View, key: tuple, *flags: object) -> dict:
        done = self.freshet.run("get", self.path, "--state", self.state, view.name, *key, *flags)
        return find_values(json.loads(done.stdout), set(view.value_types))


def find_values(document: object, names: set[str]) -> dict:
    """The object that holds the values, wherever it lies."""
    if isinstance(document, dict) and names <= document.keys():
        return {name: document[name] for name in names}
    inside = document.values() if isinstance(document, dict) else document if isinstance(document, list) else []
    found = [f for f in (find_values(value, names) for value in inside) if f]
    return found[0] if found else {}


@pytest.mark.parametrize("partitions", [1, 4])
@pytest.mark.parametrize("snapshots", ["final", "arrival"])
def test_stops_and_starts_leave_no_trace(freshet: Freshet, cluster: Cluster, snapshots: str, partitions: int) -> None:
    rng = random.Random(partitions)
    topic = Topic(cluster, partitions)
    pipeline = pipeline_on(topic.name, f"stops_{topic.name}", snapshots)
    worker = Worker(freshet, cluster, pipeline, "--commit-interval", rng.choice(["50ms", "1s"]), "--memory", "4MiB")
    lines = generate.schedule(partitions + 60, 3000, late=0.01)
    for start in range(0, 3000, 600):
        topic.produce(lines[start : start + 600])
        worker.for_seconds(rng.choice([0.2, 0.5, 1.0, 1.5]))
    topic.flush()
    worker.until_done(topic)
    check(worker.log, pipeline, topic)
    assert worker.log.dead() == sorted(oracle.apply(pipeline.sources[0], topic.arrivals)[1])
    worker.for_seconds(1)  # nothing new: nothing more
    check(worker.log, pipeline, topic)


def test_an_idle_partition_stops_holding_back(freshet: Freshet, cluster: Cluster) -> None:
    """Partitions without records hold the watermark for `idle_timeout` and no longer."""
    topic = Topic(cluster, 6)
    customers = {"c-1", "c-2"}
    lines = [line for line in generate.schedule(71, 900) if json.loads(line)["customer"] in customers]
    topic.produce(lines)
    pipeline = pipeline_on(topic.name, f"idle_{topic.name}", idle="1s")
    topic.flush([topic.partition_of(customer) for customer in sorted(customers)])
    worker = Worker(freshet, cluster, pipeline)
    worker.until_done(topic, then=3)
    check(worker.log, pipeline, topic)


def test_get_is_the_oracle_at_any_time(freshet: Freshet, cluster: Cluster) -> None:
    topic = Topic(cluster, 3)
    topic.produce(generate.schedule(81, 900))
    pipeline = pipeline_on(topic.name, f"get_{topic.name}")
    worker = Worker(freshet, cluster, pipeline)
    worker.until_done(topic)
    events, _ = oracle.apply(pipeline.sources[0], topic.arrivals)
    newest = max(event.time for event in events)
    rng = random.Random(1)
    for view in pipeline.views:
        logs = oracle.logs(view, events)
        for key in rng.sample(sorted(logs), 3):
            # Values decay as time goes on, to nothing in the end; `latest` is the newest event's time.
            times = [None, newest, newest + 1, newest + 10_000_000, newest + 3_600_000_000 - 1, newest + 30 * 86_400_000_000]
            for moment in times:
                flags = [] if moment is None else ["--at", rfc3339(moment)]
                found = worker.get(view, key, *flags)
                wanted = oracle.evaluate(view, logs[key], newest if moment is None else moment)
                assert {n: bits(v) for n, v in found.items()} == {n: bits(v) for n, v in wanted.items()}, (view.name, key, moment)
    nobody = worker.get(pipeline.views[0], ("nobody",))
    assert nobody["n_1h"] == 0 and nobody["sum_amount_1h"] == 0 and nobody["avg_amount_1h"] is None


def rfc3339(micros: int) -> str:
    seconds, fraction = divmod(micros, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{fraction:06d}Z"


def test_get_after_stops_and_starts(freshet: Freshet, cluster: Cluster) -> None:
    """What is applied but not yet past the watermark is served all the same, over a restart too."""
    topic = Topic(cluster, 2)
    pipeline = pipeline_on(topic.name, f"getstops_{topic.name}")
    worker = Worker(freshet, cluster, pipeline, "--memory", "1MiB")
    lines = generate.schedule(82, 800)
    for start in range(0, 800, 200):
        topic.produce(lines[start : start + 200])
        worker.until_done(topic)
        events, _ = oracle.apply(pipeline.sources[0], topic.arrivals)
        newest = max(event.time for event in events)
        for view in pipeline.views:
            logs = oracle.logs(view, events)
            for key in sorted(logs)[:2]:
                wanted = oracle.evaluate(view, logs[key], newest)
                assert {n: bits(v) for n, v in worker.get(view, key, "--at", rfc3339(newest)).items()} == {
                    n: bits(v) for n, v in wanted.items()}


BAD_MESSAGES: list[tuple[bytes | None, int, str]] = [
    (None, 0, "malformed"), (b"", 0, "malformed"), (b"\xff\x00\xfe", 0, "malformed"), (b'{"customer":', 0, "malformed"),
    (b"{}", 0, "missing_field"), (b"[" * 100_000, 0, "malformed"),
]


@pytest.mark.parametrize("to_topic", [False, True], ids=["to-log", "to-topic"])
def test_dead_letters_of_messages(freshet: Freshet, cluster: Cluster, to_topic: bool) -> None:
    """Null and empty messages, bytes that are no text, times ahead of the message's own; in the log or in a topic."""
    topic = Topic(cluster, 1)
    start = generate.BASE // 1000
    pipeline = pipeline_on(topic.name, f"dead_{topic.name}")
    lines = generate.schedule(91, 50)
    topic.produce(lines)
    messages: list[Message] = [(0, start + 100_000_000, b"k\xff", value) for value, _, _ in BAD_MESSAGES]
    ahead = json.loads(lines[-1])["event_time"]
    messages += [(0, ahead - 3_600_001, b"ahead", lines[-1]), (0, ahead - 3_600_000, None, lines[-1])]
    expected = {50 + n: (reason, value or b"") for n, (value, _, reason) in enumerate(BAD_MESSAGES)}
    expected[50 + len(BAD_MESSAGES)] = ("ahead", lines[-1])
    cluster.produce(topic.name, messages)
    topic.ends[0] += len(messages)
    topic.arrivals.append(oracle.Arrival(0, topic.ends[0] - 1, lines[-1]))
    letters_topic = cluster.topic("letters", 1) if to_topic else None
    flags = ["--dead-letters", letters_topic] if letters_topic else []
    topic.flush()
    worker = Worker(freshet, cluster, pipeline, *flags)
    worker.until_done(topic)
    check(worker.log, pipeline, topic)
    letters = read_topic(cluster, letters_topic) if letters_topic else worker.log.dead_letters()
    assert {d["offset"]: (d["reason"], original(d)) for d in letters} == expected
    for letter in letters:
        assert (letter["source"], letter["topic"], letter["partition"]) == ("s", topic.name, 0)
    assert len(letters) == len(expected)


def read_topic(cluster: Cluster, topic: str) -> list[dict]:
    consumer = Consumer({"bootstrap.servers": cluster.brokers, "group.id": "reader", "enable.auto.commit": False,
                         "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    letters, deadline = [], time.monotonic() + 15
    try:
        while time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is not None and message.error():
                break
            if message is not None:
                letters.append(json.loads(message.value()))
    finally:
        consumer.close()
    return letters


def test_two_sources_one_pipeline(freshet: Freshet, cluster: Cluster) -> None:
    first, second = Topic(cluster, 2), Topic(cluster, 3)
    sources = (replace(generate.SOURCE, name="a", topic=first.name), replace(generate.SOURCE, name="b", topic=second.name))
    views = tuple(View(f"of_{s.name}", s.name, ("customer",), features_of("1h")) for s in sources)
    pipeline = Pipeline("two", sources, views)
    first.produce(generate.schedule(95, 300))
    second.produce(generate.schedule(96, 400))
    freshet.run("replay", freshet.write(pipeline), "--brokers", cluster.brokers, "--log", freshet.directory / "log")
    expected = oracle.recount(pipeline, {"a": first.arrivals, "b": second.arrivals})
    for view in views:
        compare_rows(Log(freshet.directory / "log").rows(view, generate.FIELDS), expected[view.name])


def test_brokers_that_are_not_there(freshet: Freshet) -> None:
    pipeline = pipeline_on("nowhere", "nowhere")
    freshet.run("replay", freshet.write(pipeline), "--brokers", "127.0.0.1:1", "-X", "socket.connection.setup.timeout.ms=1000",
                "--log", freshet.directory / "log", expect=2, timeout=60)
