"""Freshet beside its peers: one file, one job, one run."""

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import cases
import measure
import replays
from cases import BENCHMARKS, WORK
from table import Table

VENV = WORK / "venv"
SKIPPED = 75
#: Start-up is what a run over so few events takes.
FEW = 1_000


@dataclass
class Peer:
    name: str
    script: str
    options: list = field(default_factory=list)
    #: Where there are several ways to do it, further options for each; the fastest counts.
    ways: list = field(default_factory=lambda: [[]])
    #: The first so many events are enough: it would take too long over all.
    events: int = None
    values: int = 24
    rounds: int = 1

    def command(self, way, path, windows, sample=""):
        command = [VENV / "bin" / "python", BENCHMARKS / "peers" / self.script, path, "--windows", ",".join(windows)]
        return command + self.options + way + (["--sample", sample] if sample else [])


POLARS = Peer("Polars, rolling by group", "polars_rolling.py", ways=[["--way", "columns"], ["--way", "frames"]], rounds=3)
DUCKDB = Peer("DuckDB, window functions", "duckdb_windows.py", rounds=3)
FLINK_RING = Peer("Flink, ring buffer by hand, heap", "flink_job.py", ["--variant", "ring", "--backend", "hashmap"], rounds=2)
#: What may be plotted: each takes seconds for a point.
SWIFT_ENOUGH = [POLARS, DUCKDB, FLINK_RING]
ALL = [
    POLARS, DUCKDB, FLINK_RING,
    Peer("Flink, ring buffer by hand, RocksDB", "flink_job.py", ["--variant", "ring", "--backend", "rocksdb"], events=500_000),
    Peer("Flink, MapState pattern, heap", "flink_job.py", ["--variant", "map", "--backend", "hashmap"]),
    Peer("Flink, MapState pattern, RocksDB", "flink_job.py", ["--variant", "map", "--backend", "rocksdb"], events=500_000),
    Peer("Flink, SQL OVER, heap", "flink_job.py", ["--variant", "sql", "--backend", "hashmap"], events=300_000),
    Peer("Flink, SQL OVER, RocksDB", "flink_job.py", ["--variant", "sql", "--backend", "rocksdb"], events=100_000),
    Peer("pandas, as in the fraud handbook", "pandas_rolling.py", values=6),
    Peer("Redis, sorted sets, Python client", "redis_zset.py", events=100_000),
    Peer("Quix Streams, sliding windows", "quix_sliding.py", events=100_000, values=20),
]


def prepare():
    """The virtual environment with all peers, and their jobs compiled."""
    requirements = BENCHMARKS / "requirements.txt"
    mark = VENV / ".installed"
    if not mark.exists() or mark.read_text() != requirements.read_text():
        print("benchmarks: installing the peers, once; this takes minutes", file=sys.stderr)
        VENV.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "-r", requirements], check=True)
        mark.write_text(requirements.read_text())
    subprocess.run([VENV / "bin" / "python", BENCHMARKS / "peers" / "flink_job.py", "--prepare"])


def table(input_file, quick, timeout):
    standard = input_file or cases.Shape(175_000 if quick else 1_750_000).file()
    result = Table(
        "W1 beside its peers", "system", ["events", "cpu", "net", "wall", "peak", "note"],
        how="CPU seconds of all processes of a system, everything from reading the file to the last value; the least of its "
            "rounds, by turns with the others. Without start-up: what a run over 1,000 events takes is not in it. Peak memory "
            "is that of the largest process. `benchmarks/bench.py --only peers`")
    checks = Checks()
    events = cases.count_lines(standard)
    runs = [replays.discard(cases.W1, standard) for _ in range(3)]
    few = replays.discard(cases.W1, cases.first(standard, FEW))
    add(result, "Freshet, --discard", runs, events, few)
    runs = [replays.with_log(cases.W1, standard) for _ in range(3)]
    add(result, "Freshet, --log (Parquet written)", runs, events, replays.with_log(cases.W1, cases.first(standard, FEW)))
    spine, few = (spine_of(path) for path in (standard, cases.first(standard, FEW)))
    runs = [replays.join(cases.W1, standard, spine) for _ in range(3)]
    add(result, "Freshet, join (Parquet in and out)", runs, events, replays.join(cases.W1, cases.first(standard, FEW), few))
    for peer in ALL:
        print(f"benchmarks: {peer.name}", file=sys.stderr)
        add_peer(result, peer, standard, quick, timeout, checks)
    checks.close()
    return result


def spine_of(path):
    """The file's customers and times as a spine."""
    spine = WORK / "data" / f"spine-{path.stem}.parquet"
    if not spine.exists():
        subprocess.run([VENV / "bin" / "python", BENCHMARKS / "peers" / "spine.py", path, spine], check=True)
    return spine


def add(result, name, runs, events, few, **more):
    least = min(run.cpu_seconds for run in runs)
    net = max(0.0, least - few.cpu_seconds) / (events - FEW) * 1e6
    result.row(name, events=events, cpu=least / events * 1e6, net=net, wall=min(run.wall_seconds for run in runs),
               peak=max(run.peak_bytes for run in runs) / 2**20, **more)


def add_peer(result, peer, standard, quick, timeout, checks):
    path = cases.first(standard, min(peer.events, 20_000) if quick else peer.events) if peer.events else standard
    events = cases.count_lines(path)
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "sample.csv"
        runs = []
        for _ in range(1 if quick else peer.rounds):
            # Two minutes of CPU time say enough.
            if sum(run.cpu_seconds for run, _ in runs) > 120:
                break
            run, way = run_fastest(peer, path, cases.W1_WINDOWS, timeout, sample)
            if run.timed_out:
                # An honest lower bound is better than nothing.
                result.row(peer.name, events=events, note=f"not done after {timeout} s; {run.cpu_seconds:.0f} CPU s by then")
                return
            if run.status == SKIPPED:
                result.row(peer.name, note=run.errors.strip().splitlines()[-1])
                return
            if run.status != 0:
                print(run.errors[-3000:], file=sys.stderr)
                result.row(peer.name, note=f"failed with status {run.status}")
                return
            runs.append((run, way))
        best, way = min(runs, key=lambda pair: pair[0].cpu_seconds)
        few = measure.run(peer.command(way, cases.first(standard, FEW), cases.W1_WINDOWS), timeout=timeout)
        rows = json.loads(best.output.strip().splitlines()[-1])["rows"]
        note = checks.compare(path, sample)
        if rows != events:
            note += f"; {rows:,} rows"
        if peer.values != 24:
            note = f"{peer.values} values only; {note}"
        add(result, peer.name, [run for run, _ in runs], events, few, note=note)


def run_fastest(peer, path, windows, timeout, sample=""):
    """The run that took least of a peer's ways that came to an end, and the way; any of them if none did."""
    runs = [(measure.run(peer.command(way, path, windows, sample), timeout=timeout), way) for way in peer.ways]
    return min(runs, key=lambda pair: (pair[0].status != 0, pair[0].cpu_seconds))


class Checks:
    """Our rows of each file, to compare samples with."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(dir=WORK)
        self.logs = {}

    def compare(self, path, sample):
        if path not in self.logs:
            log = Path(self.folder.name) / str(len(self.logs))
            replays.replay(cases.W1, path, "--log", log)
            self.logs[path] = log
        run = subprocess.run([VENV / "bin" / "python", BENCHMARKS / "check.py", self.logs[path], sample],
                             capture_output=True, text=True)
        if run.returncode != 0:
            print(run.stderr[-3000:], file=sys.stderr)
            return "not compared"
        return verdict(json.loads(run.stdout))

    def close(self):
        self.folder.cleanup()


def verdict(check):
    """The outcome of check.py in words."""
    if check["missing"] or not check["compared"]:
        return f"{check['missing']} rows of the sample are not ours"
    parts = [f"{aggregate} {how} in {100 * count / check['compared'][aggregate]:.2g} %"
             for how, counts in [("wrong", check["wrong"]), ("off in the last bits", check["close"])]
             for aggregate, count in sorted(counts.items())]
    return ", ".join(parts) or "same values"


def compete(points, rounds, timeout, with_peers):
    """Events per CPU second, start-up left out, by point: `points` maps x to (pipeline, windows, file, options for us)."""
    series = {"Freshet": {}}
    late = set()
    for x, (pipeline, windows, path, options) in points.items():
        events = cases.count_lines(path)
        few = cases.first(path, FEW)
        best = min(replays.discard(pipeline, path, *options).cpu_seconds for _ in range(rounds))
        start = min(replays.discard(pipeline, few, *options).cpu_seconds for _ in range(rounds))
        series["Freshet"][x] = (events - FEW) / max(1e-9, best - start)
        for peer in SWIFT_ENOUGH if with_peers else []:
            # Points come from easy to hard: who did not make one is spared the next.
            if peer.name in late:
                continue
            run, way = run_fastest(peer, path, windows, timeout)
            if run.timed_out:
                late.add(peer.name)
            elif run.status == 0:
                start = measure.run(peer.command(way, few, windows), timeout=timeout)
                rate = (events - FEW) / max(1e-9, run.cpu_seconds - start.cpu_seconds)
                series.setdefault(peer.name, {})[x] = rate
        print(f"benchmarks: {x}: " + ", ".join(f"{name} {by[x]:,.0f}" for name, by in series.items() if x in by), file=sys.stderr)
    return series
