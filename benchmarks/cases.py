"""What is measured: shapes of traffic, the job W1 and its windows, and the files they are kept in."""

import hashlib
import itertools
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
#: Data, class files, results and profiles; all can be made again.
WORK = ROOT / ".build" / "bench"
FRESHET = ROOT / ".build" / "release" / "freshet"
MICRO = ROOT / ".build" / "release" / "FreshetBenchmarks"
W1 = BENCHMARKS / "pipelines" / "w1.yaml"
W1_WINDOWS = ("1h", "1d", "7d", "30d")
TEXTS_AND_IDS = BENCHMARKS / "pipelines" / "texts_and_ids.yaml"
TWO_VIEWS = BENCHMARKS / "pipelines" / "customer_and_terminal.yaml"


@dataclass(frozen=True)
class Shape:
    """Traffic of benchmarks/Sources/Traffic.swift."""

    events: int
    customers: int = 5_000
    days: float = 183.0
    zipf: float = 0.0
    #: Milliseconds after its time that an event may arrive.
    disorder: int = 0

    def file(self):
        """The file of JSON lines, made if it is not there. Its name tells the shape and the generator's version."""
        generator = hashlib.sha256((BENCHMARKS / "Sources" / "Traffic.swift").read_bytes()).hexdigest()[:8]
        name = f"{self.events}-{self.customers}-{self.days:g}-{self.zipf:g}-{self.disorder}-{generator}.jsonl"
        path = WORK / "data" / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            subprocess.run(
                [MICRO, "generate", partial, "--events", str(self.events), "--customers", str(self.customers),
                 "--days", repr(self.days), "--zipf", repr(self.zipf), "--disorder", str(self.disorder)], check=True)
            partial.rename(path)
        return path


def filled(held, events, customers, disorder=0):
    """Traffic whose last `events` events find `held` events in a window of 30 days, over all customers."""
    return Shape(held + events, customers, 30.0 * (held + events) / held, disorder=disorder)


def first(path, events):
    """The file's first so many lines, as a file."""
    lines = sum(1 for _ in itertools.islice(open(path, "rb"), events + 1))
    if lines <= events:
        return path
    stamp = path.stat()
    key = hashlib.sha256(f"{path.resolve()} {stamp.st_size} {stamp.st_mtime_ns}".encode()).hexdigest()[:12]
    part = WORK / "data" / f"first-{events}-{key}.jsonl"
    if not part.exists():
        part.parent.mkdir(parents=True, exist_ok=True)
        partial = part.with_suffix(".partial")
        with open(path, "rb") as source, open(partial, "wb") as target:
            target.writelines(itertools.islice(source, events))
        partial.rename(part)
    return part


def count_lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def pipeline(windows=W1_WINDOWS, out_of_orderness=None):
    """W1 over other windows, or with another bound on disorder, as a file."""
    if windows == W1_WINDOWS and out_of_orderness is None:
        return W1
    text = W1.read_text()
    text = re.sub(r"windows: \[[^]]*\]", f"windows: [{', '.join(windows)}]", text)
    if out_of_orderness:
        text = re.sub(r"out_of_orderness: \w+", f"out_of_orderness: {out_of_orderness}", text)
    path = WORK / "pipelines" / f"w1-{'-'.join(windows)}-{out_of_orderness or 'as-it-is'}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
