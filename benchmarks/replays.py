"""The release binary end to end: files of transactions replayed through W1 and others."""

import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

import cases
import measure
import micro
import topics
from cases import FRESHET, W1, WORK
from table import Table


class Failed(Exception):
    """A run did not end as it should."""


def replay(pipeline, path, *options, timeout=None, environment=None):
    run = measure.run([FRESHET, "replay", pipeline, "--input", f"transactions={path}", *options],
                      timeout=timeout, environment=environment)
    if run.status != 0:
        raise Failed(f"freshet replay {pipeline} of {path}: status {run.status}\n{run.errors[-2000:]}")
    return run


def discard(pipeline, path, *options, **settings):
    return replay(pipeline, path, "--discard", *options, **settings)


def with_log(pipeline, path, *options, **settings):
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        return replay(pipeline, path, "--log", f"{folder}/log", *options, **settings)


def from_topic(pipeline, brokers, *options, **settings):
    run = measure.run([FRESHET, "replay", pipeline, "--brokers", brokers, "--discard", *options], **settings)
    if run.status != 0:
        raise Failed(f"freshet replay {pipeline} from a topic: status {run.status}\n{run.errors[-2000:]}")
    return run


def live(pipeline, brokers, *options):
    """`run` over all that a topic holds, with a state and a log."""
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        run = measure.run([FRESHET, "run", pipeline, "--brokers", brokers, "--state", f"{folder}/state", "--log", f"{folder}/log",
                           *options], idle=3)
    if run.status != 0:
        raise Failed(f"freshet run {pipeline}: status {run.status}\n{run.errors[-2000:]}")
    return run


def join(pipeline, path, spine, timeout=None):
    """A training join of every event of the file, Parquet in and out."""
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        run = measure.run([FRESHET, "join", pipeline, "--input", f"transactions={path}", "--spine", spine, "--out",
                           f"{folder}/training.parquet"], timeout=timeout)
    if run.status != 0:
        raise Failed(f"freshet join {pipeline} of {path}: status {run.status}\n{run.errors[-2000:]}")
    return run


def table(input_file, quick, large):
    rounds = 1 if quick else 5
    scale = 10 if quick else 1
    made = cases.Shape(1_750_000 // scale)
    standard = input_file or made.file()
    result = Table(
        "Replay of a file", "job", ["events", "cpu", "cpu_median", "rate", "peak", "allocations", "instructions"],
        how="CPU time of the whole process, start-up included; the least of the rounds and their median, the wall clock's "
            "rate of the fastest, the largest peak. `freshet replay benchmarks/pipelines/w1.yaml --input transactions=FILE --discard`")
    jobs = [
        ("W1, --discard", W1, standard, discard),
        ("W1, --log", W1, standard, with_log),
        ("two views, --discard", cases.TWO_VIEWS, standard, discard),
        ("two views, --log", cases.TWO_VIEWS, standard, with_log),
    ]

    def add(name, events, runs):
        costs = [run.cpu_seconds * 1e6 / events for run in runs]
        result.row(
            name, events=events, cpu=min(costs), cpu_median=statistics.median(costs),
            rate=events / min(run.wall_seconds for run in runs), peak=max(run.peak_bytes for run in runs) / 2**20)

    memory = ("--memory", "12GiB")
    for entities in [1_000_000 // scale] + ([10_000_000] if large else []):
        shape = cases.filled(held=8 * entities, events=entities, customers=entities)
        jobs.append((f"W1, {entities:,} entities with 8 events each, --discard", W1, shape, discard, *memory))
    for zipf, name in [(0.0, "uniform traffic"), (1.1, "Zipf 1.1")] if large else []:
        shape = cases.Shape(40_000_000, customers=20_000_000, days=30, zipf=zipf)
        jobs.append((f"W1, 20,000,000 entities, {name}, --memory 1GiB, --discard", W1, shape, discard, "--memory", "1GiB"))
    zipf = cases.Shape(2_000_000 // scale, customers=1_000_000 // scale, days=60, zipf=1.1)
    jobs.append((f"W1, {zipf.customers:,} entities by Zipf 1.1, --discard", W1, zipf, discard, *memory))
    for each in (10_000, 100_000, 1_000_000):
        if each * 2 > 2_000_000 // scale:
            continue
        for disorder in (0, 30_000):
            shape = cases.filled(held=each, events=each if each > 500_000 else 1_000_000 // scale, customers=1, disorder=disorder)
            name = f"W1, 1 entity with {each:,} events" + (", out of order by up to 30 s" if disorder else "") + ", --discard"
            jobs.append((name, cases.pipeline(out_of_orderness="30s" if disorder else None), shape, discard))
    for name, pipeline, data, how, *options in jobs:
        path = data if isinstance(data, Path) else data.file()
        events = cases.count_lines(path)
        # Long runs vary less by chance.
        runs = [how(pipeline, path, *options) for _ in range(rounds if events < 3_000_000 else min(rounds, 2))]
        add(name, events, runs)
    with topics.filled(standard) as brokers:
        add("W1, from a topic of 100 partitions, --discard", cases.count_lines(standard),
            [from_topic(W1, brokers) for _ in range(rounds)])
        # By turns; each to a topic of its own, and under a name of its own.
        kept, emitted = [], []
        for turn in range(min(rounds, 3)):
            kept.append(live(W1, brokers))
            emitted.append(live(W1, brokers, "--emit", f"rows_{turn}"))
        for name, runs in [("W1, run with --state and --log, from that topic", kept), ("the same, with --emit", emitted)]:
            add(name, cases.count_lines(standard), runs)
            # Its end was waited for.
            result.find(name).update(rate=None)
    for name, pipeline, how in [("W1, --discard", W1, discard), ("W1, --log", W1, with_log)]:
        result.find(name).update(_counts(pipeline, how))
    return result


# Two lengths of one file: what both runs have, start-up above all, falls out of the difference.
SHORT, LONG = 50_000, 150_000


def _counts(pipeline, how):
    """Allocations and instructions per event. Always over the same seeded file, whatever file was measured."""
    whole = cases.Shape(1_750_000).file()
    files = [cases.first(whole, SHORT), cases.first(whole, LONG)]
    counts = {"allocations": _difference([_allocations(pipeline, file, how) for file in files])}
    if micro.has_callgrind() and how is discard:
        counts["instructions"] = _difference([_instructions(pipeline, file) for file in files])
    return counts


def _difference(counts):
    return (counts[1] - counts[0]) / (LONG - SHORT)


def _allocations(pipeline, path, how):
    with tempfile.TemporaryDirectory() as folder:
        library = _counting_library()
        written = Path(folder) / "allocations"
        how(pipeline, path, environment={"LD_PRELOAD": str(library), "MEASURE_ALLOCATIONS_TO": str(written)})
        return int(written.read_text())


def _counting_library():
    sources = cases.BENCHMARKS / "CMeasure"
    library = WORK / "libmeasure.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    compiler = shutil.which("clang") or shutil.which("cc")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-I", sources / "include", "-o", library, sources / "measure.c"],
                   check=True)
    return library


def _instructions(pipeline, path):
    with tempfile.TemporaryDirectory() as folder:
        binary = micro.stripped(FRESHET, folder)
        run = measure.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/costs", binary, "replay", pipeline,
             "--input", f"transactions={path}", "--discard"], environment={"SWIFT_DETERMINISTIC_HASHING": "1"})
        if run.status != 0:
            raise Failed(f"valgrind freshet replay {pipeline}: status {run.status}\n{run.errors[-2000:]}")
        return int(re.search(r"Collected : (\d+)", run.errors).group(1))
