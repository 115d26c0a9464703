"""Where the main job's time goes: samples of its stacks by perf, as a table of costs and as a flame graph."""

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter

import cases
import flame
from replays import Failed
from table import Table

FLAME = cases.BENCHMARKS / "flame.svg"
SAMPLES_PER_SECOND = 1997

#: A cost, the functions it is made of, and what was done about it. A sample belongs to the first cost, in this order, that matches
#: its innermost function; if none does, its caller's; and so on outwards.
COSTS = [
    ("moments of the events between two edges", r"addMoments|addFolded|Moments\.add|kernel_(fold|sum)|foldRows",
     "one backward pass for all windows, by kernels that vectorise over packed numbers; whole chunks by their summaries"),
    ("edges of windows", r"findPositions|kernel_count|position\(after|ChunkTree\.group",
     "counting without branches within a chunk; in long logs the search begins where the edge last was"),
    ("values from moments", r"\.lower\(|Lowering|Exact\.|SquareSum|kernel_(mean|deviation|sqrt)|standardDeviation",
     "integers until here; a block of rows at a time by kernels, one rounding per value"),
    ("putting the event into its log", r"TimeLog\.insert|Chunk\.(insert|append|admitting|copy)|insertIntoTree|addEvent|trim|makeRoom",
     "appending is the fast way; numbers in as few bytes as they need"),
    ("walking a log, besides", r"Evaluator\.", "windows, columns and outputs are laid out once per pipeline"),
    ("finding the entity", r"Shard\.locate|EntityTable|findOrInsert", "an open table on 64-bit hashes, a batch at a time, prefetched"),
    ("checksum of the rows", r"RowChecksum", "only with `--discard`: it has no other output"),
    ("applying, besides", r"Shard\.", "no lock, no existential, no call into RocksDB per event; logs are prefetched"),
    ("decoding JSON", r"simdjson|json_reader|Walk::|JSONDecoder|Number|Instant",
     "only the fields that are used, numbers to fixed point from their digits"),
    ("routing", r"EventRouter|ExpressionEvaluator|EntityKey|TextArena|EventBatch",
     "expressions a column at a time; keys as bytes, hashed once"),
    ("gathering rows, Parquet", r"ViewLog|DayRows|\bPart\b|PartWriter|ColumnChunk|ChunkEncoder|ZSTD|Encoding|Compressor", "on a thread of its own"),
    ("commits", r"CommitRows|LogCodec|StateStore|rocksdb|Committer", "what changed only, encoded in the order of the keys"),
    ("reading the file", r"FileSource|sys_read|Worker\.readFiles|SourceTask|Dispatcher", "large blocks, lines found in place"),
    ("threads waiting and waking", r"futex|schedule", "a batch at a time, never per event"),
    ("starting, and the rest of the reading thread", r"^_dl|do_lookup|_dl_start|execve|main", "once"),
]


def table(input_file, quick):
    path = input_file or cases.Shape(175_000 if quick else 1_750_000).file()
    stacks = sample(path)
    total = sum(stacks.values())
    FLAME.write_text(flame.svg(stacks, f"freshet replay W1 --discard, {total:,} samples by CPU time"))
    result = Table(
        "Where the time goes", "cost", ["share", "done"],
        how="W1 with `--discard`, CPU time of all threads by `perf record -e cpu-clock --call-graph fp`; "
            "a function that is in none of these belongs to the one that called it. `benchmarks/bench.py --only profile`")
    patterns = [(name, re.compile(pattern), note) for name, pattern, note in COSTS]
    costs = Counter()
    for stack, count in stacks.items():
        costs[cost_of(stack, patterns)] += count
    notes = {name: note for name, _, note in COSTS}
    for name, count in costs.most_common(10):
        result.row(name, share=100 * count / total, done=notes.get(name, ""))
    return result


def cost_of(stack, patterns):
    for function in reversed(stack):
        for name, pattern, _ in patterns:
            if pattern.search(function):
                return name
    return "the system and the rest"


def sample(path):
    """Samples by stack, outermost function first."""
    if not shutil.which("perf"):
        raise Failed("no perf: package linux-perf")
    with tempfile.TemporaryDirectory(dir=cases.WORK) as folder:
        data = f"{folder}/perf.data"
        subprocess.run(
            ["perf", "record", "--quiet", "-e", "cpu-clock", "-F", str(SAMPLES_PER_SECOND), "--call-graph", "fp", "-o", data, "--",
             cases.FRESHET, "replay", cases.W1, "--input", f"transactions={path}", "--discard"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        script = subprocess.run(
            ["perf", "script", "-i", data, "-F", "comm,ip,sym"], check=True, capture_output=True, text=True, errors="replace").stdout
    names = demangled(script)
    stacks = Counter()
    for block in names.split("\n\n"):
        lines = block.strip("\n").splitlines()
        if not lines:
            continue
        functions = [short(line.split(maxsplit=1)[1]) for line in lines[1:] if len(line.split(maxsplit=1)) == 2]
        # Without frame pointers, as in the C library, callers come out as nonsense.
        known = [function for function in functions if function != "[unknown]"]
        stacks[tuple([lines[0].strip(), *reversed(known)])] += 1
    return stacks


def demangled(text):
    swift = os.environ.get("SWIFT", "swift").split()
    run = subprocess.run([*swift, "demangle", "--simplified"], input=text, capture_output=True, text=True)
    return run.stdout if run.returncode == 0 else text


def short(name):
    """`specialized Shard.apply(_:rows:)` to `Shard.apply(rows)`."""
    name = re.sub(r"^(?:(?:merged|function signature specialization <.*> of|generic specialization <.*> of|specialized) )+", "", name)
    name = re.sub(r" in _[0-9A-F]{32}", "", name)
    if name.startswith(("rocksdb::", "simdjson::", "freshet::", "std::")) or "::" in name:
        return re.sub(r"\(anonymous namespace\)::", "", re.sub(r"<.*>", "", name)).split("(")[0] or name
    match = re.match(r"(?:static |closure #\d+ in )*([\w.()$<>]+?)\(([^)]*)\)", name)
    if match and ":" in match[2]:
        labels = [label for label in match[2].split(":") if label and label != "_"]
        return f"{match[1]}({', '.join(labels)})" if labels else match[1]
    return name
