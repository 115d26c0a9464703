"""Events per CPU second, Freshet and its peers, as SVG: three panels on one vertical axis, all axes logarithmic."""

import math
from html import escape

from cases import BENCHMARKS

PLOT = BENCHMARKS / "plot.svg"
WIDTH, HEIGHT = 1180, 470
LEFT, RIGHT, TOP, BOTTOM, GAP = 98, 22, 92, 62, 30
COLOURS = {"Freshet": "#c0392b", "Polars": "#1f77b4", "DuckDB": "#b8860b", "Flink": "#2e8b57"}
OTHER, INK, GRID = "#666666", "#222222", "#e3e3e3"
PANELS = [
    ("windows", "length of the one window", {1: "1h", 6: "6h", 24: "1d", 168: "7d", 720: "30d", 2160: "90d"}),
    ("entities", "entities", None),
    ("hot", "events of one entity in its longest window", None),
]
#: Of the table of peers, those that are shown as points, with short names.
POINTS = {
    "Flink, MapState pattern, heap": "Flink MapState",
    "Flink, ring buffer by hand, RocksDB": "Flink ring, RocksDB",
    "Flink, MapState pattern, RocksDB": "Flink MapState, RocksDB",
    "Flink, SQL OVER, heap": "Flink SQL",
    "Flink, SQL OVER, RocksDB": "Flink SQL, RocksDB",
    "pandas, as in the fraud handbook": "pandas (6 values)",
    "Redis, sorted sets, Python client": "Redis",
    "Quix Streams, sliding windows": "Quix (20 values)",
}
#: W1's table is over so many entities.
POINTS_AT = 5_000
TITLES = {"windows": "By window", "entities": "By number of entities", "hot": "By size of a hot key"}


def write(run):
    if run["curves"]:
        PLOT.write_text(svg(run["curves"], points(run["tables"].get("peers"))))


def points(table):
    """Events per CPU second of peers that were measured once, without start-up."""
    rows = {row["name"]: row for row in table["rows"]} if table else {}
    return {short: 1e6 / rows[name]["net"] for name, short in POINTS.items() if rows.get(name, {}).get("net")}


def svg(curves, single):
    rates = [rate for curve in curves.values() for line in curve["series"].values() for _, rate in line] + list(single.values())
    low, high = math.floor(math.log10(min(rates))), math.log10(max(rates)) + 0.15
    width = (WIDTH - LEFT - RIGHT - 2 * GAP) / 3
    bottom = HEIGHT - BOTTOM

    def y(rate):
        return bottom - (math.log10(rate) - low) / (high - low) * (bottom - TOP)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Helvetica, Arial, sans-serif" '
        'font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        text(LEFT, 26, "Events per CPU second, start-up left out", size=17, weight="bold"),
        text(22, (TOP + bottom) / 2, "events per CPU second", anchor="middle", turn=True),
    ]
    out += legend(sorted({name for curve in curves.values() for name in curve["series"]}, key=order))
    for index, (key, label, ticks) in enumerate(PANELS):
        if key not in curves:
            continue
        left = LEFT + index * (width + GAP)
        series = curves[key]["series"]
        xs = sorted({x for line in series.values() for x, _ in line})
        first, last = math.log10(xs[0]), math.log10(xs[-1])

        def x(value):
            return left + 14 + (math.log10(value) - first) / (last - first) * (width - 28)

        out.append(text(left, TOP - 12, TITLES[key], weight="bold"))
        out += grid(left, width, low, high, y, with_labels=index == 0)
        for value in ticks or [10**power for power in range(math.ceil(first), math.floor(last) + 1)]:
            if not xs[0] <= value <= xs[-1]:
                continue
            out.append(f'<line x1="{x(value):.1f}" y1="{bottom}" x2="{x(value):.1f}" y2="{bottom + 5}" stroke="{INK}"/>')
            out.append(text(x(value), bottom + 20, ticks[value] if ticks else count(value), anchor="middle"))
        out.append(text(left + width / 2, bottom + 44, label, anchor="middle"))
        for name in sorted(series, key=order, reverse=True):
            out += curve_of(series[name], x, y, colour(name), is_ours=name == "Freshet")
        if key == "entities" and xs[0] <= POINTS_AT <= xs[-1]:
            out += single_points(single, x(POINTS_AT), y)
    out.append("</svg>")
    return "\n".join(out) + "\n"


def grid(left, width, low, high, y, with_labels):
    out = []
    for power in range(low, math.floor(high) + 1):
        for step in range(1, 10):
            rate = step * 10**power
            if math.log10(rate) > high:
                break
            stroke = "#c4c4c4" if step == 1 else GRID
            out.append(f'<line x1="{left:.1f}" y1="{y(rate):.1f}" x2="{left + width:.1f}" y2="{y(rate):.1f}" stroke="{stroke}"/>')
        if with_labels:
            out.append(text(left - 8, y(10**power) + 4, f"{10**power:,}", anchor="end"))
    return out


def curve_of(line, x, y, colour, is_ours):
    places = " ".join(f"{x(value):.1f},{y(rate):.1f}" for value, rate in sorted(line))
    out = [f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{3 if is_ours else 2}"/>']
    out += [f'<circle cx="{x(value):.1f}" cy="{y(rate):.1f}" r="{4 if is_ours else 3}" fill="{colour}"/>' for value, rate in line]
    return out


def single_points(single, x, y):
    """Diamonds with names, which keep clear of one another."""
    out = []
    lowest = -math.inf
    for name, rate in sorted(single.items(), key=lambda item: -item[1]):
        place = y(rate)
        label = max(place, lowest + 13)
        lowest = label
        out.append(f'<path d="M{x:.1f} {place - 5:.1f}l5 5l-5 5l-5 -5z" fill="{OTHER}"/>')
        if label > place + 1:
            out.append(f'<line x1="{x + 5:.1f}" y1="{place:.1f}" x2="{x + 13:.1f}" y2="{label:.1f}" stroke="{OTHER}" '
                       'stroke-width="0.7"/>')
        out.append(text(x + 15, label + 4, name, size=11.5, fill=OTHER, halo=True))
    return out


def legend(names):
    out, left = [], LEFT
    for name in names:
        out.append(f'<line x1="{left}" y1="49" x2="{left + 26}" y2="49" stroke="{colour(name)}" stroke-width="3"/>')
        label = name.removesuffix(", heap").removesuffix(", window functions").removesuffix(", rolling by group")
        out.append(text(left + 32, 53.5, label))
        left += 64 + 7 * len(label)
    out.append(f'<path d="M{left + 6} 44l5 5l-5 5l-5 -5z" fill="{OTHER}"/>')
    out.append(text(left + 18, 53.5, f"measured at one point: {POINTS_AT:,} entities"))
    return out


def count(number):
    """`10 k`, `1 M`."""
    return f"{number // 1_000_000} M" if number >= 1_000_000 else f"{number // 1000} k" if number >= 1000 else str(number)


def colour(name):
    return next((colour for start, colour in COLOURS.items() if name.startswith(start)), OTHER)


def order(name):
    return next((index for index, start in enumerate(COLOURS) if name.startswith(start)), len(COLOURS))


def text(x, y, words, anchor="start", size=13, weight="normal", fill=INK, turn=False, halo=False):
    around = ' stroke="#ffffff" stroke-width="3" paint-order="stroke"' if halo else ""
    turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="{fill}"'
            f"{around}{turned}>{escape(words)}</text>")
