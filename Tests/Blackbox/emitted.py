"""What `run --emit` has produced, as a reader with `read_committed` sees it."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

import generate
from cluster import Cluster
from freshet import Log, compare_rows, position
from pipeline import Pipeline, View

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Emitted:
    key: bytes
    value: bytes
    timestamp: int  # ms

    @property
    def row(self) -> dict:
        return json.loads(self.value)

    @property
    def timeless(self) -> bytes:
        """Without the instant at which the row was made."""
        text, count = re.subn(rb'"created":"[^"]*",', b"", self.value, count=1)
        assert count == 1, self.value
        return text


def read_emitted(cluster: Cluster, topic: str, partitions: int, timeout: float = 60) -> list[Emitted]:
    """All that is committed, up to what is open or the end."""
    consumer = Consumer({"bootstrap.servers": cluster.brokers, "group.id": "emitted", "enable.auto.commit": False,
                         "isolation.level": "read_committed", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
    messages, ended, deadline = [], set(), time.monotonic() + timeout
    try:
        while len(ended) < partitions:
            assert time.monotonic() < deadline, f"partitions {set(range(partitions)) - ended} of {topic} do not end"
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                ended.add(message.partition())
                continue
            messages.append(Emitted(message.key(), message.value(), message.timestamp()[1]))
    finally:
        consumer.close()
    return messages


def micros(text: str) -> int:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text), text
    return (datetime.fromisoformat(text[:-1] + "+00:00") - EPOCH) // timedelta(microseconds=1)


def as_logged(view: View, pipeline: Pipeline, message: Emitted) -> dict:
    """An emitted row in the form in which the log's rows are read, its members and their order checked."""
    row = message.row
    columns = ["pipeline", "version", "view", *view.entity, "event_timestamp", "created", *view.value_types, "partition", "offset"]
    assert list(row) == columns, message.value
    assert (row.pop("pipeline"), row.pop("version"), row.pop("view")) == (pipeline.name, 1, view.name)
    entity = [row[name] for name in view.entity]
    assert message.key.decode() == (str(entity[0]) if len(entity) == 1 else json.dumps(entity, ensure_ascii=False, separators=(",", ":")))
    types = {**generate.FIELDS, **view.value_types, "event_timestamp": "timestamp", "created": "timestamp"}
    for name, value in row.items():
        if types.get(name) == "timestamp" and value is not None:
            row[name] = micros(value)
        if types.get(name) == "double" and value is not None:
            assert isinstance(value, float), (name, message.value)
    assert message.timestamp == row["event_timestamp"] // 1000
    return row


def check_emitted(messages: list[Emitted], pipeline: Pipeline, log: Log, created: bool, values: bool) -> None:
    """Every row of the log once, and nothing else; with its `values`, and the instant at which it was `created`."""
    by_view: dict[str, list[dict]] = {view.name: [] for view in pipeline.views}
    for message in messages:
        name = message.row["view"]
        by_view[name].append(as_logged(pipeline.view(name), pipeline, message))
    for view in pipeline.views:
        logged = log.rows(view, generate.FIELDS)
        if not values:
            assert sorted(map(position, by_view[view.name])) == sorted(map(position, logged)), view.name
            continue
        compare_rows(by_view[view.name], logged, f"emitted rows of {view.name}", "the log")
        if created:
            instants = {(row["partition"], row["offset"]): row["created"] for row in logged}
            assert all(instants[row["partition"], row["offset"]] == row["created"] for row in by_view[view.name])
