"""`freshet verify`: every file of a state and a log that is damaged is named, beside a worker that goes on too."""

from __future__ import annotations

import random
import shutil
import struct
from pathlib import Path

import pyarrow.parquet as pq

from freshet import Freshet
from test_disk_faults import SEED, Kept, kept, kind, sources  # noqa: F401 (a fixture)


def verify(freshet: Freshet, folder: Path, expect: int | tuple[int, ...] = 0) -> tuple[int, str, str]:
    done = freshet.run("verify", "--state", folder / "state", "--log", folder / "log", expect=expect)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_damage_is_named(kept: Kept) -> None:
    rng = random.Random(SEED)
    print(f"CRASH_SEED={SEED}")
    base, copy = kept.freshet.directory / "base", kept.freshet.directory / "copy"
    _, said, _ = verify(kept.freshet, base)
    parts = sorted((base / "log").rglob("*.parquet"))
    shown = [part for part in parts if not part.name.startswith(".")]
    rows = sum(pq.read_metadata(part).num_rows for part in shown)
    letters = len((base / "log/_dead_letters/dead_letters.jsonl").read_bytes().splitlines())
    segments = len(list((base / "log").rglob("*.segment")))
    assert f"{len(shown)} Parquet files of {rows} rows, {segments} segments, {letters} dead letters" in said and segments > 0

    found: dict[str, list[int]] = {}
    for file in sources(base) + rng.sample(shown, min(6, len(shown))) + [base / "log/_dead_letters/dead_letters.jsonl"]:
        for _ in range(2):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(base, copy)
            target = copy / file.relative_to(base)
            data = bytearray(target.read_bytes())
            end = len(data)
            if file.suffix == ".parquet":
                # Pages; a footer has no checksum.
                end -= 8 + struct.unpack("<I", data[-8:-4])[0]
            place = rng.randrange(4, end)
            data[place] ^= 1 << rng.randrange(7)
            target.write_bytes(data)
            where = f"{file.relative_to(base)} at {place} of {file.stat().st_size}, seed {SEED}"
            status, _, errors = verify(kept.freshet, copy, expect=(0, 2))
            found.setdefault(kind(file), []).append(status)
            if status == 2:
                fell_back = "has lost the last" in errors or file.name == "CURRENT"
                assert target.name in errors or fell_back, (where, errors)
            elif file.suffix == ".parquet":
                # What is not compared is not what the values are read from.
                assert pq.read_table(target, partitioning=None).equals(pq.read_table(file, partitioning=None)), where
    print(found)
    for always in (".log", "CURRENT", "_freshet_commit"):
        assert set(found[always]) == {2}, (always, found)
    # Behind what the last commit knows of a segment nobody reads; some bytes of a table carry nothing.
    for often in (".segment", ".sst", ".parquet"):
        assert 2 in found[often], (often, found)

    # All that is wrong, not only the first of it.
    shutil.rmtree(copy)
    shutil.copytree(base, copy)
    broken = [copy / file.relative_to(base) for file in shown[:2]] + sorted((copy / "log").rglob("*.segment"))[:1]
    for file in broken:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    _, _, errors = verify(kept.freshet, copy, expect=2)
    assert len(errors.splitlines()) == 3 and all(file.name in errors for file in broken), errors


def test_a_worker_goes_on_beside_it(kept: Kept) -> None:
    """Segments become Parquet and go, tables are compacted, the journal is written: nothing of it is damage."""
    base = kept.freshet.directory / "base"
    for _ in range(3):
        running = kept.freshet.start("run", kept.path, "--brokers", kept.broker.brokers, "--state", base / "state", "--log", base / "log",
                                     "--commit-interval", "1ms", "--memory", "64KiB")
        for _ in range(6):
            verify(kept.freshet, base)
        running.stop()
        verify(kept.freshet, base)


def test_what_is_not_there(freshet: Freshet) -> None:
    done = freshet.run("verify", "--state", freshet.directory / "none", expect=1)
    assert b"there is no folder" in done.stderr
    assert b"--log" in freshet.run("verify", expect=64).stderr
