"""States that lack rows for good, made by `replay --from` and `--to`: what goes on from them, and what is refused."""

from __future__ import annotations

import json

import pytest

import generate
import oracle
from cluster import Cluster
from freshet import Freshet, Log, bits, compare_rows
from pipeline import Feature, Pipeline, View, column
from test_bounded import between, text, times_of
from test_kafka import Topic, find_values, pipeline_on, rfc3339, without_flush

COUNT = 1200


@pytest.fixture
def moments(freshet: Freshet) -> list[int]:
    """Times of the events of `s.jsonl`, beside the pipeline."""
    lines = generate.schedule(81, COUNT, late=0.01)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
    freshet.write(PIPELINE)
    return times_of(lines)


PIPELINE = Pipeline("limits", (generate.SOURCE,), (View("v", "s", ("customer",), (
    Feature("n", "count", ("1m", "1h")), Feature("sum", "sum", ("1h",), column("amount", "decimal(2)"))), serve_at="latest"),))
REPLAY = ("replay", "pipeline.yaml", "--input", "s=s.jsonl")


def refuse(freshet: Freshet, arguments: tuple, *messages: str) -> None:
    error = freshet.run(*arguments, expect=1).stderr.decode()
    assert all(message in error for message in messages), error


def test_a_state_with_an_end(freshet: Freshet, moments: list[int]) -> None:
    end, later = (text(moments[COUNT * n // 4]) for n in (2, 3))
    kept = (*REPLAY, "--state", "state", "--log", "log")
    freshet.run(*kept, "--to", end)
    rows = Log(freshet.directory / "log").rows(PIPELINE.views[0], generate.FIELDS)
    said = (f"the state is that of a replay --to {end}", "read from there on is gone")
    refuse(freshet, kept, *said)
    refuse(freshet, (*kept, "--to", later), *said)
    refuse(freshet, ("run", "pipeline.yaml", "--brokers", "localhost:1", "--state", "state", "--log", "log"), *said)
    report = freshet.run("plan", "pipeline.yaml", "--state", "state", expect=1).stdout.decode()
    assert all(message in report for message in said) and "cannot go on" in report, report
    # It answers as of its end.
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines((freshet.directory / "s.jsonl").read_bytes().split(b"\n")))
    logs = oracle.logs(PIPELINE.views[0], events)
    for key in sorted(logs)[:5]:
        values = json.loads(freshet.run("get", "pipeline.yaml", "--state", "state", "v", *key, "--at", end).stdout)["values"]
        wanted = oracle.evaluate(PIPELINE.views[0], logs[key], moments[COUNT // 2])
        assert {n: bits(v) for n, v in values.items()} == {n: bits(v) for n, v in wanted.items()}
    # The same replay goes on, and has nothing left to do.
    assert b"view v: 0 rows" in freshet.run(*kept, "--to", end).stdout
    compare_rows(Log(freshet.directory / "log").rows(PIPELINE.views[0], generate.FIELDS), rows)


def test_a_state_with_a_beginning(freshet: Freshet, moments: list[int]) -> None:
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines((freshet.directory / "s.jsonl").read_bytes().split(b"\n")))
    earlier, first, later = (text(moments[COUNT * n // 4]) for n in (1, 2, 3))
    kept = (*REPLAY, "--state", "state", "--discard")
    freshet.run(*kept, "--from", first)
    said = (f"the state is that of a replay --from {first}",)
    refuse(freshet, kept, *said)
    refuse(freshet, (*kept, "--from", earlier), *said)
    freshet.run("plan", "pipeline.yaml", "--state", "state")
    view = PIPELINE.views[0]
    key = events[0].fields["customer"]
    get = ("get", "pipeline.yaml", "--state", "state", "v", key, "--at")
    refuse(freshet, (*get, rfc3339(moments[COUNT // 2] - 1)), "need events that the state does not have", f"replay --from {first}")
    last = moments[-1]
    values = find_values(json.loads(freshet.run(*get, rfc3339(last)).stdout), set(view.value_types))
    wanted = oracle.evaluate(view, oracle.logs(view, events)[(key,)], last)
    assert {n: bits(v) for n, v in values.items()} == {n: bits(v) for n, v in wanted.items()}
    # What a later beginning left out is left out from then on.
    freshet.run(*kept, "--from", later)
    refuse(freshet, (*kept, "--from", first), f"the state is that of a replay --from {later}")


def test_run_goes_on_from_a_beginning(freshet: Freshet, cluster: Cluster) -> None:
    """Not a row before `--from`, though a partition brings events of then; all rows from there on."""
    topic = Topic(cluster, 3)
    lines = generate.schedule(82, COUNT)
    moments = times_of(lines)
    pipeline = pipeline_on(topic.name, f"limits_{topic.name}")
    path = freshet.write(pipeline)
    # One partition has nothing at first: what it brings then is from before.
    slow = [line for line in lines if topic.partition_of(json.loads(line)["customer"]) == 1]
    topic.produce([line for line in lines[: COUNT * 3 // 4] if line not in slow])
    first = moments[COUNT // 2]
    common = ("--brokers", cluster.brokers, "--state", freshet.directory / "state", "--log", freshet.directory / "log")
    freshet.run("replay", path, *common, "--from", rfc3339(first))
    topic.produce(slow)
    topic.produce([line for line in lines[COUNT * 3 // 4 :] if line not in slow])
    topic.flush()
    running = freshet.start("run", path, *common)
    try:
        cluster.wait_for_group(pipeline.name, {topic.name: topic.ends})
        running.stop()
    finally:
        running.process.kill()
    expected = oracle.recount(pipeline, {"s": topic.arrivals})
    for view in pipeline.views:
        found = without_flush(Log(freshet.directory / "log").rows(view, generate.FIELDS))
        places = {(row["partition"], row["offset"]) for row in found}
        assert places == {(r["partition"], r["offset"]) for r in between(expected[view.name], first, 1 << 62)}
        assert len(places) == len(found)


def test_reads_of_what_has_left(freshet: Freshet) -> None:
    """Entities whose events are all gone, or the older ones of many: an error or the right value, and each of both where it has to be."""
    day = 86_400_000_000
    start = generate.BASE // 1000
    lines = [{"at": start + n * 3_600_000 // 4, "card": card} for n in range(40 * 96) for card in (["hot"] if n % 5 else ["hot", f"c{n // 96}"])]
    (freshet.directory / "s.jsonl").write_text("\n".join(json.dumps({**line, "amount": n % 7}) for n, line in enumerate(lines)))
    (freshet.directory / "p.yaml").write_text("""
pipeline: left
version: 1
sources: {s: {topic: t, format: json, event_time: {field: at, unit: ms}, out_of_orderness: 5s,
    fields: {at: timestamp, card: string, amount: int64}}}
views: {v: {source: s, entity: [card], features: [{name: n, aggregate: count(), windows: [1d]}, {name: sum, aggregate: sum(amount), windows: [7d]}]}}
""")
    freshet.run("replay", "p.yaml", "--input", "s=s.jsonl", "--discard", "--state", "state", "--commit-interval", "10ms", "--memory", "1MiB")
    times = {card: [(line["at"] * 1000, n % 7) for n, line in enumerate(lines) if line["card"] == card] for card in ("hot", "c3", "c30", "c39")}
    newest = lines[-1]["at"] * 1000
    seen = set()
    for card in (*times, "nobody"):
        for age in (0, 1, 6, 7, 8, 15, 20, 30, 38):
            at = newest - age * day
            own = times.get(card, [])
            wanted = {"n_1d": sum(at - day < t <= at for t, _ in own), "sum_7d": sum(a for t, a in own if at - 7 * day < t <= at)}
            done = freshet.run("get", "p.yaml", "--state", "state", "v", card, "--at", rfc3339(at), expect=(0, 1))
            if done.returncode == 0:
                assert json.loads(done.stdout)["values"] == wanted, (card, age)
            else:
                assert b"have left the state" in done.stderr and age >= 1, (card, age, done.stderr)
            seen.add((card, done.returncode))
    assert {(card, 0) for card in (*times, "nobody")} <= seen and ("hot", 1) in seen and ("c3", 1) in seen
