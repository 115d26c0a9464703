"""The forms that a file source takes: plain, zstd, standard input, with every kind of line end."""

from __future__ import annotations

import pyarrow as pa
import pytest

import generate
import oracle
from freshet import Freshet, Log, compare_rows
from pipeline import Feature, Pipeline, View, column

VIEW = View("v", "s", ("customer",), (Feature("n", "count", ("1h",)), Feature("total", "sum", ("1h",), column("amount", "decimal(2)"))))
PIPELINE = Pipeline("input", (generate.SOURCE,), (VIEW,))


def compress(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def replay_file(freshet: Freshet, name: str, content: bytes) -> Log:
    file = freshet.directory / name
    file.write_bytes(content)
    freshet.run("replay", freshet.write(PIPELINE), "--input", f"s={file}", "--log", freshet.directory / "log")
    return Log(freshet.directory / "log")


def check(log: Log, lines: list[bytes], dead: list[tuple] | None = None) -> None:
    events, rejected = oracle.apply(generate.SOURCE, oracle.of_lines(lines))
    compare_rows(log.rows(VIEW, generate.FIELDS), oracle.rows(VIEW, events))
    assert log.dead() == sorted(rejected if dead is None else dead)


LINES = generate.schedule(11, 500)


def test_plain(freshet: Freshet) -> None:
    check(replay_file(freshet, "events.jsonl", b"\n".join(LINES) + b"\n"), LINES)


def test_zstd(freshet: Freshet) -> None:
    check(replay_file(freshet, "events.jsonl.zst", compress(b"\n".join(LINES) + b"\n")), LINES)


def test_zstd_of_several_frames(freshet: Freshet) -> None:
    content = b"\n".join(LINES)
    check(replay_file(freshet, "events.jsonl.zst", compress(content[:10_001]) + compress(content[10_001:])), LINES)


def test_zstd_cut_short_is_an_error(freshet: Freshet) -> None:
    file = freshet.directory / "events.jsonl.zst"
    file.write_bytes(compress(b"\n".join(LINES))[:-100])
    freshet.run("replay", freshet.write(PIPELINE), "--input", f"s={file}", "--log", freshet.directory / "log", expect=(1, 2))


def test_standard_input(freshet: Freshet) -> None:
    log = freshet.directory / "log"
    freshet.run("replay", freshet.write(PIPELINE), "--input", "s=-", "--log", log, stdin=b"\n".join(LINES) + b"\n")
    check(Log(log), LINES)


def test_no_newline_at_the_end(freshet: Freshet) -> None:
    check(replay_file(freshet, "events.jsonl", b"\n".join(LINES)), LINES)


def test_carriage_returns(freshet: Freshet) -> None:
    check(replay_file(freshet, "events.jsonl", b"\r\n".join(LINES) + b"\r\n"), LINES)


@pytest.mark.parametrize("name", ["empty.jsonl", "empty.jsonl.zst"])
def test_empty(freshet: Freshet, name: str) -> None:
    check(replay_file(freshet, name, compress(b"") if name.endswith("zst") else b""), [])


def test_blank_lines_are_bad_records_and_count(freshet: Freshet) -> None:
    lines = [b"", LINES[0], b"", b"   ", *LINES[1:20], b""]
    check(replay_file(freshet, "events.jsonl", b"\n".join(lines) + b"\n"), lines)


def test_a_variable_for_every_flag(freshet: Freshet) -> None:
    file, log = freshet.directory / "s.jsonl", freshet.directory / "log"
    file.write_bytes(b"\n".join(LINES))
    freshet.run("replay", freshet.write(PIPELINE), env={"FRESHET_INPUT": f"s={file}", "FRESHET_LOG": str(log)})
    check(Log(log), LINES)


def test_an_input_that_is_not_there(freshet: Freshet) -> None:
    freshet.run("replay", freshet.write(PIPELINE), "--input", f"s={freshet.directory}/none.jsonl", "--log",
                freshet.directory / "log", expect=(1, 2))


def test_a_log_that_cannot_be_written(freshet: Freshet) -> None:
    file, blocked = freshet.directory / "s.jsonl", freshet.directory / "blocked"
    file.write_bytes(b"\n".join(LINES))
    blocked.write_text("a file, not a directory")
    freshet.run("replay", freshet.write(PIPELINE), "--input", f"s={file}", "--log", blocked / "log", expect=2)
