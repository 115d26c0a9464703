"""A disk that is full, folders that others are in, bytes that have changed: said with the file's name, nothing broken, nothing served.

    CORRUPT_FLIPS=50   changed bytes in each file; a few if not given
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import generate
import oracle
from broker import Broker
from freshet import Freshet, Log
from pipeline import Pipeline
from test_archive import check as check_archive
from test_crash import BROKEN, check_dead, dead, online, pipeline_on, same_files
from test_kafka import Topic, Worker, check, rfc3339

FLIPS = int(os.environ.get("CORRUPT_FLIPS", 2))
SEED = int(os.environ.get("CRASH_SEED", 1))


def schedule(rng: random.Random, count: int, customers: int = 400) -> list[bytes]:
    lines = generate.schedule(rng.randrange(10**6), count, late=0.01, step=1_000_000, customers=customers)
    for _ in range(count // 50):
        lines.insert(rng.randrange(len(lines)), rng.choice(BROKEN[2:]))
    return lines


def full(freshet: Freshet, preload: str, size: int, under: str = "") -> dict[str, str]:
    return {"LD_PRELOAD": preload, "FAULTS_FULL": str(size), "FAULTS_UNDER": str(freshet.directory / under)}


def names_a_file(said: str, folder: Path) -> bool:
    """The last line of what a command said names something that is, or was, below the folder."""
    last = said.strip().splitlines()[-1]
    # A file that is sorted with has no name, only a folder.
    names = (f"{folder}", "state/", "log/", ".out.csv", "a file in .")
    return "No space left on device" in last and any(name in last for name in names)


def test_a_full_disk(freshet: Freshet, preload: str) -> None:
    """At any byte that anything writes: status 2, the file named; with space again it goes on as if nothing had been."""
    rng = random.Random(SEED)
    print(f"CRASH_SEED={SEED}")
    lines = schedule(rng, 8_000)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    pipeline = pipeline_on("s", "full", "final")
    path = freshet.write(pipeline)
    command = ["replay", path, "--input", "s=s.jsonl", "--state", "state", "--log", "log", "--commit-interval", "3ms", "--memory", "64KiB"]
    # Whatever writes first, and each writer by itself; where a disk has no room left for parts, most of the work is done.
    writers = {"": 6.4, "state/": 6, "log/_dead_letters": 4, "log/by_terminal/_segments": 5, "log/by_both/dt=": 4.5, "log/_events/s/dt=": 5,
               "log/_freshet_commit": 2.5, "state/_freshet_commit": 2.5}
    stopped = []
    for under in [*rng.choices(["", "state/"], k=6), *writers]:
        size = int(10 ** rng.uniform(1 if writers[under] < 6 else 2, writers[under]))
        done = freshet.run(*command, env=full(freshet, preload, size, under), expect=(0, 2))
        if done.returncode == 2:
            said = done.stderr.decode()
            assert names_a_file(said, freshet.directory), (under, size, said)
            stopped.append(said.strip().splitlines()[-1])
    print("\n".join(stopped))
    assert len(stopped) > 5
    freshet.run(*command)
    freshet.run("replay", path, "--input", "s=s.jsonl", "--state", "alone", "--log", "log_alone")
    log, arrivals = Log(freshet.directory / "log"), oracle.of_lines(lines)
    same_files(log.path, freshet.directory / "log_alone", pipeline)
    assert dead(log) == dead(Log(freshet.directory / "log_alone"))
    check_dead(log, pipeline, arrivals)
    check_archive(log.path, arrivals)
    events, _ = oracle.apply(pipeline.sources[0], arrivals)
    online(freshet, path, freshet.directory / "state", pipeline, events, SEED, 5)
    assert leftovers(freshet.directory) == []


def leftovers(folder: Path) -> list[Path]:
    """What no reader is to see, and nobody needs."""
    return [file for file in folder.rglob("*") if file.name.startswith(".") or file.suffix in (".inprogress", ".segment", ".tmp")]


def test_a_full_disk_without_a_state(freshet: Freshet, preload: str) -> None:
    """A replay whose state spills, and a join that sorts on disk: all or nothing, and no temporary file is left."""
    rng = random.Random(SEED + 1)
    lines = schedule(rng, 20_000, customers=4_000)
    (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    events, _ = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    spine = "".join(f"{rng.choice(events).fields['customer']},{rfc3339(rng.choice(events).time)}\n" for _ in range(30_000))
    (freshet.directory / "spine.csv").write_text("customer,event_timestamp\n" + spine)
    path = freshet.write(pipeline_on("s", "full", "final"))
    replay = ["replay", path, "--input", "s=s.jsonl", "--log", "log", "--memory", "256KiB"]
    join = ["join", path, "--input", "s=s.jsonl", "--spine", "spine.csv", "--features", "by_customer:n_1h", "--out", "out.csv", "--memory", "256KiB"]
    for command, target in ((replay, "log"), (join, "out.csv")):
        stopped = 0
        for exponent in (2, 3.5, 4.5, 5, 5.5, 5.8):
            before = set(freshet.directory.iterdir())
            done = freshet.run(*command, env={**full(freshet, preload, int(10**exponent)), "TMPDIR": str(freshet.directory)}, expect=(0, 2))
            if done.returncode == 0:
                break
            stopped += 1
            assert names_a_file(done.stderr.decode(), freshet.directory), (exponent, done.stderr.decode())
            visible = [f for f in (freshet.directory / "log").rglob("*.parquet") if not f.name.startswith(".")]
            assert not visible and not (freshet.directory / "out.csv").exists()
            assert leftovers(freshet.directory) == []
            assert set(freshet.directory.iterdir()) - before <= {freshet.directory / "log"}
        assert stopped > 2, command
        if target == "log" and done.returncode:
            freshet.run(*command)
        shutil.rmtree(freshet.directory / "log", ignore_errors=True)


def test_a_small_file_system(freshet: Freshet) -> None:
    """The real thing, where the test may mount one."""
    small = freshet.directory / "small"
    small.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", small], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        lines = schedule(random.Random(3), 12_000)
        (freshet.directory / "s.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        pipeline = pipeline_on("s", "full", "final")
        command = ["replay", freshet.write(pipeline), "--input", "s=s.jsonl", "--state", small / "state", "--log", small / "log",
                   "--commit-interval", "3ms"]
        done = freshet.run(*command, expect=2)
        assert names_a_file(done.stderr.decode(), small)
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        freshet.run(*command)
        check_archive(small / "log", oracle.of_lines(lines))
        check_dead(Log(small / "log"), pipeline, oracle.of_lines(lines))
    finally:
        subprocess.run(["umount", small], check=True)


def test_folders_that_are_in_use(freshet: Freshet, broker: Broker) -> None:
    topic = Topic(broker, 1)
    topic.produce(generate.schedule(4, 100))
    pipeline = pipeline_on(topic.name, f"locked_{topic.name}", "final")
    worker = Worker(freshet, broker, pipeline)
    running = freshet.start(*worker.command)
    try:
        broker.wait_for_group(pipeline.name, {topic.name: topic.ends})
        second = freshet.run(*worker.command, expect=2)
        assert str(worker.state).encode() in second.stderr and b"in use by another process" in second.stderr
        # Another state, the same log.
        other = freshet.run(*worker.command, "--state", freshet.directory / "other", expect=2)
        assert str(worker.log.path).encode() in other.stderr and b"in use by another process" in other.stderr
        running.stop()
    finally:
        running.process.kill()
    other = freshet.run(*worker.command, "--state", freshet.directory / "other", expect=1)
    assert str(worker.log.path).encode() in other.stderr and b"another state" in other.stderr
    done = freshet.run("replay", worker.path, "--brokers", broker.brokers, "--log", worker.log.path, expect=1)
    assert str(worker.log.path).encode() in done.stderr
    topic.flush()
    worker.until_done(topic)
    check(worker.log, pipeline, topic)


# Changed bytes


@dataclass
class Kept:
    """A state and a log as a killed run leaves them: tables, a journal, parts, segments, dead letters."""

    freshet: Freshet
    broker: Broker
    pipeline: Pipeline
    path: Path
    keys: list[tuple]
    values: list[bytes]
    moment: str

    def get(self, state: Path, key: tuple) -> subprocess.CompletedProcess:
        return self.freshet.run("get", self.path, "--state", state, *key, "--at", self.moment, expect=(0, 1, 2))

    def go_on(self, folder: Path) -> subprocess.CompletedProcess:
        return self.freshet.run("replay", self.path, "--brokers", self.broker.brokers, "--state", folder / "state", "--log", folder / "log", expect=(0, 1, 2))


@pytest.fixture
def kept(freshet: Freshet, broker: Broker) -> Kept:
    topic = Topic(broker, 2)
    lines = generate.schedule(7, 6_000, late=0.01, step=1_000_000, customers=400)
    base = freshet.directory / "base"
    base.mkdir()
    pipeline = pipeline_on(topic.name, f"changed_{topic.name}", "final")
    path = freshet.write(pipeline)
    command = ["run", path, "--brokers", broker.brokers, "--state", base / "state", "--log", base / "log", "--commit-interval", "5ms"]
    for start, end, number in ((0, 3_000, signal.SIGTERM), (3_000, 5_000, signal.SIGKILL)):
        running = freshet.start(*command)
        for first in range(start, end, 250):
            topic.produce(lines[first : first + 250])
            time.sleep(0.02)
        broker.wait_for_group(pipeline.name, {topic.name: topic.ends})
        running.process.send_signal(number)
        running.process.wait(30)
    events, _ = oracle.apply(pipeline.sources[0], topic.arrivals)
    moment = max(event.time for event in events)
    online(freshet, path, base / "state", pipeline, events, 3, 6)
    keys = [(view.name, *key) for view in pipeline.views for key in random.Random(3).sample(sorted(oracle.logs(view, events)), 5)]
    result = Kept(freshet, broker, pipeline, path, keys, [], rfc3339(moment))
    result.values = [result.get(base / "state", key).stdout for key in keys]
    topic.produce(lines[5_000:])
    return result


def sources(base: Path) -> list[Path]:
    """The files that Freshet reads back."""
    ignored = ("LOG", "LOCK", "OPTIONS", "IDENTITY")
    return sorted(file for file in base.rglob("*") if file.is_file() and file.stat().st_size > 0 and file.suffix not in (".parquet", ".jsonl")
                  and not file.name.startswith(ignored))


def kind(file: Path) -> str:
    return file.suffix or file.name.split("-")[0]


@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_changed_bytes(kept: Kept, damage: str) -> None:
    """Whatever byte of whatever file has changed, or however much of its end is gone: what is served and made is right, or nothing is,
    and the file is named."""
    rng = random.Random(f"{SEED} {damage}")
    print(f"CRASH_SEED={SEED} CORRUPT_FLIPS={FLIPS}")
    base, copy = kept.freshet.directory / "base", kept.freshet.directory / "copy"
    alone = kept.freshet.directory / "alone"
    shutil.copytree(base, alone)
    assert kept.go_on(alone).returncode == 0
    files = sources(base)
    assert {kind(file) for file in files} >= {".log", ".sst", ".segment", "MANIFEST", "CURRENT", "_freshet_commit"}
    seen: dict[str, list[int]] = {}
    for file in files:
        for _ in range(FLIPS):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(base, copy)
            target = copy / file.relative_to(base)
            data = bytearray(target.read_bytes())
            place = rng.randrange(len(data))
            if damage == "cut":
                del data[place:]
            else:
                data[place] ^= 1 << rng.randrange(8)
            target.write_bytes(data)
            where = f"{file.relative_to(base)} at {place} of {file.stat().st_size}, seed {SEED}"
            answers = [kept.get(copy / "state", key) for key in rng.sample(kept.keys, 4)] if file.is_relative_to(base / "state") else []
            for answer in answers:
                if answer.returncode == 0:
                    assert answer.stdout in kept.values, where
                else:
                    assert answer.returncode == 2 and named(answer.stderr, target, damage), (where, answer.stderr)
            done = kept.go_on(copy)
            seen.setdefault(kind(file), []).append(done.returncode)
            if done.returncode == 0:
                same_files(copy / "log", alone / "log", kept.pipeline)
                assert dead(Log(copy / "log")) == dead(Log(alone / "log")), where
                for key in rng.sample(kept.keys, 3):
                    assert kept.get(copy / "state", key).stdout == kept.get(alone / "state", key).stdout, where
            else:
                assert done.returncode == 2 and named(done.stderr, target, damage), (where, done.stderr)
    print(seen)
    if damage == "flipped":
        for always in (".log", "CURRENT", "_freshet_commit"):
            assert set(seen[always]) == {2}, (always, seen)
        assert 2 in seen["MANIFEST"] and 2 in seen[".segment"], seen


def named(said: bytes, file: Path, damage: str) -> bool:
    """A message names the file; of a state that fell back because an end is gone, or looks so, the state."""
    last = said.decode().strip().splitlines()[-1]
    fell_back = (damage == "cut" or "has lost the last" in last) and str(file.parent) in last
    return file.name in last or fell_back or (file.name == "CURRENT" and "MANIFEST" in last)


def test_a_state_that_was_put_back(kept: Kept) -> None:
    """An older copy of the state beside the newer log: to go on would make rows twice."""
    base = kept.freshet.directory / "base"
    old, new = kept.freshet.directory / "old", kept.freshet.directory / "new"
    shutil.copytree(base, old)
    shutil.copytree(base, new)
    assert kept.go_on(new).returncode == 0
    shutil.rmtree(new / "state")
    shutil.copytree(old / "state", new / "state")
    done = kept.go_on(new)
    assert done.returncode == 2 and b"has lost the last" in done.stderr and str(new / "log").encode() in done.stderr
    shutil.rmtree(new / "log")
    shutil.copytree(old / "log", new / "log")
    assert kept.go_on(new).returncode == 0
    (new / "state" / "CURRENT").unlink()
    done = kept.go_on(new)
    assert done.returncode == 2 and b"CURRENT is gone" in done.stderr
