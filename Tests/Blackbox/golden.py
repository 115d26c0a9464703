"""The first golden pipelines, one a rule. `python golden.py` writes `pipelines/golden/<name>/` anew from the oracle.

Another one needs no Python: a folder with pipeline.yaml, events.jsonl and expected/<view>.jsonl is enough. Without
`_dead_letters.jsonl` in `expected`, none may occur.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import oracle
from pipeline import Expression, Feature, Pipeline, Source, View, column

ROOT = Path(__file__).resolve().parents[2] / "pipelines" / "golden"
NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z in milliseconds

FIELDS = {
    "at": "timestamp", "card": "string", "shop": "string?", "amount": "decimal(2)?", "fraud": "int64?", "ratio": "double?",
    "online": "bool?",
}
SOURCE = Source("payments", FIELDS, event_time="at", out_of_orderness="5s")

AMOUNT, FRAUD, RATIO = column("amount", "decimal(2)"), column("fraud", "int64"), column("ratio", "double")
SHOP, ONLINE, AT = column("shop", "string"), column("online", "bool"), column("at", "timestamp")
BIG = Expression("amount >= 10", "bool", lambda f: None if f["amount"] is None else f["amount"] >= 10)
IS_ONLINE = Expression("online", "bool", lambda f: f["online"])


def event(seconds: float, card: str = "a", **members: object) -> str:
    """`amount` may be given as text, to keep its digits."""
    texts = {name: value if name == "amount" else json.dumps(value) for name, value in members.items()}
    texts = {"at": str(NOON + round(seconds * 1000)), "card": json.dumps(card), **texts}
    return "{" + ", ".join(f'"{name}": {text}' for name, text in texts.items()) + "}"


def count(*windows: str, **options: object) -> Feature:
    return Feature("n", "count", windows, **options)


def on_card(*features: Feature, name: str = "cards", **options: object) -> View:
    return View(name, "payments", options.pop("entity", ("card",)), features, **options)


def case(name: str, about: str, views: list[View], events: list[str], source: Source = SOURCE) -> tuple[Pipeline, list[str]]:
    return Pipeline(name, (source,), tuple(views), about=tuple(about.split("\n"))), events


EDGES = [event(s) for s in (0, 10, 10, 20, 20.001, 30.001)]

CASES = [
    case("bounds", "The four bounds at the very edges of a window of 10 s.\nOnly closed ends count events at t - 10s and at t.",
         [on_card(count("10s"), name=name, bounds=bounds)
          for name, bounds in (("open_closed", "(]"), ("closed", "[]"), ("closed_open", "[)"), ("open", "()"))], EDGES),
    case("default_bounds", "Without `bounds:` a window is open on the left and closed on the right.", [on_card(count("10s", "20s"))], EDGES),
    case("delay", "A delay moves both ends: (t - 5s - 10s, t - 5s]. The event itself is not in it.",
         [on_card(count("10s", delay="5s"), Feature("sum", "sum", ("10s",), FRAUD, delay="5s"), Feature("now", "count", ("10s",)))],
         [event(s, fraud=f) for s, f in ((0, 1), (4, 2), (5, 4), (9.999, 8), (15, 16), (15.001, 32), (60, 64))]),
    case("delay_and_bounds", "Delay and closed bounds together: [t - 15s, t - 5s] and (t - 15s, t - 5s).",
         [on_card(count("10s", delay="5s"), name="closed", bounds="[]"), on_card(count("10s", delay="5s"), name="open", bounds="()")],
         [event(s) for s in (0, 5, 10, 15, 20)]),
    case("ties", "Events at one instant: `final` shows all of them in each row, `arrival` only those that came before.\n"
         "first and last go by partition and offset then.",
         [on_card(count("1m"), Feature("first", "first", ("1m",), SHOP), Feature("last", "last", ("1m",), SHOP), name=mode, snapshots=mode)
          for mode in ("final", "arrival")],
         [event(0, shop="x"), event(1, shop="p"), event(1, shop="q"), event(1, "b", shop="other"), event(1, shop="r"), event(2, shop="y")]),
    case("out_of_order", "Disorder within 5 s: `final` rows know events that came later with an earlier time, `arrival` rows do not.",
         [on_card(count("10s"), Feature("last", "last", ("10s",), FRAUD), name=mode, snapshots=mode) for mode in ("final", "arrival")],
         [event(s, fraud=n) for n, s in enumerate((10, 7, 12, 8, 10, 11.5, 9))]),
    case("late", "Late is what is at or behind the newest time - 5 s of the whole partition, whatever its card or the view's filter.",
         [on_card(count("1h"), where=IS_ONLINE)],
         [event(0, online=True), event(10, "b", online=False), event(5, online=True), event(5.001, online=True), event(4, "c", online=True),
          event(3, "d", online=False), event(11, online=True)]),
    case("late_apply", "With `late: apply` a late event enters the views whose windows reach back to it from the watermark, and the rows that\n"
         "count it are written again: the newest of each stands here. At 12:01:05 the watermark is at 12:01:00.",
         [on_card(count("1m"), Feature("sum", "sum", ("1m",), FRAUD), name="minute"),
          on_card(count("30s", delay="10s"), Feature("last", "last", ("40s",), FRAUD), name="delayed", bounds="[]"),
          on_card(count("lifetime"), name="all"), on_card(count("1m"), name="arrival", snapshots="arrival")],
         [event(0, fraud=1), event(5, "b", fraud=2), event(20, fraud=4), event(65, "b", fraud=8), event(0.001, fraud=16), event(0, fraud=32),
          event(20, fraud=64), event(50, fraud=128), event(60, fraud=256), event(-1, "c", fraud=512), event(66, fraud=1024)],
         Source("payments", FIELDS, event_time="at", out_of_orderness="5s", late="apply")),
    case("lifetime", "`lifetime` has no left end; a delay still moves its right end.",
         [on_card(count("lifetime", "1h"), Feature("total", "sum", ("lifetime",), AMOUNT), Feature("old", "sum", ("lifetime",), AMOUNT, delay="1d"))],
         [event(day * 86400, amount=f"{day}.50") for day in (0, 1, 2, 40, 100)]),
    case("nulls", "Aggregates ignore nulls. A window of nulls only is as empty: 0 for count_distinct and sum, null for the rest.",
         [on_card(count("10s"), *(Feature(f, f, ("10s",), FRAUD) for f in ("sum", "avg", "min", "max", "first", "last", "count_distinct", "var_pop")),
                  Feature("shop", "last", ("10s",), SHOP), Feature("any_online", "max", ("10s",), ONLINE))],
         [event(0), event(1, fraud=None, shop=None, online=None), event(2, fraud=4, shop=""), event(3, online=False), event(4, fraud=2), event(5, shop="x"),
          event(20)]),
    case("empty_windows", "A window with a delay can be empty, its row stands all the same.",
         [on_card(count("1m", delay="1h"), *(Feature(f, f, ("1m",), AMOUNT, delay="1h") for f in
                  ("sum", "avg", "min", "max", "var_pop", "var_samp", "stddev_pop", "stddev_samp", "first", "last", "count_distinct")))],
         [event(0, amount="5"), event(3600, amount="7"), event(3660, amount="9"), event(9000, amount="11")]),
    case("one_event", "The samples' variance and deviation of one event are null, the population's are 0.",
         [on_card(*(Feature(f, f, ("1m",), AMOUNT) for f in ("var_pop", "var_samp", "stddev_pop", "stddev_samp")))],
         [event(0, amount="2.50"), event(10, amount="4.50"), event(100, amount="7")]),
    case("first_last", "first and last by time, not by arrival, of every type.",
         [on_card(*(Feature(f"{f}_{a.text}", f, ("30s",), a) for f in ("first", "last", "min", "max") for a in (SHOP, ONLINE, AMOUNT, RATIO, AT)))],
         [event(3, shop="c", online=True, amount="1.10", ratio=0.1), event(1, shop="ä", online=False, amount="-2.20", ratio=-1.5),
          event(2, shop="B", online=True, amount="0.30", ratio=1e300), event(32, shop="z", online=False, amount="3", ratio=3)]),
    case("count_distinct", "Distinct values within the window; an empty string is a value, null is none.",
         [on_card(*(Feature(a.text, "count_distinct", ("10s", "1m"), a) for a in (SHOP, AMOUNT, ONLINE)))],
         [event(0, shop="x", amount="1", online=True), event(2, shop="x", amount="1.00", online=True), event(4, shop="", amount="1.004", online=False),
          event(6, amount="1.005"), event(12, shop="y", amount="2"), event(40, shop="x", amount="1e0", online=True)]),
    case("composite_entity", "An entity of two fields: each pair has its own windows.",
         [on_card(count("1m"), Feature("total", "sum", ("1m",), AMOUNT), name="pairs", entity=("card", "shop2"))],
         [event(s, card, shop2=shop, amount=f"{s}.25") for s, card, shop in
          ((0, "a", "bc"), (1, "ab", "c"), (2, "a", "bc"), (3, "a", "c"), (4, "ab", "c"), (5, "", "abc"), (70, "a", "bc"))],
         Source("payments", {**FIELDS, "shop2": "string"}, event_time="at")),
    case("decimals", "Decimals come from the text and are rounded half away from zero to the scale; sums are exact, the double comes last.",
         [on_card(Feature("last", "last", ("1s",), AMOUNT), Feature("sum", "sum", ("1h",), AMOUNT), Feature("avg", "avg", ("1h",), AMOUNT),
                  Feature("sd", "stddev_pop", ("1h",), AMOUNT))],
         [event(2 * n, amount=text) for n, text in enumerate(("0.1", "0.2", "1.005", "-1.005", "2.675", "-0.004", "1e2", "125e-3", "0.3", "90071992547409.93"))]),
    case("doubles", "Sums of doubles are exact until the end: 1e16 comes and goes without a trace.",
         [on_card(Feature("sum", "sum", ("10s",), RATIO), Feature("avg", "avg", ("10s",), RATIO), Feature("var", "var_samp", ("10s",), RATIO))],
         [event(s, ratio=r) for s, r in enumerate((0.1, 0.2, 0.3, 1e16, 1.0, -1e16, 3.0, 5e-324, 1e100, -1e100, 0.7, 0.1, 0.1))]),
    case("view_where", "A view's filter takes events away, rows and all; null is not true.",
         [on_card(count("1h"), Feature("total", "sum", ("1h",), AMOUNT), where=BIG)],
         [event(n, amount=a) for n, a in enumerate(("10", "9.99", "null", "9.995", "25", "-30"))]),
    case("feature_where", "A feature's filter takes events from its values, the row stays.",
         [on_card(count("1h"), Feature("big", "count", ("1h",), where=BIG), Feature("online_avg", "avg", ("1h",), AMOUNT, where=IS_ONLINE))],
         [event(0, amount="5"), event(1, amount="10", online=True), event(2), event(3, amount="3", online=True), event(4, amount="11", online=False)]),
    case("two_views", "Two views of one source, each with its own entity.",
         [on_card(count("1h"), Feature("mean", "avg", ("1h",), AMOUNT)),
          View("online", "payments", ("fraud2",), (count("1h"), Feature("cards", "count_distinct", ("1h",), column("card", "string"))))],
         [event(n, card, fraud2=f, amount=f"{n}") for n, (card, f) in enumerate((("a", 0), ("b", 1), ("a", 1), ("c", 0), ("a", -1)))],
         Source("payments", {**FIELDS, "fraud2": "int64"}, event_time="at")),
    case("bad_input", "Bad records become dead letters with a reason, and their lines are counted as offsets.",
         [on_card(count("1h"))],
         [event(0), "", '{"at": 17', event(1), '{"card": "a"}', event(2, fraud="one"), event(3, amount="1e30"), event(4)]),
]


def shown(value: object, type: str) -> object:
    """A value as JSON: times as RFC 3339, doubles in their shortest form, what has no JSON form as text."""
    if type == "timestamp" and value is not None:
        seconds, micros = divmod(value, 1_000_000)
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{micros:06d}Z"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def row_types(pipeline: Pipeline, view: View) -> dict[str, str]:
    entity = {name: pipeline.source(view.source).fields[name] for name in view.entity}
    return {**entity, "event_timestamp": "timestamp", **view.value_types, "partition": "int32", "offset": "int64"}


def files(pipeline: Pipeline, lines: list[str]) -> dict[str, str]:
    """A folder's files by path."""
    source, arrivals = pipeline.sources[0], oracle.of_lines([line.encode() for line in lines])
    events, dead = oracle.apply(source, arrivals, views=pipeline.views)
    result = {"pipeline.yaml": pipeline.yaml(), "events.jsonl": "".join(f"{line}\n" for line in lines)}
    for view in pipeline.views:
        types = row_types(pipeline, view)
        documents = [{name: shown(row[name], type) for name, type in types.items()} for row in oracle.rows(view, events)]
        result[f"expected/{view.name}.jsonl"] = json_lines(documents)
    if dead:
        letters = [{"partition": p, "offset": o, "reason": reason} for p, o, reason in dead]
        result["expected/_dead_letters.jsonl"] = json_lines(letters)
    return result


def json_lines(documents: list[dict]) -> str:
    return "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)


def main() -> None:
    for pipeline, lines in CASES:
        for name, text in files(pipeline, lines).items():
            path = ROOT / pipeline.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
