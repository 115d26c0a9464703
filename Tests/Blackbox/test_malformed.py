"""Bad records never stop the worker: each becomes one dead letter with reason, position and its bytes."""

from __future__ import annotations

import json
import time

import pytest

import oracle
from freshet import Freshet, compare_rows, original
from generate import BASE
from pipeline import Feature, Pipeline, Source, View, column

SOURCE = Source("s", {
    "id": "int64", "event_time": "timestamp", "customer": "string", "amount": "decimal(2)",
    "quantity": "int64?", "ratio": "double?", "flag": "bool?", "note": "string?", "seen": "timestamp?",
}, key="customer")
VIEW = View("v", "s", ("customer",), (
    Feature("n", "count", ("1h",)), Feature("total", "sum", ("1h",), column("amount", "decimal(2)")),
    Feature("quantity", "max", ("1h",), column("quantity", "int64")), Feature("ratio", "sum", ("1h",), column("ratio", "double")),
    Feature("flag", "last", ("1h",), column("flag", "bool")), Feature("note", "last", ("1h",), column("note", "string")),
    Feature("seen", "last", ("1h",), column("seen", "timestamp"))))
PIPELINE = Pipeline("malformed", (SOURCE,), (VIEW,))


def record(number: int = 0, without: str | None = None, **members: str) -> bytes:
    texts = {"id": str(number), "event_time": str(BASE // 1000 + number), "customer": '"c"', "amount": "1.25", **members}
    return ("{" + ",".join(f'"{name}":{text}' for name, text in texts.items() if name != without) + "}").encode()


ANY = {"malformed", "wrong_type", "out_of_range"}
BAD: dict[str, tuple[bytes, set[str]]] = {
    "empty": (b"", {"malformed"}),
    "spaces": (b"  \t ", {"malformed"}),
    "not json": (b"hello", {"malformed"}),
    "binary": (bytes(range(1, 10)) + bytes(range(14, 256)), {"malformed"}),
    "truncated": (record()[:-1], {"malformed"}),
    "truncated in a string": (record()[:48], {"malformed"}),
    "truncated in a number": (b'{"id":1,"event_time":17', {"malformed"}),
    "no quotes": (b"{id:1}", {"malformed"}),
    "trailing text": (record() + b" x", {"malformed"}),
    "two documents": (record() + record(), {"malformed"}),
    "not an object": (b"[1,2,3]", {"malformed", "wrong_type"}),
    "a number": (b"17", {"malformed", "wrong_type"}),
    "null": (b"null", {"malformed", "wrong_type"}),
    "invalid UTF-8": (record(customer='"c@"').replace(b"@", b"\xff\xfe"), {"malformed"}),
    "overlong UTF-8": (record(note='"@"').replace(b"@", b"\xc0\xaf"), {"malformed"}),
    "a surrogate in UTF-8": (record(note='"@"').replace(b"@", b"\xed\xa0\x80"), {"malformed"}),
    "a lone surrogate's escape": (record(customer='"\\ud800"'), {"malformed", "wrong_type"}),
    "a control character in a string": (record(customer='"a\x01b"'), {"malformed"}),
    "NaN": (record(ratio="NaN"), ANY),
    "no id": (record(without="id"), {"missing_field"}),
    "no time": (record(without="event_time"), {"missing_field"}),
    "no customer": (record(without="customer"), {"missing_field"}),
    "no amount": (record(without="amount"), {"missing_field"}),
    "empty object": (b"{}", {"missing_field"}),
    "null amount": (record(amount="null"), {"missing_field", "wrong_type"}),
    "null customer": (record(customer="null"), {"missing_field", "wrong_type"}),
    "string for int": (record(id='"1"'), {"wrong_type"}),
    "fraction for int": (record(quantity="1.5"), {"wrong_type"}),
    "bool for int": (record(quantity="true"), {"wrong_type"}),
    "int for string": (record(customer="1"), {"wrong_type"}),
    "object for string": (record(customer='{"a":1}'), {"wrong_type"}),
    "array for decimal": (record(amount="[1]"), {"wrong_type"}),
    "bool for decimal": (record(amount="false"), {"wrong_type"}),
    "string for double": (record(ratio='"x"'), {"wrong_type"}),
    "int for bool": (record(flag="1"), {"wrong_type"}),
    "string for bool": (record(flag='"true"'), {"wrong_type"}),
    "bool for string": (record(note="true"), {"wrong_type"}),
    "text for time": (record(event_time='"yesterday"'), {"wrong_type", "malformed"}),
    "bad date": (record(seen='"2026-02-30T00:00:00Z"'), ANY),
    "not a date": (record(seen='"soon"'), ANY),
    "int64 + 1": (record(id="9223372036854775808"), {"out_of_range"}),
    "int64 - 1": (record(quantity="-9223372036854775809"), {"out_of_range"}),
    "an integer of 400 digits": (record(quantity="9" * 400), {"out_of_range"}),
    "decimal beyond int64": (record(amount="92233720368547758.08"), {"out_of_range"}),
    "decimal rounded beyond int64": (record(amount="92233720368547758.075"), {"out_of_range"}),
    "decimal 1e300": (record(amount="1e300"), {"out_of_range"}),
    "decimal 1e999999999": (record(amount="-1e999999999"), {"out_of_range"}),
    "decimal of 400 digits": (record(amount="1" * 400), {"out_of_range"}),
    "double 1e400": (record(ratio="1e400"), {"out_of_range"}),
    "time beyond int64": (record(event_time="9223372036854775807"), {"out_of_range", "ahead"}),
    "year 9999": (record(event_time="253402300799000"), {"ahead"}),
    "deep nesting": (b"[" * 100_000 + b"]" * 100_000, {"malformed", "wrong_type"}),
    "deep nesting, open": (b'{"a":' * 100_000, {"malformed", "missing_field"}),
    "deep nesting in a field": (record(amount="[" * 100_000 + "]" * 100_000), {"malformed", "wrong_type"}),
    "1 MB of garbage": (b"\xab" * 1_000_000, {"malformed"}),
    "1 MB string, open": (record()[:-1] + b',"note":"' + b"x" * 1_000_000, {"malformed"}),
    "1 MB wrong type": (record(customer="[" + "1," * 500_000 + "1]"), {"wrong_type"}),
}

ODD: dict[str, bytes] = {
    "1 MB string": record(1, note='"' + "x" * 1_000_000 + '"'),
    "1 MB of an unknown field": record(1, junk="[" + "1," * 500_000 + "1]"),
    "1 MB of space": record(1).replace(b",", b"," + b" " * 300_000),
    "escaped names": record(1).replace(b'"amount"', b'"\\u0061mount"'),
    "escaped text": record(1, note='"\\ud83d\\ude00\\u0000\\/\\b\\""'),
    "many digits": record(1, amount="0." + "3" * 5000),
    "leading zeros of a fraction": record(1, amount="0." + "0" * 5000 + "1"),
    "exponents": record(1, amount="12345e-3"),
    "tiny exponent": record(1, amount="1e-999999999"),
    "tiny double": record(1, ratio="1e-400"),
    "integer for double": record(1, ratio="9007199254740993"),
    "long double": record(1, ratio="0." + "1234567890" * 100),
    "largest decimal": record(1, amount="92233720368547758.07"),
    "smallest decimal": record(1, amount="-92233720368547758.08"),
    "nulls": record(1, quantity="null", ratio="null", flag="null", note="null", seen="null"),
    "unknown nested names": record(1, junk='{"amount":"x","customer":7}'),
    "space around": b" \t" + record(1) + b" \t ",
}


def check(freshet: Freshet, lines: list[bytes], good: set[int], reasons: dict[int, set[str]]) -> None:
    """`good` lines become rows as the oracle has them, `reasons` say what the others are dead of."""
    log = freshet.replay(PIPELINE, {"s": b"\n".join(lines) + b"\n"})
    events, dead = oracle.apply(SOURCE, [a for a in oracle.of_lines(lines) if a.offset in good])
    assert not dead and len(good) + len(reasons) == len(lines)
    letters = {letter["offset"]: letter for letter in log.dead_letters()}
    assert sorted(letters) == sorted(reasons)
    for offset, letter in letters.items():
        assert letter["reason"] in reasons[offset], letter["error"]
        assert (letter["source"], letter["partition"]) == ("s", 0)
        assert original(letter) == lines[offset]
        assert letter["error"] and isinstance(letter["error"], str)
    compare_rows(log.rows(VIEW, SOURCE.fields), oracle.rows(VIEW, events))


@pytest.mark.parametrize("case", BAD)
def test_one_bad_record_between_good_ones(freshet: Freshet, case: str) -> None:
    raw, reasons = BAD[case]
    check(freshet, [record(0), raw, record(2)], {0, 2}, {1: reasons})


@pytest.mark.parametrize("case", ODD)
def test_odd_but_good(freshet: Freshet, case: str) -> None:
    check(freshet, [record(0), ODD[case], record(2)], {0, 1, 2}, {})


def test_all_of_them_at_once(freshet: Freshet) -> None:
    """Good and bad in turn, many batches long: no bad record takes a neighbour with it."""
    lines, reasons, number = [], {}, 0
    for _ in range(2):
        for raw, allowed in BAD.values():
            for _ in range(12):
                lines.append(record(number := number + 1))
            reasons[len(lines)] = allowed
            lines.append(raw)
    check(freshet, lines, set(range(len(lines))) - reasons.keys(), reasons)


def test_nothing_but_bad_records(freshet: Freshet) -> None:
    lines = [raw for raw, _ in BAD.values()]
    check(freshet, lines, set(), {n: reasons for n, (_, reasons) in enumerate(BAD.values())})


def test_deep_nesting_in_an_unknown_field(freshet: Freshet) -> None:
    """It may be ignored or refused; what is sure: one or the other, and the neighbours live."""
    lines = [record(0), record(1, junk="[" * 100_000 + "]" * 100_000), record(2)]
    log = freshet.replay(PIPELINE, {"s": b"\n".join(lines)})
    offsets = [row["offset"] for row in log.rows(VIEW, SOURCE.fields)] + [d["offset"] for d in log.dead_letters()]
    assert sorted(offsets) == [0, 1, 2]


def test_ahead_of_the_start_of_the_run(freshet: Freshet) -> None:
    """From a file, `max_ahead` (1h) counts from the instant the run started; what is ahead moves no watermark."""
    now = int(time.time() * 1000)
    moments = [now - 60_000, now + 2 * 3_600_000, now + 1_800_000, now + 7_200_000, 253_402_300_799_000, now + 1_800_001]
    lines = [record(n, event_time=str(moment)) for n, moment in enumerate(moments)]
    check(freshet, lines, {0, 2, 5}, {n: {"ahead"} for n in (1, 3, 4)})


def test_a_dead_letter_is_one_json_object_a_line(freshet: Freshet) -> None:
    lines = [b'"quoted \\" text', "\u2028 é".encode(), b"\x7f\x80"]
    log = freshet.replay(PIPELINE, {"s": b"\n".join(lines)})
    files = [file for file in (log.path / "_dead_letters").rglob("*") if file.is_file()]
    texts = [line for file in files for line in file.read_text(encoding="utf-8").split("\n") if line]
    assert len(texts) == 3 and all(isinstance(json.loads(text), dict) for text in texts)
