"""The parts of the engine by themselves: FreshetBenchmarks on the clock, and once more under callgrind for instructions."""

import json
import re
import shutil
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from cases import MICRO, TEXTS_AND_IDS, W1
from table import Table

#: Stages whose instructions vary by themselves: threads of RocksDB work beside them.
UNSTEADY = {"commit: RocksDB", "reload, per entity"}


def stages(quick):
    table = Table(
        "Stage by stage", "stage", ["nanoseconds", "allocations", "instructions"],
        how="W1 over seeded transactions of 5,000 customers, one shard on one thread, batches of 2048; the least of several "
            "rounds. `FreshetBenchmarks stages benchmarks/pipelines/w1.yaml`; instructions over a short input by callgrind")
    instructions = _instructions(["stages", W1, "--events", 40_960, "--rounds", 1])
    for stage in _lines(["stages", W1, "--events", 200_000 if quick else 400_000, "--rounds", 2 if quick else 5]):
        steady = stage["stage"] not in UNSTEADY
        count = instructions.get(stage["stage"]) if steady else None
        table.row(stage["stage"], nanoseconds=stage["nanoseconds"], allocations=stage["allocations"], instructions=count)
    sums = {column: sum(row[column] or 0 for row in table.rows if not row["name"].startswith("reload"))
            for column in ("nanoseconds", "allocations")}
    table.row("sum, the reload aside", **sums, instructions=None)
    return table


def logs(quick):
    table = Table(
        "One entity's log, by the events in its longest window", "operation", ["nanoseconds", "allocations", "instructions"],
        how="W1's windows over one entity, everything in the processor's caches; the least of three rounds. "
            "`FreshetBenchmarks logs benchmarks/pipelines/w1.yaml`")
    events = 1 << (14 if quick else 17)
    rounds = 1 if quick else 3
    counted = _instructions(["logs", W1, "--events", 1 << 13, "--rounds", 1, "--lengths", 8, 64, 512, 4096])
    for line in _lines(["logs", W1, "--events", events, "--rounds", rounds]):
        table.row(line["stage"], nanoseconds=line["nanoseconds"], allocations=line["allocations"],
                  instructions=counted.get(line["stage"]))
    for line in _lines(["logs", W1, "--events", events, "--rounds", rounds, "--disorder", 30_000, "--lengths", 4096, 32_768]):
        table.row(line["stage"], nanoseconds=line["nanoseconds"], allocations=line["allocations"])
    return table


def entities(quick, large):
    """Shards with many entities, and with one hot one."""
    table = Table(
        "Many entities, and hot ones", "entities and their events in the longest window",
        ["locate", "apply", "nanoseconds", "allocations"],
        how="W1's windows in one shard: locate, insert and evaluate, after the windows have filled. "
            "`FreshetBenchmarks entities benchmarks/pipelines/w1.yaml --entities N --each E [--disorder MS]`")
    cases = [(100_000, 8, 0)] if quick else [(1_000_000, 8, 0)]
    cases += [(10_000_000, 8, 0)] if large else []
    for each in (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000):
        cases += [(1, each, 0), (1, each, 30_000)]
    for count, each, disorder in cases:
        events = 100_000 if quick else 1_000_000 if count > 1 else 200_000
        located, applied = _lines(
            ["entities", W1, "--entities", count, "--each", each, "--disorder", disorder, "--events", events])
        name = f"{count:,} with {each:,} each" if count > 1 else f"one with {each:,}"
        table.row(
            name + (", out of order by up to 30 s" if disorder else ""),
            locate=located["nanoseconds"], apply=applied["nanoseconds"],
            nanoseconds=located["nanoseconds"] + applied["nanoseconds"],
            allocations=located["allocations"] + applied["allocations"])
    return table


def memory(quick):
    table = Table(
        "Bytes per entity", "events of each entity",
        ["entities", "accounted", "resident", "encoded", "resident_per_event"],
        how="W1's state: time and amount of each event, what finds and summarises them; and that of `texts_and_ids.yaml`: time, "
            "order, amount, two large ids and three texts of each. "
            "`FreshetBenchmarks memory benchmarks/pipelines/w1.yaml --entities N --each E`")
    cases = [(1, 500_000), (8, 500_000), (64, 60_000), (1_000, 4_000), (100_000, 40)]
    for pipeline, kind, each, count in [(W1, "", *case) for case in cases] + [
            (TEXTS_AND_IDS, ", texts and ids", each, count // 10 or 4) for each, count in cases]:
        if quick:
            count = max(4, count // 10)
        [line] = _lines(["memory", pipeline, "--entities", count, "--each", each])
        table.row(f"{each:,}{kind}", entities=count, accounted=line["accounted"], resident=line["resident"],
                  encoded=line["encoded"], resident_per_event=line["resident"] / each)
    return table


def _lines(arguments):
    output = subprocess.run(
        [str(part) for part in [MICRO, *arguments]], capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def has_callgrind():
    return shutil.which("valgrind") is not None


def _instructions(arguments):
    """Instructions per event by stage; empty without valgrind."""
    if not has_callgrind():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        binary = stripped(MICRO, folder)
        output = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/costs", binary, *map(str, arguments)],
            capture_output=True, text=True, check=True, env={"SWIFT_DETERMINISTIC_HASHING": "1", "PATH": "/usr/bin:/bin"})
        total = defaultdict(int)
        for dump in Path(folder).glob("costs*"):
            text = dump.read_text(errors="replace")
            trigger = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.MULTILINE)
            if trigger:
                total[trigger.group(1)] += int(re.search(r"^totals: (\d+)$", text, re.MULTILINE).group(1))
        events = {line["stage"]: line["events"] for line in map(json.loads, output.stdout.splitlines())}
        return {stage: total[stage] / count for stage, count in events.items()}


def stripped(binary, folder):
    """A copy without debug sections: this valgrind does not read those that the compiler writes."""
    copy = f"{folder}/{Path(binary).name}"
    shutil.copy(binary, copy)
    subprocess.run(["strip", "--strip-debug", copy], check=True)
    return copy
