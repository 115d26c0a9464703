"""SIGTERM and SIGINT at any moment: status 0 soon, all that was read committed, and on with the rest at the next start."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

import generate
from broker import Broker
from freshet import Freshet, Running
from test_crash import check_dead, pipeline_on
from test_kafka import Topic, Worker, check

SEED = int(os.environ.get("CRASH_SEED", 1))


def ends(running: Running, seconds: float, status: tuple[int, ...] = (0,)) -> float:
    """How long the end took."""
    began = time.monotonic()
    try:
        found = running.process.wait(seconds)
    finally:
        running.process.kill()
    assert found in status, f"exit {found}\n{running.tail()}"
    return time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_every_phase(freshet: Freshet, broker: Broker, number: signal.Signals) -> None:
    """Starting, catching up, in a commit, idle; with a second SIGTERM while it stops."""
    rng = random.Random(f"{SEED} {number}")
    print(f"CRASH_SEED={SEED}")
    topic = Topic(broker, 3)
    lines = generate.schedule(31, 4_000, late=0.01, step=1_000_000)
    worker = Worker(freshet, broker, pipeline_on(topic.name, f"stop_{topic.name}", "final"), "--commit-interval", "3ms", "--memory", "256KiB")
    for start in range(0, 4_000, 200):
        topic.produce(lines[start : start + 200])
        running = freshet.start(*worker.command)
        time.sleep(rng.choice([0.02, 0.05, 0.1, 0.3, 0.6]) * rng.uniform(0.5, 1.5))
        running.process.send_signal(number)
        if number == signal.SIGTERM and rng.random() < 0.5:
            time.sleep(rng.uniform(0, 0.05))
            running.process.send_signal(number)
        # Before its first line it has nothing to commit, and no hand for signals.
        ends(running, 15, (0, -number))
    topic.flush()
    worker.until_done(topic, then=0.3)
    check(worker.log, worker.pipeline, topic)
    check_dead(worker.log, worker.pipeline, topic.arrivals)


@pytest.mark.parametrize(("command", "broken", "known"), [
    ("run", "down", False), ("replay", "hung", False), ("run", "hung", True), ("replay", "down", True)])
def test_a_signal_while_no_broker_answers(freshet: Freshet, broker: Broker, command: str, broken: str, known: bool) -> None:
    topic = Topic(broker, 2)
    topic.produce(generate.schedule(32, 300))
    worker = Worker(freshet, broker, pipeline_on(topic.name, f"stop_{topic.name}", "final"))
    if known:
        worker.until_done(topic)
    if broken == "down":
        broker.down()
    else:
        broker.delay = 3600
    running = freshet.start(command, *worker.command[1:])
    time.sleep(0.7)
    running.process.send_signal(signal.SIGTERM)
    assert ends(running, 20) < 12
    if broken == "hung":
        broker.down()
        broker.delay = 0
    broker.up()
    topic.flush()
    worker.until_done(topic)
    check(worker.log, worker.pipeline, topic)


def test_a_signal_while_the_broker_is_gone(freshet: Freshet, broker: Broker) -> None:
    """What was read is committed, though nobody is there to be told."""
    topic = Topic(broker, 2)
    topic.produce(generate.schedule(33, 300))
    worker = Worker(freshet, broker, pipeline_on(topic.name, f"stop_{topic.name}", "final"))
    running = freshet.start(*worker.command, "--commit-interval", "1h")
    time.sleep(1)
    broker.down()
    running.process.send_signal(signal.SIGTERM)
    assert ends(running, 20) < 12
    # All of it is in the state: the topic is not needed for it any more.
    broker.up()
    topic.flush()
    worker.until_done(topic)
    check(worker.log, worker.pipeline, topic)


def test_a_second_interrupt_ends_at_once(freshet: Freshet, broker: Broker) -> None:
    topic = Topic(broker, 2)
    topic.produce(generate.schedule(34, 300))
    worker = Worker(freshet, broker, pipeline_on(topic.name, f"stop_{topic.name}", "final"))
    worker.until_done(topic)
    broker.delay = 3600  # the last commit's offsets wait for an answer
    running = freshet.start(*worker.command)
    time.sleep(0.5)
    running.process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    running.process.send_signal(signal.SIGINT)
    assert ends(running, 15, (0, 130)) < 3
