"""What is on disk when a commit names it: by a diary of what the binary wrote, synced and renamed, in its order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import generate
from freshet import Freshet
from test_crash import BROKEN, pipeline_on


@dataclass
class Diary:
    """A walk over the diary. What a loss of power would keep for certain: bytes whose file was synced since, names whose folder was."""

    top: Path
    at: int = 0
    #: By path, when it was written last, and when it or anything in it turned up.
    written: dict[Path, int] = field(default_factory=dict)
    seen: dict[Path, int] = field(default_factory=dict)
    #: By path, when the newest sync that is over began.
    synced: dict[Path, int] = field(default_factory=dict)
    under_way: dict[Path, list[int]] = field(default_factory=dict)

    def step(self, line: str) -> tuple[str, list[Path]]:
        self.at += 1
        what, *names = line.split(" ")
        paths = [Path(name) for name in names]
        if what == "write":
            self.written[paths[0]] = self.at
        if what == "sync":
            self.under_way.setdefault(paths[0], []).append(self.at)
        if what == "synced":
            self.synced[paths[0]] = self.under_way[paths[0]].pop(0)
        if what == "rename":
            self.written[paths[1]] = self.written.pop(paths[0], 0)
            self.synced[paths[1]] = self.synced.pop(paths[0], 0)
            self.seen[paths[1]] = self.at
        if what == "remove":
            for known in (self.written, self.synced, self.seen):
                known.pop(paths[0], None)
        elif what == "write":
            for path in (paths[0], *paths[0].parents):
                self.seen.setdefault(path, self.at)
        return what, paths

    def bytes_last(self, path: Path, since: int | None = None) -> bool:
        return self.synced.get(path, 0) > (self.written.get(path, 0) if since is None else since)

    def name_lasts(self, path: Path) -> bool:
        """Up to the folder of all logs, whose own name is another matter."""
        while path != self.top:
            if self.synced.get(path.parent, 0) <= self.seen[path]:
                return False
            path = path.parent
        return True


def is_journal(path: Path, state: Path) -> bool:
    return path.parent == state and path.suffix == ".log"


def check(lines: list[str], ends: list[int], state: Path, log: Path) -> dict[str, int]:
    """Holds each commit to what was on disk when it began to be written; gives how many of each kind there were.

    `ends`: after how many lines a process ended, one after the other."""
    diary = Diary(log)
    counts = dict.fromkeys(("commits", "parts", "renamed", "segments", "letters", "marks"), 0)
    #: Hidden files that were on disk as a whole, names included, when the last commit was written.
    lasting: set[Path] = set()
    #: Names that the next commit needs on disk, with the instant of their renaming.
    renamed: dict[Path, int] = {}
    #: What segments and letters held when the commit before was done, which the next one has: by file, the last write.
    held: dict[Path, int] = {}
    is_writing = False
    for line in lines:
        if diary.at in ends:
            held, is_writing = {}, False
        what, paths = diary.step(line)
        if what == "write" and is_journal(paths[0], state) and not is_writing:
            is_writing = True
            counts["commits"] += 1
            lasting = {path for path in diary.written if path.name.endswith(".inprogress") and diary.bytes_last(path) and diary.name_lasts(path)}
            for path, at in renamed.items():
                assert diary.synced.get(path.parent, 0) > at, f"the name of {path} at {line}, {diary.at}"
            renamed = {}
            for path, at in held.items():
                # What became parts meanwhile may be gone.
                if path in diary.written:
                    assert diary.bytes_last(path, at) and diary.name_lasts(path), f"{path} at {line}, {diary.at}"
                    counts["segments" if path.suffix == ".segment" else "letters"] += 1
        if what == "synced" and is_journal(paths[0], state):
            is_writing = False
            held = {path: at for path, at in diary.written.items() if path.suffix == ".segment" or path.name == "dead_letters.jsonl"}
        if what == "rename" and paths[1].suffix == ".parquet":
            assert paths[0] in lasting, f"{paths[0]} was not on disk when a commit named it"
            renamed[paths[1]] = diary.at
            counts["parts"] += 1
        if what == "rename" and paths[1].name == "_freshet_commit":
            assert diary.bytes_last(paths[1]), f"{paths[1]} has its name before its bytes"
            counts["marks"] += 1
    counts["renamed"] = counts["parts"] - len(renamed)
    return counts


def test_what_a_commit_names_is_on_disk(freshet: Freshet, preload: str) -> None:
    """In a run that ends while it gives parts their names, and in the next one, which gives them the names that are missing."""
    folder = freshet.directory.resolve()
    rng = random.Random(5)
    lines = generate.schedule(5, 20_000, late=0.02, step=1_000_000, customers=400)
    for _ in range(300):
        lines.insert(rng.randrange(len(lines)), rng.choice(BROKEN[2:]))
    (folder / "s.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    path = freshet.write(pipeline_on("s", "lasting", "final"))
    state, log, diary = folder / "state", folder / "log", folder / "diary"
    command = ["replay", path, "--input", "s=s.jsonl", "--state", state, "--log", log, "--commit-interval", "2ms", "--memory", "64KiB"]
    faults = {"LD_PRELOAD": preload, "FAULTS_DIARY": str(diary), "FAULTS_UNDER": str(folder)}
    # The first two names are those of the marks.
    freshet.run(*command, env={**faults, "FAULTS_LAST": "4"}, expect=137)
    ends = [len(diary.read_text().splitlines())]
    freshet.run(*command, env=faults)
    counts = check(diary.read_text().splitlines(), ends, state, log)
    print(counts)
    assert counts["commits"] > 2 and counts["segments"] > 2 and counts["letters"] > 0 and counts["marks"] == 2, counts
    # The views' and the archive's: most of them by the second run, before its commit.
    assert counts["parts"] >= 4 and counts["renamed"] >= 3, counts
