"""`check`, exit statuses and error places. `«…»` marks what an error has to point at."""

from __future__ import annotations

import re

import pytest

import generate
from freshet import Freshet

GOOD = """\
pipeline: p
version: 1
sources:
  s:
    topic: s
    format: json
    key: customer
    event_time: {field: at, unit: ms}
    out_of_orderness: 5s
    idle_timeout: 30s
    fields:
      at: timestamp
      customer: string
      amount: decimal(2)
      fraud: int64
views:
  spend:
    source: s
    entity: [customer]
    where: amount > 0
    snapshots: final
    serve_at: now
    bounds: "(]"
    features:
      - {name: total, aggregate: sum(amount), windows: [1h, 7d]}
      - {name: risk, aggregate: avg(fraud), windows: [1d], delay: 7d}
"""

# What is replaced, by what, and a name that the message has to suggest.
WRONG = {
    "unknown key at the top": ("version: 1", "«versoin»: 1", "version"),
    "unknown key of a source": ("    topic: s", "    «topik»: s", "topic"),
    "unknown key of a view": ("    where: amount", "    «were»: amount", "where"),
    "unknown key of a feature": ("name: risk, aggregate", "name: risk, «agregate»", "aggregate"),
    "unknown type": ("fraud: int64", "fraud: «int46»", "int64"),
    "unknown format": ("format: json", "format: «jsno»", "json"),
    "unknown unit": ("unit: ms", "unit: «mss»", "ms"),
    "unknown snapshots": ("snapshots: final", "snapshots: «finale»", "final"),
    "unknown serve_at": ("serve_at: now", "serve_at: «nwo»", "now"),
    "unknown bounds": ('bounds: "(]"', 'bounds: «"(["»', None),
    "unknown source": ("    source: s", "    source: «ss»", "s"),
    "unknown entity": ("entity: [customer]", "entity: [«custmer»]", "customer"),
    "unknown key field": ("key: customer", "key: «customr»", "customer"),
    "unknown time field": ("{field: at,", "{field: «att»,", "at"),
    "bad window": ("windows: [1d]", "windows: [«1day»]", None),
    "bad delay": ("delay: 7d", "delay: «7 days»", None),
    "bad duration": ("idle_timeout: 30s", "idle_timeout: «30x»", None),
    "bad scale": ("decimal(2)", "«decimal(99)»", None),
}

# In an expression the line is sure, the column may be the expression's or the token's.
WRONG_EXPRESSION = {
    "unknown function": ("avg(fraud)", "avrg(fraud)", "avg"),
    "unknown field in an argument": ("sum(amount)", "sum(ammount)", "amount"),
    "unknown field in where": ("amount > 0", "amuont > 0", "amount"),
    "sum of a string": ("sum(amount)", "sum(customer)", None),
    "a where that is no bool": ("amount > 0", "amount + 1", None),
    "compare a string with a number": ("amount > 0", "customer > 0", None),
    "broken syntax": ("amount > 0", "amount > (0", None),
    "count distinct of nothing": ("avg(fraud)", "count_distinct()", None),
    "missing argument": ("avg(fraud)", "avg()", None),
    "two values of one name": ("windows: [1d]", "windows: [1d, 1d]", None),
}


def place_of(text: str) -> tuple[str, int, int]:
    """The text without its marks, and line and column (from 1) of what was marked."""
    at = text.index("«")
    before = text[:at]
    return text.replace("«", "").replace("»", ""), before.count("\n") + 1, at - before.rfind("\n")


def failing_check(freshet: Freshet, text: str) -> tuple[int, int, str]:
    path = freshet.directory / "p.yaml"
    path.write_text(text, encoding="utf-8")
    message = freshet.run("check", path, expect=1).stderr.decode()
    found = re.search(re.escape(str(path)) + r":(\d+):(\d+): ?(.*)", message)
    assert found, message
    return int(found[1]), int(found[2]), message


def test_a_good_file(freshet: Freshet) -> None:
    path = freshet.directory / "p.yaml"
    path.write_text(GOOD, encoding="utf-8")
    plan = freshet.run("check", path).stdout.decode()
    for word in ("spend", "total_1h", "total_7d", "risk_1d", "double"):
        assert word in plan, plan


@pytest.mark.parametrize("seed", range(10))
def test_random_pipelines_are_good(freshet: Freshet, seed: int) -> None:
    pipeline = generate.random_pipeline(seed, "final")
    plan = freshet.run("check", freshet.write(pipeline)).stdout.decode()
    for view in pipeline.views:
        for value, type in view.value_types.items():
            assert value in plan, plan


@pytest.mark.parametrize("case", WRONG)
def test_wrong_word(freshet: Freshet, case: str) -> None:
    old, new, suggestion = WRONG[case]
    assert old in GOOD
    text, line, column = place_of(GOOD.replace(old, new, 1))
    at_line, at_column, message = failing_check(freshet, text)
    assert (at_line, at_column) == (line, column), message
    assert suggestion is None or re.search(rf"\b{suggestion}\b", message.split(": ", 1)[1]), message


@pytest.mark.parametrize("case", WRONG_EXPRESSION)
def test_wrong_expression(freshet: Freshet, case: str) -> None:
    old, new, suggestion = WRONG_EXPRESSION[case]
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    at_line, _, message = failing_check(freshet, text)
    assert at_line == text[: text.index(new)].count("\n") + 1, message
    assert suggestion is None or re.search(rf"\b{suggestion}\b", message), message


@pytest.mark.parametrize("left_out", ["pipeline: p\n", "    topic: s\n", "    entity: [customer]\n", "    source: s\n",
                                      "    event_time: {field: at, unit: ms}\n"], ids=str.strip)
def test_something_left_out(freshet: Freshet, left_out: str) -> None:
    failing_check(freshet, GOOD.replace(left_out, "", 1))


@pytest.mark.parametrize("text", ["", "[]", "a: [", "\t", "pipeline: \udcff"], ids=["empty", "list", "open", "tab", "bytes"])
def test_not_a_pipeline(freshet: Freshet, text: str) -> None:
    path = freshet.directory / "p.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    message = freshet.run("check", path, expect=1).stderr.decode()
    assert re.search(re.escape(str(path)) + r":\d+:\d+", message), message


@pytest.mark.parametrize("arguments", [
    ["nonsense"], ["check"], ["check", "p.yaml", "--nonsense"], ["replay", "p.yaml"], ["replay", "p.yaml", "--log"],
    ["run", "p.yaml", "--log", "l"], ["replay", "p.yaml", "--log", "l", "--memory", "much", "--input", "s=-"],
    ["replay", "p.yaml", "--log", "l", "--commit-interval", "often", "--input", "s=-"],
    ["replay", "p.yaml", "--log", "l", "--input", "s"], ["get", "p.yaml", "--state", "s"],
], ids=" ".join)
def test_wrong_usage(freshet: Freshet, arguments: list[str]) -> None:
    (freshet.directory / "p.yaml").write_text(GOOD)
    assert freshet.run(*arguments, expect=64).stderr


def test_help(freshet: Freshet) -> None:
    for arguments, word in ((["--help"], b"replay"), (["replay", "--help"], b"--discard"), (["run", "--help"], b"--state")):
        assert word in freshet.run(*arguments).stdout


def test_a_pipeline_that_is_not_there(freshet: Freshet) -> None:
    for command in (["check"], ["replay", "--log", freshet.directory / "log", "--input", "s=-"]):
        freshet.run(command[0], freshet.directory / "none.yaml", *command[1:], expect=(1, 2))


def test_replay_of_a_wrong_pipeline(freshet: Freshet) -> None:
    path = freshet.directory / "p.yaml"
    path.write_text(GOOD.replace("int64", "int46"))
    done = freshet.run("replay", path, "--log", freshet.directory / "log", "--input", "s=-", stdin=b"", expect=1)
    assert f"{path}:15:" in done.stderr.decode()


def test_input_for_a_source_that_is_not_in_the_pipeline(freshet: Freshet) -> None:
    path = freshet.directory / "p.yaml"
    path.write_text(GOOD)
    freshet.run("replay", path, "--log", freshet.directory / "log", "--input", "other=-", stdin=b"", expect=(1, 64))
