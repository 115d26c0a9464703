"""What is plotted: events per CPU second against the length of the window, the number of entities, and the size of a hot key."""

import cases
import versus

TITLE_BY_KEY = {
    "windows": ("One window of this length", "5,000 entities; six values of one window at every event"),
    "entities": ("Entities", "W1 at every event; 1,000,000 events over 60 days, evenly over so many entities"),
    "hot": ("Events of one entity in its longest window", "W1 at every event of a single entity"),
}


def measure(quick, timeout, with_peers):
    """`{key: {"x": title, "how": …, "series": {name: [[x, events per CPU second], …]}}}`."""
    rounds = 1 if quick else 2
    result = {}
    for key, points in [("windows", windows(quick)), ("entities", entities(quick)), ("hot", hot(quick))]:
        series = versus.compete(points, rounds, timeout, with_peers)
        title, how = TITLE_BY_KEY[key]
        result[key] = {"x": title, "how": how, "series": {name: list(map(list, by.items())) for name, by in series.items()}}
    return result


def windows(quick):
    """By hours."""
    path = cases.Shape(100_000 if quick else 1_000_000, days=183).file()
    return {
        hours: (cases.pipeline((name,)), (name,), path, ())
        for hours, name in [(1, "1h"), (6, "6h"), (24, "1d"), (168, "7d"), (720, "30d"), (2160, "90d")]
    }


def entities(quick):
    events = 100_000 if quick else 1_000_000
    counts = (100, 1_000, 10_000, 100_000) if quick else (100, 1_000, 10_000, 100_000, 1_000_000)
    return {
        count: (cases.W1, cases.W1_WINDOWS, cases.Shape(events, customers=count, days=60).file(), ("--memory", "8GiB"))
        for count in counts
    }


def hot(quick):
    points = {}
    for each in (1_000, 10_000, 100_000) if quick else (1_000, 10_000, 100_000, 1_000_000):
        events = max(each, 100_000 if quick else 500_000)
        points[each] = (cases.W1, cases.W1_WINDOWS, cases.filled(each, events, customers=1).file(), ())
    return points
