"""A pipeline as Python values: what the oracle computes from, and the YAML that the binary reads.

An expression stands in both worlds: its text for the file, a lambda for the oracle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

UNITS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


def micros(duration: str) -> int | None:
    """`30s` in microseconds; `lifetime` is None."""
    if duration == "lifetime":
        return None
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h|d)", duration).groups()
    return int(number) * UNITS[unit]


@dataclass(frozen=True, eq=False)
class Expression:
    text: str
    type: str
    of: Callable[[dict], object]


def column(name: str, type: str) -> Expression:
    return Expression(name, type.rstrip("?"), lambda fields: fields[name])


@dataclass(frozen=True)
class Feature:
    name: str
    function: str
    windows: tuple[str, ...]
    argument: Expression | None = None
    delay: str | None = None
    where: Expression | None = None

    @property
    def result_type(self) -> str:
        """Section 2, Numbers."""
        if self.function in ("count", "count_distinct"):
            return "int64"
        kind = self.argument.type
        if self.function == "sum" and kind == "int64":
            return "int64"
        if self.function in ("min", "max", "first", "last") and kind in ("int64", "string", "bool", "timestamp"):
            return kind
        return "double"

    def value_name(self, window: str) -> str:
        return f"{self.name}_{window}"


@dataclass(frozen=True)
class View:
    name: str
    source: str
    entity: tuple[str, ...]
    features: tuple[Feature, ...]
    where: Expression | None = None
    snapshots: str | None = None
    serve_at: str | None = None
    bounds: str | None = None

    @property
    def value_types(self) -> dict[str, str]:
        return {f.value_name(w): f.result_type for f in self.features for w in f.windows}


@dataclass(frozen=True)
class Source:
    name: str
    fields: dict[str, str]
    event_time: str = "event_time"
    unit: str = "ms"
    out_of_orderness: str = "5s"
    key: str | None = None
    topic: str | None = None
    idle_timeout: str | None = None
    archive: bool = False


@dataclass(frozen=True)
class Pipeline:
    name: str
    sources: tuple[Source, ...]
    views: tuple[View, ...]
    about: tuple[str, ...] = field(default=())

    def source(self, name: str) -> Source:
        return next(s for s in self.sources if s.name == name)

    def view(self, name: str) -> View:
        return next(v for v in self.views if v.name == name)

    def yaml(self) -> str:
        lines = [f"# {line}" for line in self.about]
        lines += [f"pipeline: {self.name}", "version: 1", "sources:"]
        for source in self.sources:
            lines += source_yaml(source)
        lines.append("views:")
        for view in self.views:
            lines += view_yaml(view)
        return "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    """Plain where YAML leaves no doubt, else double-quoted."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*(\([A-Za-z0-9_.]*\))?\??", text)
    reserved = text.lower() in ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
    return text if plain and not reserved else json.dumps(text, ensure_ascii=False)


def source_yaml(source: Source) -> list[str]:
    lines = [f"  {source.name}:", f"    topic: {source.topic or source.name}", "    format: json"]
    if source.key:
        lines.append(f"    key: {source.key}")
    lines.append(f"    event_time: {{field: {source.event_time}, unit: {source.unit}}}")
    lines.append(f"    out_of_orderness: {source.out_of_orderness}")
    if source.idle_timeout:
        lines.append(f"    idle_timeout: {source.idle_timeout}")
    if source.archive:
        lines.append("    archive: true")
    lines.append("    fields:")
    lines += [f"      {scalar(name)}: {type}" for name, type in source.fields.items()]
    return lines


def view_yaml(view: View) -> list[str]:
    lines = [f"  {view.name}:", f"    source: {view.source}", f"    entity: [{', '.join(map(scalar, view.entity))}]"]
    if view.where:
        lines.append(f"    where: {scalar(view.where.text)}")
    for key in ("snapshots", "serve_at"):
        if value := getattr(view, key):
            lines.append(f"    {key}: {value}")
    if view.bounds:
        lines.append(f'    bounds: "{view.bounds}"')
    lines.append("    features:")
    for feature in view.features:
        call = f"{feature.function}({feature.argument.text if feature.argument else ''})"
        parts = [f"name: {feature.name}", f"aggregate: {scalar(call)}", f"windows: [{', '.join(feature.windows)}]"]
        if feature.delay:
            parts.append(f"delay: {feature.delay}")
        if feature.where:
            parts.append(f"where: {scalar(feature.where.text)}")
        lines.append("      - {" + ", ".join(parts) + "}")
    return lines
