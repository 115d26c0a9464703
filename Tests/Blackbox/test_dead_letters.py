"""`dead-letters`: what was set aside is listed, and comes back once the pipeline is mended, each record at most once.

The oracle of a feed is a full replay with the mended pipeline: the newest rows and the online values are the same.
"""

from __future__ import annotations

import base64
import json
import random
import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

import generate
import oracle
from cluster import Cluster
from freshet import Freshet, Log, bits, compare_rows, newest
from pipeline import Feature, Pipeline, Source, View, column
from test_kafka import FLUSH, Topic, Worker, without_flush
from test_late import rfc3339

#: Two more fields; what is wrong with either is mended by its second type.
BROKEN = {"tag": "int64", "channel": "string"}
MENDED = {"tag": "double", "channel": "string?"}


def pipeline_of(fields: dict[str, str], late: str = "apply", snapshots: str = "final", topic: str | None = None, name: str = "letters",
                window: str = "lifetime") -> Pipeline:
    source = replace(generate.SOURCE, fields={**generate.FIELDS, **fields}, late=late, topic=topic)
    id = column("id", "int64")
    return Pipeline(name, (source,), (
        View("customers", "s", ("customer",), (Feature("n", "count", ("30s", window)), Feature("last", "last", ("1m",), id)),
             snapshots=snapshots, serve_at="latest"),
        View("terminals", "s", ("terminal",), (Feature("sum", "sum", (window,), column("amount", "decimal(2)")), Feature("first", "first", ("5m",), id)),
             snapshots=snapshots, serve_at="latest", bounds="[]"),
        # Reads the field that becomes optional.
        View("channels", "s", ("terminal",), (Feature("channels", "count_distinct", (window,), column("channel", "string")),
                                              Feature("n", "count", ("10s",)), Feature("ends", "last", ("10s",), id)),
             snapshots=snapshots, serve_at="latest"),
    ))


def spoil(lines: list[bytes], rng: random.Random, share: float = 0.1) -> list[bytes]:
    """Of some lines the tag is no whole number, some have no channel, some are no JSON at all."""
    result = []
    for number, line in enumerate(lines):
        pick = rng.random()
        tag = b"1.5" if pick < share else b"7"
        channel = b"" if share <= pick < 1.5 * share else b',"channel":"web-%d"' % (number % 5)
        result.append(b"{broken" if 1.5 * share <= pick < 1.6 * share else line[:-1] + b',"tag":' + tag + channel + b"}")
    return result


def flush_line(lines: list[bytes], fields: str = ',"tag":1,"channel":"x"') -> bytes:
    last = max(json.loads(line)["event_time"] for line in lines if line != b"{broken") + 3_600_000
    members = {"id": "0", "customer": json.dumps(FLUSH), "terminal": json.dumps(FLUSH), "event_time": str(last), "shop": "0", "amount": "-1", "fraud": "0"}
    return generate.line(members, random.Random(0))[:-1] + fields.encode() + b"}"


class Case:
    """A replay with a broken pipeline on a state, and feeds of its letters with another."""

    def __init__(self, freshet: Freshet, lines: list[bytes], broken: Pipeline, mended: Pipeline) -> None:
        self.freshet, self.lines, self.broken, self.mended = freshet, lines, broken, mended
        self.log = Log(freshet.directory / "log")
        self.old, self.new = freshet.write(broken, "broken.yaml"), freshet.write(mended, "mended.yaml")
        (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines))
        self.replay(self.old)

    def replay(self, path: Path) -> None:
        self.freshet.run("replay", path, "--input", "s=s.jsonl", "--log", "log", "--state", "state", "--commit-interval", "20ms")

    def letters(self, *flags: object, expect: int = 0) -> str:
        done = self.freshet.run("dead-letters", self.new, "--log", "log", *flags, expect=expect)
        return (done.stdout if expect == 0 else done.stderr).decode()

    def retry(self, *flags: object, expect: int = 0) -> str:
        return self.letters("--state", "state", "--retry", *flags, expect=expect)

    def listed(self, *flags: object) -> list[dict]:
        return [json.loads(line) for line in self.letters("--state", "state", "--json", *flags).splitlines()]

    def finish(self) -> None:
        """Rows behind the watermark wait for a run that goes on."""
        with (self.freshet.directory / "s.jsonl").open("ab") as file:
            file.write(b"\n" + flush_line(self.lines))
        self.replay(self.new)

    def check(self) -> None:
        """As a full replay with the mended pipeline."""
        arrivals = oracle.of_lines(self.lines)
        source = self.mended.sources[0]
        for view, rows in zip(self.mended.views, oracle.recount(self.mended, {"s": arrivals}).values()):
            found = newest(self.log.rows_with_corrections(view, source.fields))
            compare_rows(without_flush(found), rows)
        events, dead = oracle.apply(source, arrivals, views=self.mended.views)
        assert sorted((d["partition"], d["offset"], d["reason"]) for d in self.listed() if d["fed"] is None) == sorted(dead)
        at = max(event.time for event in events)
        for view in self.mended.views:
            logs = oracle.logs(view, events)
            for key in random.Random(1).sample(sorted(logs), min(4, len(logs))):
                done = self.freshet.run("get", self.new, "--state", "state", view.name, *key, "--at", rfc3339(at))
                found = json.loads(done.stdout)["values"]
                assert {n: bits(found[n]) for n in view.value_types} == {
                    n: bits(v) for n, v in oracle.evaluate(view, logs[key], at).items()}, (view.name, key)


@pytest.mark.parametrize("snapshots", ["final", "arrival", "none"])
def test_a_feed_is_a_full_replay(freshet: Freshet, snapshots: str) -> None:
    rng = random.Random(1)
    lines = spoil(generate.schedule(1, 3_000, late=0.03), rng)
    case = Case(freshet, lines, pipeline_of(BROKEN, snapshots=snapshots), pipeline_of(MENDED, snapshots=snapshots))
    before = case.listed()
    assert {letter["reason"] for letter in before} == {"wrong_type", "missing_field", "malformed"}
    assert all(letter["fed"] is None for letter in before)
    assert "missing_field  field channel: required, but absent" in case.letters()
    file = freshet.directory / "log/_dead_letters/dead_letters.jsonl"
    untouched = file.read_bytes()

    mendable = [letter for letter in before if letter["reason"] != "malformed"]
    said = case.retry("--reason", "missing_field")
    missing = sum(letter["reason"] == "missing_field" for letter in before)
    assert said.splitlines()[0] == f"{missing} letters fed"
    said = case.retry()
    assert said.splitlines() == [f"{len(mendable) - missing} letters fed", f"{missing} were fed before",
                                 f"{len(before) - len(mendable)} are dead letters still: malformed"]
    assert case.retry().splitlines()[0] == "0 letters fed"
    assert file.read_bytes() == untouched, "nothing is set aside a second time"
    table = case.letters("--state", "state")
    assert re.search(r"missing_field +\S.* +(\d+) +\1 +0:", table), table
    case.finish()
    # Rows of arrival mode count what had arrived when they were served, which a replay would not.
    if snapshots == "arrival":
        rows = {row["offset"] for row in case.log.rows(case.mended.views[0], case.mended.sources[0].fields)}
        assert {letter["offset"] for letter in mendable} <= rows
    else:
        case.check()


@pytest.mark.parametrize("seed", range(2))
def test_killed_feeds(freshet: Freshet, seed: int) -> None:
    rng = random.Random(seed)
    lines = spoil(generate.schedule(seed + 5, 6_000, late=0.02, step=300_000), rng, share=0.4)
    case = Case(freshet, lines, pipeline_of(BROKEN), pipeline_of(MENDED))
    command = [freshet.binary, "dead-letters", str(case.new), "--log", "log", "--state", "state", "--retry", "--commit-interval", "1ms"]
    kills = 0
    for attempt in range(15):
        process = subprocess.Popen([*command, "--threads", str(rng.randrange(1, 4)), "--memory", "1MiB"], cwd=freshet.directory,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=freshet.environment())
        try:
            # Waits that grow from nothing: some end before a feed does, however fast the machine is.
            process.wait(rng.uniform(0.002, 0.01) + 0.02 * attempt * rng.random())
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills > 3
    case.retry()
    case.finish()
    case.check()


def test_late_letters_come_back(freshet: Freshet) -> None:
    """Set aside by `late: drop`, applied once the pipeline says `late: apply`."""
    lines = [line[:-1] + b',"tag":1,"channel":"x"}' for line in generate.schedule(8, 3_000, late=0.08)]
    # Where windows reach back across all of it, a state that reached only once has what rows need.
    case = Case(freshet, lines, pipeline_of(BROKEN, late="drop", window="1d"), pipeline_of(BROKEN, window="1d"))
    late = case.listed()
    assert len(late) > 50 and {letter["reason"] for letter in late} == {"late"}
    assert f"{len(late)} are dead letters still: late" in freshet.run(
        "dead-letters", case.old, "--log", "log", "--state", "state", "--retry").stdout.decode()
    assert case.retry().splitlines() == [f"{len(late)} letters fed"]
    case.finish()
    case.check()


def test_late_in_a_full_replay_too(freshet: Freshet) -> None:
    """With `late: drop` a mended record that was late where it stood stays a dead letter, for a new reason."""
    rng = random.Random(3)
    lines = spoil(generate.schedule(9, 2_000), rng)
    for _ in range(60):
        place = rng.randrange(len(lines) - 600)
        if b'"tag":1.5' in lines[place]:
            lines.insert(place + 500, lines.pop(place))
    case = Case(freshet, lines, pipeline_of(BROKEN, late="drop"), pipeline_of(MENDED, late="drop"))
    wrong = sum(letter["reason"] == "wrong_type" for letter in case.listed())
    said = case.retry("--reason", "wrong_type")
    fed, late = (int(n) for n in re.match(r"(\d+) letters fed\n(\d+) are dead letters still: late\n", said).groups())
    assert late > 0 and fed + late == wrong
    assert sum(letter["reason"] == "late" for letter in case.listed()) == late
    case.retry()
    case.finish()
    case.check()


def test_what_no_window_reaches_stays(freshet: Freshet) -> None:
    rng = random.Random(4)
    lines = spoil(generate.schedule(10, 3_000, step=2_000_000), rng)
    short = lambda fields: replace(p := pipeline_of(fields, window="5m"), views=tuple(
        replace(v, features=tuple(replace(f, windows=("1m",)) for f in v.features)) for v in p.views))
    case = Case(freshet, lines, short(BROKEN), short(MENDED))
    before = len(case.listed())
    said = case.retry()
    kept = int(re.search(r"(\d+) are dead letters still: late", said)[1])
    fed = int(re.match(r"(\d+) letters fed", said)[1])
    assert kept > 100 and fed > 0
    out = [letter for letter in case.listed("--reason", "late")]
    assert len(out) == kept and all("no view's windows reach back to it any more" in letter["error"] for letter in out)
    assert len(case.listed()) == before
    case.finish()
    # What was applied is in all rows that count it; what was not, in none.
    gone = {letter["offset"] for letter in case.listed() if letter["fed"] is None}
    arrivals = [a for a in oracle.of_lines(lines) if a.offset not in gone]
    for view, rows in oracle.recount(case.mended, {"s": arrivals}).items():
        found = newest(case.log.rows_with_corrections(case.mended.view(view), case.mended.sources[0].fields))
        compare_rows(without_flush(found), rows)


def test_topics_headers_and_letters_that_come_twice(freshet: Freshet, cluster: Cluster) -> None:
    topic, letters = Topic(cluster, 3), cluster.topic("letters", 2)
    lines = spoil(generate.schedule(12, 1_600), random.Random(5))
    broken, mended = (with_archive(pipeline_of(fields, topic=topic.name, name=f"letters_{topic.name}")) for fields in (BROKEN, MENDED))

    def produce(lines: list[bytes]) -> None:
        for line in lines:
            customer = "c-0" if line == b"{broken" else json.loads(line)["customer"]
            partition = topic.partition_of(customer)
            time = generate.BASE // 1000 if line == b"{broken" else json.loads(line)["event_time"]
            headers = [("trace", b"\xff\x00"), ("kind", None), ("trace", str(topic.ends[partition]).encode())]
            cluster.producer.produce(topic.name, value=line, key=customer.encode(), partition=partition, timestamp=time, headers=headers)
            topic.arrivals.append(oracle.Arrival(partition, topic.ends[partition], line))
            topic.ends[partition] += 1
        assert cluster.producer.flush(30) == 0

    worker = Worker(freshet, cluster, broken, "--dead-letters", letters, "--commit-interval", "50ms")
    produce(lines[:800])
    worker.until_done(topic)
    first = list(topic.ends)
    # What was sent since the last commit is sent again.
    produce(lines[800:])
    late = list(worker.command)
    late[late.index("--commit-interval") + 1] = "1h"
    names = ["dead-letters", freshet.write(mended, "mended.yaml"), "--brokers", cluster.brokers, "--dead-letters", letters]
    listed = lambda: [json.loads(line) for line in freshet.run(*names, "--state", worker.state, "--json").stdout.splitlines()]
    expected = {(p, o): reason for p, o, reason in oracle.apply(broken.sources[0], topic.arrivals, views=broken.views)[1]}
    for _ in range(2):
        running = freshet.start(*late)
        deadline = 60
        while len({(d["partition"], d["offset"]) for d in listed()}) < len(expected) and deadline:
            deadline -= 1
        running.process.kill()
        running.process.wait()
        assert deadline, "not all letters were sent"
    found = listed()
    assert {(d["partition"], d["offset"]): d["reason"] for d in found} == expected and len(found) == len(expected)
    for letter in found:
        assert [h["name"] for h in letter["headers"]] == ["trace", "kind", "trace"]
        assert base64.b64decode(letter["headers"][0]["value"]) == b"\xff\x00" and letter["headers"][1]["value"] is None
        assert base64.b64decode(letter["headers"][2]["value"]) == str(letter["offset"]).encode()
        assert letter["key_text"] == base64.b64decode(letter["key"]).decode()

    # The state is not at all of them: those that it has yet to read are its own.
    retry = [*names, "--state", worker.state, "--log", worker.log.path, "--retry"]
    said = freshet.run(*retry).stdout.decode()
    assert re.search(r"[1-9]\d* are of records that the worker has yet to read", said), said
    # Read again, by the mended pipeline, they are taken: their letters are there still, and must not be fed.
    worker = Worker(freshet, cluster, mended, "--dead-letters", letters, "--commit-interval", "50ms")
    worker.until_done(topic)
    said = freshet.run(*retry).stdout.decode()
    assert "yet to read" not in said
    again = [p for p, reason in expected.items() if reason != "malformed" and p[1] >= first[p[0]]]
    assert f"\n{len(again)} are of records that were read again since, and applied" in said and again
    assert "\n0 letters fed" in "\n" + freshet.run(*retry).stdout.decode()
    fed = [d for d in listed() if d["fed"]]
    assert {(d["partition"], d["offset"]) for d in fed} == {place for place, reason in expected.items() if reason != "malformed"}
    flush = {"id": "0", "terminal": json.dumps(FLUSH), "shop": "0", "amount": "0", "fraud": "0", "tag": "1", "channel": '"x"'}
    after = max(json.loads(a.raw)["event_time"] for a in topic.arrivals if a.raw != b"{broken") + 3_600_000
    for partition in range(3):
        line = generate.line({**flush, "customer": json.dumps(FLUSH + str(partition)), "event_time": str(after)}, random.Random(0))
        cluster.producer.produce(topic.name, value=line, partition=partition, timestamp=after)
        topic.ends[partition] += 1
    assert cluster.producer.flush(30) == 0
    worker = Worker(freshet, cluster, mended, "--dead-letters", letters)
    worker.until_done(topic)
    # Whoever was applied was so once: in the archive, by the counter, in all rows.
    applied = sorted((e.partition, e.offset) for e in oracle.apply(mended.sources[0], topic.arrivals, views=mended.views)[0])
    with duckdb.connect() as connection:
        found = connection.execute(f"""select partition, "offset" from read_parquet('{worker.log.path}/_events/s/*/*.parquet', union_by_name = true)
            where not starts_with(customer, '{FLUSH}') order by all""").fetchall()
    assert found == applied
    assert f"source s: {len(applied) + 3} events applied".encode() in freshet.run(*retry).stderr
    for view, rows in zip(mended.views, oracle.recount(mended, {"s": topic.arrivals}).values()):
        compare_rows(without_flush(newest(worker.log.rows_with_corrections(view, mended.sources[0].fields))), rows)


def with_archive(pipeline: Pipeline) -> Pipeline:
    return replace(pipeline, sources=tuple(replace(source, archive=True) for source in pipeline.sources))


def test_a_state_whose_rows_are_emitted(freshet: Freshet, cluster: Cluster) -> None:
    """Its letters are refused: their rows belong into no transaction, since no position of a partition says whether they were in one."""
    topic = Topic(cluster, 1)
    pipeline = pipeline_of(BROKEN, topic=topic.name, name=f"emits_{topic.name}")
    topic.produce([line for line in spoil(generate.schedule(15, 200), random.Random(7)) if line != b"{broken"])
    worker = Worker(freshet, cluster, pipeline, "--emit", cluster.topic("emitted", 1))
    worker.until_done(topic)
    rows = worker.log.rows_with_corrections(pipeline.views[0], pipeline.sources[0].fields)
    mended = freshet.write(pipeline_of(MENDED, topic=topic.name, name=pipeline.name), "mended.yaml")
    retry = ("dead-letters", mended, "--log", worker.log.path, "--state", worker.state, "--retry")
    said = freshet.run(*retry, expect=1).stderr.decode()
    assert "the state's rows go to topic emitted" in said and "--emit" in said
    assert worker.log.rows_with_corrections(pipeline.views[0], pipeline.sources[0].fields) == rows
    listed = freshet.run("dead-letters", mended, "--log", worker.log.path, "--state", worker.state, "--json").stdout.splitlines()
    assert listed and all(json.loads(line)["fed"] is None for line in listed)


def test_refusals(freshet: Freshet, cluster: Cluster) -> None:
    lines = spoil(generate.schedule(13, 400), random.Random(6))
    counting = lambda fields, late: replace(pipeline_of(fields, late), views=(View("v", "s", ("customer",), (Feature("n", "count", ("1h",)),)),))
    case = Case(freshet, lines, counting(BROKEN, "drop"), counting(MENDED, "drop"))
    said = case.retry(expect=1)
    assert "view v: the state does not know which rows its events have" in said and "late: apply" in said
    assert "there is no state in nowhere" in case.letters("--state", "nowhere", "--retry", expect=1)
    assert "did you mean late" in case.letters("--reason", "lat", expect=64)
    assert "--source x" in case.letters("--source", "x", expect=1)
    case.letters("--retry", expect=64)

    topic = Topic(cluster, 1)
    freshet = Freshet(freshet.binary, freshet.directory / "running")
    freshet.directory.mkdir()
    pipeline = pipeline_of(MENDED, topic=topic.name, name=f"locked_{topic.name}")
    worker = Worker(freshet, cluster, pipeline, "--commit-interval", "20ms")
    topic.produce([line[:-1] + b',"tag":1}' for line in generate.schedule(14, 50)])
    running = freshet.start(*worker.command)
    try:
        cluster.wait_for_group(pipeline.name, {topic.name: topic.ends})
        done = freshet.run("dead-letters", worker.path, "--log", worker.log.path, "--state", worker.state, "--retry", expect=2)
        assert b"is in use by another process" in done.stderr
        # Looking is allowed.
        assert b"no dead letters" in freshet.run("dead-letters", worker.path, "--log", worker.log.path, "--state", worker.state).stdout
    finally:
        running.stop()
