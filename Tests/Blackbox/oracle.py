"""A naive recount of DESIGN section 2: exact integers, one scan a window, one rounding a value.

It is written to be obviously right, not fast. Numbers are lifted to integers over one denominator per type
(1, 10^s, 2^1074), so sums and sums of squares are exact; a double appears only when a value is finished.
"""

from __future__ import annotations

import bisect
import json
import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal

from pipeline import Expression, Feature, Pipeline, Source, View, micros

EXACT = Context(prec=2000, Emax=999999, Emin=-999999)
INT64 = range(-(2**63), 2**63)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Rejected(Exception):
    """A bad record; the message is the dead letter's reason."""


@dataclass(frozen=True)
class Arrival:
    """A record as it comes in: where from, at which position, its bytes, and its Kafka timestamp in microseconds, if it has one."""

    partition: int
    offset: int
    raw: bytes
    timestamp: int | None = None


@dataclass(frozen=True)
class Event:
    time: int
    partition: int
    offset: int
    fields: dict
    #: Of its partition when it came, if it was late by it.
    watermark: int | None = None
    arguments: dict = field(default_factory=dict, compare=False)

    def argument(self, expression: Expression) -> tuple[object, int | None]:
        """The argument's value and its lifted number, computed once."""
        known = self.arguments.get(expression)
        if known is None:
            value = expression.of(self.fields)
            numeric = value is not None and expression.type not in ("string", "bool", "timestamp")
            known = self.arguments[expression] = value, lift(value, expression.type) if numeric else None
        return known

    @property
    def order(self) -> tuple[int, int, int]:
        return (self.time, self.partition, self.offset)


# Decoding


def parse_time(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - EPOCH) // timedelta(microseconds=1)


def integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Rejected("wrong_type")
    if value not in INT64:
        raise Rejected("out_of_range")
    return value


def number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise Rejected("wrong_type")
    return Decimal(value)


def scale_of(type: str) -> int:
    return int(type.removeprefix("decimal(").removesuffix(")"))


def convert(value: object, type: str, unit: str) -> object:
    if type == "int64":
        return integer(value)
    if type == "double":
        try:
            result = float(number(value))
        except OverflowError:
            result = math.inf
        if math.isinf(result):
            raise Rejected("out_of_range")
        return result
    if type.startswith("decimal"):
        scale = scale_of(type)
        exact = number(value)
        if exact.adjusted() > 30:
            raise Rejected("out_of_range")
        rounded = exact.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=EXACT)
        if int(rounded.scaleb(scale, context=EXACT)) not in INT64:
            raise Rejected("out_of_range")
        return rounded
    if type == "timestamp" and unit != "rfc3339":
        time = integer(value) * {"s": 1_000_000, "ms": 1_000, "us": 1}[unit]
        return integer(time)
    expected = {"string": str, "bool": bool, "timestamp": str}[type]
    if not isinstance(value, expected):
        raise Rejected("wrong_type")
    if type == "string" and any("\ud800" <= character <= "\udfff" for character in value):
        raise Rejected("malformed")
    if type == "timestamp":
        try:
            return parse_time(value)
        except ValueError:
            raise Rejected("wrong_type") from None
    return value


def refuse(constant: str) -> object:
    raise ValueError(constant)


def decode(source: Source, raw: bytes) -> dict:
    try:
        document = json.loads(raw.decode("utf-8"), parse_float=Decimal, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Rejected("malformed") from None
    if not isinstance(document, dict):
        raise Rejected("malformed")
    fields = {}
    for name, declared in source.fields.items():
        value: object = document
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            unit = source.unit if name == source.event_time else "rfc3339"
            fields[name] = convert(value, declared.rstrip("?"), unit)
        elif declared.endswith("?"):
            fields[name] = None
        else:
            raise Rejected("missing_field")
    return fields


def reach(view: View) -> int | None:
    """How far back from an instant a value of the view reads; None where one reads all there ever was."""
    reaches = [micros(w) and micros(w) + micros(f.delay or "0s") for f in view.features for w in f.windows]
    return None if None in reaches else max(reaches)


def takes(view: View, event: Event) -> bool:
    """Whether a late event still enters a view: its longest window, as of the watermark, holds it."""
    back = reach(view)
    if event.watermark is None or back is None:
        return True
    oldest = event.watermark - back
    return event.time >= oldest if (view.bounds or "(]")[0] == "[" else event.time > oldest


def apply(source: Source, arrivals: list[Arrival], now: int | None = None,
          views: tuple[View, ...] = ()) -> tuple[list[Event], list[tuple]]:
    """The events that enter state, in order of arrival, and `(partition, offset, reason)` of the others.

    `views` are those of the source, which decide what becomes of late events with `late: apply`.
    """
    newest: dict[int, int] = {}
    bound = micros(source.out_of_orderness)
    events, dead = [], []
    for arrival in arrivals:
        position = (arrival.partition, arrival.offset)
        try:
            fields = decode(source, arrival.raw)
        except Rejected as rejected:
            dead.append((*position, str(rejected)))
            continue
        time = fields[source.event_time]
        stamp = now if arrival.timestamp is None else arrival.timestamp
        if stamp is not None and time > stamp + micros("1h"):
            dead.append((*position, "ahead"))
        elif arrival.partition in newest and time <= newest[arrival.partition] - bound:
            event = Event(time, *position, fields, newest[arrival.partition] - bound)
            if source.late == "apply" and any(takes(view, event) for view in views):
                events.append(event)
            else:
                dead.append((*position, "late"))
        else:
            newest[arrival.partition] = max(time, newest.get(arrival.partition, time))
            events.append(Event(time, *position, fields))
    return events, dead


# Numbers


def ratio(numerator: int, denominator: int) -> float:
    """Correctly rounded: Python divides integers so."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.copysign(math.inf, numerator)


def square_root(numerator: int, denominator: int) -> float:
    """Correctly rounded root of a rational: 1200 bits past the point, and a sticky bit for what is cut off."""
    if numerator == 0:
        return 0.0
    shift = 1200
    scaled, rest = divmod(numerator << (2 * shift), denominator)
    root = math.isqrt(scaled)
    exact = rest == 0 and root * root == scaled
    return ratio(2 * root + (0 if exact else 1), 2 << shift)


def denominator(type: str) -> int:
    if type.startswith("decimal"):
        return 10 ** scale_of(type)
    return 2**1074 if type == "double" else 1


def lift(value: object, type: str) -> int:
    if type == "double":
        top, bottom = value.as_integer_ratio()
        return top * (2**1074 // bottom)
    if type.startswith("decimal"):
        lifted = value.scaleb(scale_of(type), context=EXACT)
        assert lifted == int(lifted), "an argument's type says too few fraction digits"
        return int(lifted)
    return value


def moments(lifted: list[int]) -> tuple[int, int]:
    """`n * sum(x^2) - sum(x)^2`, and n: the variance without its division."""
    n = len(lifted)
    return n * sum(x * x for x in lifted) - sum(lifted) ** 2, n


def finish(function: str, type: str, values: list, lifted: list[int]) -> object:
    """One value. `values` are the window's non-null arguments in the log's order, `lifted` their numbers, if they are some."""
    if function == "count_distinct":
        return len(set(values))
    if function in ("min", "max", "first", "last"):
        if not values:
            return None
        chosen = {"min": min, "max": max, "first": lambda v: v[0], "last": lambda v: v[-1]}[function](values)
        return ratio(lift(chosen, type), denominator(type)) if type.startswith("decimal") else chosen
    under = denominator(type)
    if function == "sum":
        total = sum(lifted)
        if type == "int64":
            return total if total in INT64 else None
        return ratio(total, under)
    n = len(lifted)
    if n == 0 or (function.endswith("samp") and n == 1):
        return None
    if function == "avg":
        return ratio(sum(lifted), n * under)
    top, n = moments(lifted)
    bottom = n * (n - 1 if function.endswith("samp") else n) * under * under
    return ratio(top, bottom) if function.startswith("var") else square_root(top, bottom)


# The log and its evaluation


class TimeLog:
    """One entity's events by (time, partition, offset)."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def insert(self, event: Event) -> None:
        bisect.insort(self.events, event, key=lambda e: e.order)

    def window(self, t: int, width: int | None, delay: int, bounds: str) -> list[Event]:
        end = t - delay
        side = bisect.bisect_right if bounds[1] == "]" else bisect.bisect_left
        stop = side(self.events, end, key=lambda e: e.time)
        start = 0
        if width is not None:
            side = bisect.bisect_left if bounds[0] == "[" else bisect.bisect_right
            start = side(self.events, end - width, key=lambda e: e.time)
        return self.events[start:stop]


def evaluate(view: View, log: TimeLog, t: int) -> dict[str, object]:
    values = {}
    for feature in view.features:
        delay = micros(feature.delay) if feature.delay else 0
        for window in feature.windows:
            events = log.window(t, micros(window), delay, view.bounds or "(]")
            values[feature.value_name(window)] = aggregate(feature, events)
    return values


def aggregate(feature: Feature, events: list[Event]) -> object:
    if feature.where:
        events = [e for e in events if feature.where.of(e.fields) is True]
    if feature.argument is None:
        return len(events)
    pairs = [e.argument(feature.argument) for e in events]
    values = [value for value, _ in pairs if value is not None]
    return finish(feature.function, feature.argument.type, values, [number for _, number in pairs if number is not None])


def view_events(view: View, events: list[Event]) -> list[Event]:
    return [e for e in events if takes(view, e) and (view.where is None or view.where.of(e.fields) is True)]


def logs(view: View, events: list[Event]) -> dict[tuple, TimeLog]:
    """Every entity's whole log."""
    by_entity: dict[tuple, TimeLog] = defaultdict(TimeLog)
    for event in view_events(view, events):
        by_entity[tuple(event.fields[name] for name in view.entity)].insert(event)
    return by_entity


def rows(view: View, events: list[Event]) -> list[dict]:
    """The view's snapshot rows, one per event that passes its filter. `events` in order of arrival."""
    if view.snapshots == "none":
        return []
    final = view.snapshots in (None, "final")
    by_entity = logs(view, events) if final else defaultdict(TimeLog)
    result = []
    for event in view_events(view, events):
        key = tuple(event.fields[name] for name in view.entity)
        if not final:
            by_entity[key].insert(event)
        row: dict[str, object] = dict(zip(view.entity, key))
        row["event_timestamp"] = event.time
        row.update(evaluate(view, by_entity[key], event.time))
        row["partition"], row["offset"] = event.partition, event.offset
        result.append(row)
    return result


def of_lines(lines: list[bytes]) -> list[Arrival]:
    """A file's lines as arrivals: partition 0, the offset is the line number."""
    return [Arrival(0, number, line) for number, line in enumerate(lines)]


def recount(pipeline: Pipeline, arrivals: dict[str, list[Arrival]]) -> dict[str, list[dict]]:
    """Every view's rows, from every source's arrivals."""
    applied = {name: apply(pipeline.source(name), records, views=pipeline.views_of(name))[0] for name, records in arrivals.items()}
    return {view.name: rows(view, applied[view.source]) for view in pipeline.views}
