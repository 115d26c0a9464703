"""Seeded event schedules and random pipelines over them."""

from __future__ import annotations

import json
import random
import struct

from pipeline import Expression, Feature, Pipeline, Source, View, column, micros

BASE = 1_767_571_200_000_000  # 2026-01-05T00:00:00Z, in microseconds

FIELDS = {
    "id": "int64",
    "event_time": "timestamp",
    "customer": "string",
    "terminal": "string",
    "shop": "int64",
    "amount": "decimal(2)",
    "price": "decimal(4)?",
    "fraud": "int64",
    "quantity": "int64?",
    "ratio": "double?",
    "kind": "string?",
    "flag": "bool?",
}

WORDS = ["", "a", "b", "Ab", "ab", "ß", "é", "e\u0301", "日本語", "🙂🙃", "\u0000", "\t\n\\\"", "z" * 300, "\uffff", "\U00010000"]


def decimal_text(rng: random.Random, scale: int) -> str:
    """The text of a number: often money, at times with too many digits, a tie of rounding, an exponent, an extreme."""
    pick = rng.random()
    sign = "-" if rng.random() < 0.2 else ""
    if pick < 0.6:
        return f"{sign}{rng.randrange(500)}.{rng.randrange(100):02d}"
    if pick < 0.75:
        return f"{sign}{rng.randrange(50)}.{rng.randrange(10**scale):0{scale}d}5"
    if pick < 0.85:
        return f"{sign}{rng.randrange(50)}.{rng.randrange(10**9):09d}"
    if pick < 0.9:
        return f"{sign}{rng.randrange(1, 999)}e{rng.randrange(-6, 4)}"
    if pick < 0.93:
        return f"{sign}{10**17 // 10**scale}.{'9' * scale}"  # thousands of squares still fit Int128
    return rng.choice(["0", "-0", "0.00", "1", "-1", "1E2", "0.005", "-0.005"])


def double_text(rng: random.Random) -> str:
    pick = rng.random()
    if pick < 0.5:
        return repr(round(rng.uniform(-1000, 1000), 3))
    if pick < 0.6:
        return rng.choice(["0.1", "0.2", "0.3", "1e16", "-1e16", "1", "3", "5e-324", "2.2250738585072014e-308"])
    while True:
        bits = struct.unpack("<d", rng.randbytes(8))[0]
        # Squares and sums stay finite: what an overflow gives is not defined.
        if bits == bits and 1e-300 < abs(bits) < 1e150:
            return repr(bits)


def text(rng: random.Random) -> str:
    if rng.random() < 0.7:
        return rng.choice(WORDS)
    alphabet = rng.choice(["xyz", "äöü", "日月", "🙂a"])
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(301)))


def line(members: dict[str, str], rng: random.Random) -> bytes:
    """One JSON object of raw member texts: any key order, unknown fields, optional spaces."""
    names = list(members)
    if rng.random() < 0.3:
        rng.shuffle(names)
    parts = [f"{json.dumps(name)}:{members[name]}" for name in names]
    if rng.random() < 0.1:
        parts.insert(rng.randrange(len(parts) + 1), '"unknown": {"nested": [1, "two", null]}')
    separator = rng.choice([",", ", "])
    return ("{" + separator.join(parts) + "}").encode()


def times(rng: random.Random, count: int, step: int, unit: int = 1_000) -> list[int]:
    """Ascending times with ties, bursts and gaps, whole units."""
    now, result = BASE + rng.randrange(0, 86_400) * 1_000_000, []
    for _ in range(count):
        pick = rng.random()
        if pick < 0.25:
            gap = 0
        elif pick < 0.3:
            gap = rng.randrange(50 * step)
        elif pick < 0.4:
            gap = step  # many equal distances: events on a window's very edge
        else:
            gap = rng.randrange(2 * step)
        now += gap // unit * unit
        result.append(now)
    return result


def event(rng: random.Random, number: int, time: int, customers: int) -> dict[str, str]:
    """Raw member texts of one event; customer c-0 is hot, the tail is cold."""
    customer = 0 if rng.random() < 0.4 else rng.randrange(customers)
    string = lambda value: json.dumps(value, ensure_ascii=rng.random() < 0.5)
    members = {
        "id": str(number),
        "event_time": str(time // 1_000),
        "customer": string(f"c-{customer}" if customer % 7 else f"ключ-{customer}"),
        "terminal": string(f"t-{rng.randrange(5)}"),
        "shop": str(rng.choice([-1, 0, 7, 2**63 - 1, -(2**63)])),
        "amount": decimal_text(rng, 2),
        "price": decimal_text(rng, 4),
        "fraud": str(int(rng.random() < 0.1)),
        "quantity": str(rng.choice([0, 1, 2, 3, -5, rng.randrange(10**6), 10**15])),
        "ratio": double_text(rng),
        "kind": string(text(rng)),
        "flag": rng.choice(["true", "false"]),
    }
    for name, declared in FIELDS.items():
        if declared.endswith("?") and rng.random() < 0.2:
            if rng.random() < 0.5:
                members[name] = "null"
            else:
                del members[name]
    return members


def disorder(rng: random.Random, moments: list[int], bound: int, late: float = 0.0) -> list[int]:
    """An order of arrival (indices): every event less than `bound` after its place, a share of `late` far beyond."""

    def arrival(time: int) -> int:
        return time + (rng.randrange(bound, 10 * bound) if rng.random() < late else rng.randrange(bound))

    keys = [(arrival(time), index) for index, time in enumerate(moments)]
    return [index for _, index in sorted(keys)]


def schedule(seed: int, count: int, *, bound: str = "5s", late: float = 0.0, sorted_: bool = False,
             step: int = 2_000_000, customers: int = 40) -> list[bytes]:
    """The lines of a file in order of arrival."""
    rng = random.Random(seed)
    moments = times(rng, count, step)
    lines = [line(event(rng, n, t, customers), rng) for n, t in enumerate(moments)]
    return lines if sorted_ else [lines[i] for i in disorder(rng, moments, micros(bound), late)]


def doubled(name: str, type: str) -> Expression:
    def twice(fields: dict) -> object:
        return None if fields[name] is None else fields[name] * 2

    return Expression(f"{name} * 2", type, twice)


def or_zero(name: str, type: str) -> Expression:
    return Expression(f"coalesce({name}, 0)", type, lambda f: 0 if f[name] is None else f[name])


NUMBERS = ("count_distinct", "sum", "avg", "min", "max", "var_pop", "var_samp", "stddev_pop", "stddev_samp", "first", "last")
OTHERS = ("min", "max", "first", "last", "count_distinct")

ARGUMENTS: list[tuple[Expression, tuple[str, ...]]] = [
    *((column(n, FIELDS[n]), NUMBERS) for n in ("amount", "price", "fraud", "quantity", "ratio")),
    (column("shop", "int64"), ("sum", "avg", "min", "max", "first", "last", "count_distinct")),
    *((column(n, FIELDS[n]), OTHERS) for n in ("kind", "flag", "terminal", "event_time")),
    (doubled("amount", "decimal(2)"), ("sum", "avg", "var_pop", "last")),
    (or_zero("quantity", "int64"), ("sum", "avg", "count_distinct")),
    (Expression("case when flag then fraud else 2 end", "int64", lambda f: f["fraud"] if f["flag"] is True else 2),
     ("sum", "avg", "max")),
    (Expression("abs(amount)", "decimal(2)", lambda f: abs(f["amount"])), ("sum", "max", "stddev_samp")),
]


def is_one_of(f: dict) -> bool | None:
    return None if f["kind"] is None else f["kind"] in ("a", "b", "日本語")


def compare(name: str, test: object) -> object:
    return lambda f: None if f[name] is None else test(f[name])


FILTERS = [
    Expression("amount > 0", "bool", lambda f: f["amount"] > 0),
    Expression("quantity >= 2", "bool", compare("quantity", lambda v: v >= 2)),
    Expression("not flag", "bool", compare("flag", lambda v: not v)),
    Expression("kind in ('a', 'b', '日本語')", "bool", is_one_of),
    Expression("ratio is null or fraud = 1", "bool", lambda f: f["ratio"] is None or f["fraud"] == 1),
    Expression("price <= 100.005", "bool", compare("price", lambda v: v * 1000 <= 100005)),
]

ENTITIES = [("customer",), ("terminal",), ("shop",), ("customer", "terminal"), ("terminal", "shop", "customer"), ("fraud",)]
WINDOWS = ["500ms", "1s", "2s", "10s", "1m", "5m", "1h", "1d", "7d", "lifetime"]


def random_feature(rng: random.Random, number: int) -> Feature:
    windows = tuple(rng.sample(WINDOWS, rng.randrange(1, 5)))
    options = {
        "windows": windows,
        "delay": rng.choice([None, None, "500ms", "2s", "5m", "1d"]),
        "where": rng.choice(FILTERS) if rng.random() < 0.25 else None,
    }
    if rng.random() < 0.15:
        return Feature(f"f{number}", "count", **options)
    argument, functions = rng.choice(ARGUMENTS)
    return Feature(f"f{number}", rng.choice(functions), argument=argument, **options)


def random_view(rng: random.Random, name: str, source: str, snapshots: str | None, features: int = 6) -> View:
    return View(
        name, source, rng.choice(ENTITIES),
        tuple(random_feature(rng, n) for n in range(rng.randrange(1, features + 1))),
        where=rng.choice(FILTERS) if rng.random() < 0.3 else None,
        snapshots=snapshots,
        bounds=rng.choice([None, "(]", "[]", "[)", "()"]),
    )


SOURCE = Source("s", FIELDS, out_of_orderness="5s", key="customer")


def random_pipeline(seed: int, snapshots: str | None, views: int = 3) -> Pipeline:
    rng = random.Random(seed)
    return Pipeline("blackbox", (SOURCE,), tuple(random_view(rng, f"v{n}", "s", snapshots) for n in range(views)))


def every_aggregate(snapshots: str | None = None, entity: tuple[str, ...] = ("customer",)) -> Pipeline:
    """Each aggregate over each type that it takes, in one view."""
    features = [Feature("n", "count", ("10s", "1h", "lifetime"))]
    for position, (argument, functions) in enumerate(ARGUMENTS):
        features += [Feature(f"{function}_{position}", function, ("10s", "1h"), argument) for function in functions]
    return Pipeline("every_aggregate", (SOURCE,), (View("all", "s", entity, tuple(features), snapshots=snapshots),))
