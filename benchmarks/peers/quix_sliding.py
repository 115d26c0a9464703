"""Quix Streams: a sliding window of five aggregates per length, over a topic (there is no standard deviation).

The topic is of the broker that FRESHET_TEST_BROKERS names, whose own time does not count. Without one nothing is measured. Putting the
events there is not part of the job, but of this process: it takes about 5 µs of each event. Ties: each event's window is the one that
ends at its instant.
"""

import json
import logging
import os
import tempfile
import uuid

import common

try:
    import quixstreams
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic
    from quixstreams.dataframe.windows import Count, Max, Mean, Min, Sum
except ImportError as error:
    common.skip(error)

AGGREGATES = ["n", "total", "mean", "low", "high"]
brokers = os.environ.get("FRESHET_TEST_BROKERS") or common.skip("no broker: FRESHET_TEST_BROKERS names none")
options = common.arguments()
columns = common.names(options.windows, AGGREGATES)
topic = f"bench_{uuid.uuid4().hex[:12]}"


# Futures die with their client.
admin = AdminClient({"bootstrap.servers": brokers})


def produce():
    # Events are years old, which a broker's retention must not mind.
    admin.create_topics([NewTopic(topic, 1, 1, config={"retention.ms": "-1"})])[topic].result(30)
    producer = Producer(
        {"bootstrap.servers": brokers, "enable.idempotence": True, "queue.buffering.max.messages": 1_000_000})
    count = 0
    with open(options.file, "rb") as file:
        for line in file:
            event = json.loads(line)
            producer.produce(topic, value=line, key=event["customer_id"], timestamp=event["event_time"])
            producer.poll(0)
            count += 1
    assert producer.flush(60) == 0
    return count


events = produce()
now = {"line": -1, "time": 0}
current = {}
sample = []
rows = 0


def arrive(event):
    finish_row()
    now["line"] += 1
    now["time"] = event["event_time"]
    event["cents"] = round(event["amount"] * 100)


def take(window):
    def emit(result):
        # An event touches every window that it lies in; the one that ends with it is what we are after.
        if result["end"] == now["time"]:
            current[window] = [
                result["n"], result["total"] / 100, result["mean"] / 100, result["low"] / 100, result["high"] / 100]

    return emit


def finish_row():
    global rows
    if not current:
        return
    rows += 1
    if now["line"] % options.step == 0:
        sample.append([now["line"], *(value for window in options.windows for value in current[window])])
    current.clear()


with tempfile.TemporaryDirectory() as folder:
    application = quixstreams.Application(
        broker_address=brokers, consumer_group=topic, auto_offset_reset="earliest", state_dir=folder,
        auto_create_topics=False, use_changelog_topics=False, loglevel=logging.ERROR)
    frame = application.dataframe(
        application.topic(topic, value_deserializer="json", timestamp_extractor=lambda value, *_: value["event_time"]))
    frame = frame.update(arrive)
    for window in options.windows:
        windowed = frame.sliding_window(common.milliseconds(window) - 1, name=f"w{window}").agg(
            n=Count(), total=Sum("cents"), mean=Mean("cents"), low=Min("cents"), high=Max("cents"))
        windowed.current().update(take(window))
    # Each branch counts: one window of each length ends with an event, and that is what it puts out.
    application.run(count=events * len(options.windows), timeout=60, collect=False)
    finish_row()
admin.delete_topics([topic])[topic].result(30)
common.write_sample(options.sample, columns, sample)
common.finish(rows)
